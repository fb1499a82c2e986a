"""Quantising in a second engine process.

torch comes and goes with it, so that the process that answers never holds its 500 MB; and where
memory runs out, the system ends the quantising alone.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.client import SIGKILL, EngineClient
from engine.errors import EngineDied, FailedApart
from engine.hardware import unbound
from engine.messages import AnyEvent, Crashed, Failed, Progress, Quantise, Quantised

if TYPE_CHECKING:
    from engine.assembly import OnProgress
    from engine.loader import LoadRequest


def quantise_apart(request: "LoadRequest", on_progress: "OnProgress") -> None:
    """Make the packed weights of `request`, whose kernel is "native" or "torch".

    What on_progress raises stops the work. Raises FailedApart, MemoryError or EngineDied.
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
            elif _is_over(event, stopped):
                return


@contextlib.contextmanager
def _second_process(request: "LoadRequest") -> Iterator[EngineClient]:
    client = EngineClient(request.paths)
    with unbound(request.cpu):
        client.start()
    try:
        yield client
    finally:
        client.close()


def _is_over(event: AnyEvent, stopped: Exception | None) -> bool:
    """Return whether `event` says that all is done; raise where it says that nothing will be."""
    if isinstance(event, Failed | Crashed) and stopped:
        raise stopped
    if isinstance(event, Failed):
        raise FailedApart(event.kind, event.sentence, event.way_out)
    if isinstance(event, Crashed):
        if event.exit_code == -SIGKILL:
            raise MemoryError
        raise EngineDied(outcome=event.sentence, advice=event.way_out)
    return isinstance(event, Quantised)
