"""Runs a comparison: one engine process after the other, as two would share the cores."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from engine.client import EngineClient
from engine.lab.records import Plan
from engine.lab.steps import Step
from engine.paths import Paths

MakeClient: TypeAlias = Callable[[], EngineClient]


class Runner:
    """One comparison. `steps` runs in the thread that iterates it; `stop` may be called from any.

    Leaves no process and no file behind, however it ends: closing the iterator suffices.
    """

    def __init__(self, plan: Plan, make_client: MakeClient, paths: Paths) -> None:
        self._plan = plan

    def steps(self) -> Iterator[Step]:
        """Yield what happens, `Finished` at last, after `stop` too.

        Raises BadSetting where the plan makes no sense.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Ask for the end; a second time ends the engine process at once."""
        raise NotImplementedError
