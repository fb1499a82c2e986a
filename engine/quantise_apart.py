"""Quantising in a second engine process.

torch comes and goes with it, so that the process that answers never holds its 500 MB; and where
memory runs out, the system ends the quantising alone.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.client import EngineClient
from engine.errors import EngineDied, FailedApart
from engine.hardware import unbound
from engine.messages import AnyEvent, Crashed, Failed, Progress, Quantise, Quantised
from engine.outcome import FOR_MEMORY
from engine.paths import Paths
from engine.telemetry import forget_peak, memory

if TYPE_CHECKING:
    from engine.assembly import OnProgress
    from engine.loader import LoadRequest


class PackingWatch:
    """The peak of a load's memory, and of what it quantises. A context manager around the load.

    peak_bytes: of all processes together while weights were quantised, 0 where none were.
    """

    def __init__(self, paths: Paths) -> None:
        self.peak_bytes = 0
        self._packed = paths.packed
        self._before: set[str] = set()

    def __enter__(self) -> "PackingWatch":
        forget_peak()
        self._before = self._folders()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.peak_bytes and self._folders() - self._before:  # IPEX quantises in this process
            self.peak_bytes = memory()[1]
            forget_peak()

    def quantise(self, request: "LoadRequest", on_progress: "OnProgress") -> None:
        """Do what `quantise_apart` does."""
        second = quantise_apart(request, on_progress)
        self.peak_bytes = second + memory()[0]

    def _folders(self) -> set[str]:
        return {path.name for path in self._packed.glob("[!.]*")}


def quantise_apart(request: "LoadRequest", on_progress: "OnProgress") -> int:
    """Make the packed weights of `request`, whose kernel is "native" or "torch".

    Returns the peak of the second process's memory in bytes. What on_progress raises stops the
    work. Raises FailedApart, MemoryError or EngineDied.
    """
    on_progress(f"Quantising to {request.precision}", 0, 1)
    with _second_process(request) as client:
        request_id = client.next_id()
        client.send(
            Quantise(
                request_id=request_id,
                folder=str(request.folder),
                precision=request.precision,
                kernel=request.kernel,
                quantisation=request.quantisation,
            )
        )
        stopped: Exception | None = None
        for event in client.events():
            if isinstance(event, Progress) and not stopped:
                try:
                    on_progress(event.stage, event.done, event.total)
                except Exception as reason:
                    # Not raised at once: the process tidies up before it says that it has stopped.
                    stopped = reason
                    client.stop(request_id)
            elif isinstance(event, Quantised):
                return event.peak_rss_bytes
            else:
                _check(event, stopped)
    raise AssertionError("the events end in a crash")


@contextlib.contextmanager
def _second_process(request: "LoadRequest") -> Iterator[EngineClient]:
    client = EngineClient(request.paths)
    with unbound(request.cpu):
        client.start()
    try:
        yield client
    finally:
        client.close()


def _check(event: AnyEvent, stopped: Exception | None) -> None:
    """Raise where `event` says that nothing will come of it."""
    if isinstance(event, Failed | Crashed) and stopped:
        raise stopped
    if isinstance(event, Failed):
        raise FailedApart(event.kind, event.sentence, event.way_out)
    if isinstance(event, Crashed):
        if event.cause in FOR_MEMORY:
            raise MemoryError
        raise EngineDied(outcome=event.sentence, advice=event.way_out)
