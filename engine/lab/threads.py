"""The best number of threads for a model in a precision, measured.

More threads are not always faster: memory is soon saturated, and a core of another kind or the
second thread of a core can hold the others back. Which logical CPUs a number of threads means is
`engine.hardware`'s order: performance cores of one NUMA node first, the others after them.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.errors import Stopped
from engine.hardware import Cpu
from engine.lab.conditions import NoiseWatch
from engine.lab.course import Watch
from engine.lab.process import LabProcess, MakeClient, Refused
from engine.lab.records import Estimate
from engine.lab.statistics import LEAST_UNITS, median
from engine.messages import (
    Done,
    Generate,
    KernelChoice,
    Load,
    Metrics,
    Precision,
    Progress,
    SamplingSettings,
)
from engine.settings import SettingsFile, threads_key
from engine.store.hub_cache import identity

OnProgress = Callable[[str, int, int], None]

_RUNS = LEAST_UNITS  # of each number of threads; the fewest that have an interval
_TOKENS = 32
_OPENERS = ("The", "A", "In", "On", "We", "You")  # no two runs share what the cache could serve
_TEXT = " river and a small house near some old trees where people walk in the morning light" * 3


@dataclass(frozen=True)
class Point:
    """One place on the curve. cores: the logical CPUs; spoiled: why it does not count, or "".

    A spoiled one has the figures of all its runs, the others those of the valid ones.
    """

    threads: int
    cores: tuple[int, ...]
    decode_tokens_per_s: Estimate
    prefill_tokens_per_s: Estimate
    spoiled: str = ""


@dataclass(frozen=True)
class Curve:
    """A sweep over thread counts. usual: what is taken where nobody chose."""

    model: str
    precision: Precision
    points: tuple[Point, ...]
    usual: int

    @property
    def best(self) -> Point | None:
        """The fewest threads whose decode speed no other count surely exceeds; None without any."""
        valid = [point for point in self.points if not point.spoiled]
        top = max((point.decode_tokens_per_s.low for point in valid), default=0.0)
        return next((p for p in valid if p.decode_tokens_per_s.high >= top), None)


def counts(cpu: Cpu) -> tuple[int, ...]:
    """Return the numbers of threads to try on `cpu`, ascending: all up to 8, then ever fewer."""
    cores, most = len(cpu.cores), cpu.logical
    tried = {n for n in range(1, most + 1) if n <= 8 or n % (1 << (n.bit_length() - 3)) == 0}
    return tuple(sorted(tried | {cores, cpu.threads, most}))


class Tuner:
    """A sweep. `points` runs in the thread that iterates it; `stop` may be called from any.

    tried: numbers of threads, ascending; none takes `counts`. watch: see `Runner`.
    on_progress(stage, done, total) is called while a model loads, which may quantise it first.
    """

    def __init__(
        self,
        model: str,
        precision: Precision,
        make_client: MakeClient,
        cpu: Cpu,
        kernel: KernelChoice = "auto",
        tried: Sequence[int] = (),
        watch: Watch = NoiseWatch,
        on_progress: OnProgress = lambda stage, done, total: None,
    ) -> None:
        self._on_progress = on_progress
        self._load = Load(request_id=0, model=model, precision=precision, kernel=kernel)
        self._make_client = make_client
        self._cpu = cpu
        self._tried = tuple(tried) or counts(cpu)
        self._watch = watch
        self._stopping = threading.Event()
        self._points: list[Point] = []

    def points(self) -> Iterator[Point]:
        """Yield each point as it is measured, until the end or a stop.

        Raises EngineDied, or Refused where the model cannot be loaded.
        """
        try:
            with LabProcess(self._make_client, self._stopping) as process:
                for threads in self._tried:
                    point = self._point(process, threads)
                    if point is None:
                        return
                    self._points.append(point)
                    yield point
        except Stopped:
            return

    def curve(self) -> Curve:
        """Return what has been measured so far."""
        load = self._load
        return Curve(load.model, load.precision, tuple(self._points), self._cpu.threads)

    def stop(self) -> None:
        """End the sweep; the curve keeps what there is."""
        self._stopping.set()

    def _point(self, process: LabProcess, threads: int) -> Point | None:
        """Measure; None where these kernels take no more threads than before."""
        try:
            for event in process.ask(msgspec.structs.replace(self._load, threads=threads)):
                if isinstance(event, Progress):
                    self._on_progress(event.stage, event.done, event.total)
        except Refused as refused:
            if self._points and refused.failed.kind == "BadSetting":
                return None
            raise
        _reply(process, "+")  # warms up
        runs = [self._run(process, run) for run in range(_RUNS)]
        valid = [metrics for metrics, spoiled in runs if not spoiled]
        spoiled = "" if valid else runs[-1][1]
        counted = valid or [metrics for metrics, _ in runs]
        return Point(
            threads,
            self._cpu.with_threads(threads).cores,
            median([metrics.decode_tokens_per_s for metrics in counted], "runs"),
            median([metrics.prefill_tokens_per_s for metrics in counted], "runs"),
            spoiled,
        )

    def _run(self, process: LabProcess, number: int) -> tuple[Metrics, str]:
        watch = self._watch(process.pid)
        metrics = _reply(process, _OPENERS[number % len(_OPENERS)] + _TEXT)
        return metrics, watch.verdict()


def remember(
    settings: SettingsFile,
    folder: Path,
    precision: Precision,
    threads: int | None,
    kernel: KernelChoice = "auto",
) -> None:
    """Let loads of the model in `folder` take so many threads from now on; None forgets it.

    Raises UnwritableFolder.
    """
    key = threads_key(identity(folder), precision, kernel)
    others = {name: count for name, count in settings.value.threads.items() if name != key}
    settings.save(threads=others if threads is None else others | {key: threads})


def _reply(process: LabProcess, prompt: str) -> Metrics:
    sampling = SamplingSettings(temperature=0, repetition_penalty=1, max_new_tokens=_TOKENS)
    request = Generate(request_id=0, prompt=prompt, sampling=sampling, ignore_end=True)
    *_, done = process.ask(request)
    assert isinstance(done, Done)
    if done.finish_reason == "stopped":
        raise Stopped
    return done.metrics
