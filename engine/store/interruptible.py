"""Work that blocks, such as a request, left alone as soon as the person asks for it."""

import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

from engine.errors import Stopped

_TICK_S = 0.1
T = TypeVar("T")


def interruptible(work: Callable[[], T], stop: threading.Event) -> T:
    """Return what `work` returns or raise what it raises; raise Stopped soon after `stop` is set.

    The work then goes on by itself, on a thread that nobody waits for.
    """
    results: queue.SimpleQueue[tuple[T, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put((work(), None))
        except Exception as error:
            results.put((None, error))

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    while not stop.is_set():
        try:
            result, error = results.get(timeout=_TICK_S)
        except queue.Empty:
            continue
        if error is not None:
            raise error
        return result  # type: ignore[return-value]
    raise Stopped
