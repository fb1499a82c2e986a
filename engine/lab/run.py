"""Runs a comparison: one engine process after the other, as two would share the cores."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.errors import BadSetting, EmptyPrompt, Stopped, TernError
from engine.lab.conditions import NoiseWatch
from engine.lab.course import Course, Watch
from engine.lab.process import LabProcess, MakeClient, Refused
from engine.lab.records import MAX_PROMPTS, Plan
from engine.lab.scratch import scratch_folder
from engine.lab.steps import Finished, GaveUp, Step, Working
from engine.lab.tally import Record, Tally
from engine.models import resolve
from engine.paths import Paths


class Runner:
    """One comparison. `steps` runs in the thread that iterates it; `stop` may be called from any.

    Leaves no process and no file behind, however it ends: closing the iterator suffices. watch:
    makes what sees whether an answer's speed was spoiled.
    """

    def __init__(
        self, plan: Plan, make_client: MakeClient, paths: Paths, watch: Watch = NoiseWatch
    ) -> None:
        self._plan = plan
        self._make_client = make_client
        self._paths = paths
        self._watch = watch
        self._stopping = threading.Event()
        self._process: LabProcess | None = None

    def steps(self) -> Iterator[Step]:
        """Yield what happens, `Finished` at last, after `stop` too.

        Raises BadSetting or EmptyPrompt where the plan makes no sense, ModelNotFound, NotAModel or
        UnwritableFolder. What a variant fails of is told by `GaveUp`.
        """
        tally = Tally(checked(self._plan))
        resolve(self._plan.model)
        with scratch_folder(self._paths) as folder:
            try:
                for number, record in enumerate(tally.records):
                    yield from self._variant(number, record, folder, tally)
            except Stopped:
                tally.stopped = True
        yield Finished(tally.comparison())

    def stop(self) -> None:
        """Ask for the end; a second time ends the engine process at once."""
        process = self._process
        if self._stopping.is_set() and process:
            process.kill()
        self._stopping.set()

    def _variant(self, number: int, record: Record, folder: Path, tally: Tally) -> Iterator[Step]:
        if self._stopping.is_set():
            raise Stopped
        yield Working(number, "Starting the engine")
        try:
            with LabProcess(self._make_client, self._stopping) as process:
                self._process = process
                tally.versions = process.versions
                reference = tally.records[0]
                yield from Course(
                    tally.plan, number, record, reference, process, folder, self._watch
                ).steps()
        except Refused as refused:
            told = refused.failed
            failure = tally.failed(record.variant, told.kind, told.sentence, told.way_out)
            yield GaveUp(number, failure)
        except TernError as error:
            failure = tally.failed(record.variant, error.kind, error.said, error.advice)
            yield GaveUp(number, failure)
        finally:
            self._process = None


def checked(plan: Plan) -> Plan:
    """Return `plan`, its seed drawn. Raises BadSetting or EmptyPrompt where it makes no sense."""
    if not plan.variants or len(set(plan.variants)) < len(plan.variants):
        value = ", ".join(variant.label for variant in plan.variants) or "none"
        raise BadSetting(name="The precisions", value=value, allowed="one or more, each once")
    if not 1 <= len(plan.prompts) <= MAX_PROMPTS:
        allowed = f"from 1 to {MAX_PROMPTS}"
        raise BadSetting(name="The number of prompts", value=len(plan.prompts), allowed=allowed)
    if not all(prompt.title.strip() for prompt in plan.prompts):
        raise EmptyPrompt()
    if plan.sampling.seed is not None:
        return plan
    # Kept, so that the comparison can be run again.
    sampling = msgspec.structs.replace(plan.sampling, seed=random.getrandbits(32))
    return msgspec.structs.replace(plan, sampling=sampling)
