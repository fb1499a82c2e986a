"""One HTTP answer, read by a thread of its own: the caller never waits longer than a tick.

A stalled socket cannot be interrupted where it is read, and a person who presses Pause must not
wait for its time-out.
"""

import contextlib
import queue
import threading
from collections.abc import Iterator
from contextvars import copy_context
from types import TracebackType

import requests
import urllib3

TICK_S = 0.25
_READ = 1 << 20  # bytes at most of one piece
_AHEAD = 8  # pieces that may wait to be written


class LineBroken(Exception):
    """The request failed or the answer ended before its time; the cause says how."""


class Line:
    """The answer to a GET, as it comes. A context manager; the session is closed with it."""

    def __init__(self, session: requests.Session, address: str, headers: dict[str, str]) -> None:
        self._items: queue.Queue[requests.Response | bytes | Exception] = queue.Queue(_AHEAD)
        self._left = threading.Event()
        self._answer: requests.Response | None = None
        # In this context: the network's rules ask for the purpose that the caller declared.
        arguments = (self._read, session, address, headers)
        run = copy_context().run
        threading.Thread(target=run, args=arguments, daemon=True, name="line").start()

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._left.set()
        if self._answer is not None:
            with contextlib.suppress(Exception):
                self._answer.raw.shutdown()  # wakes the thread; it closes the rest

    def events(self) -> Iterator[requests.Response | bytes]:
        """Yield the answer's head, then pieces of its body; b"" where none came for TICK_S.

        Raises LineBroken, or what the network's rules raise.
        """
        ended = False
        while not ended:
            try:
                item = self._items.get(timeout=TICK_S)
            except queue.Empty:
                yield b""
                continue
            if isinstance(item, OSError | urllib3.exceptions.HTTPError):  # requests' are OSErrors
                raise LineBroken from item
            if isinstance(item, Exception):
                raise item
            ended = item == b""
            if not ended:
                yield item

    def _read(self, session: requests.Session, address: str, headers: dict[str, str]) -> None:
        try:
            with session, session.get(address, headers=headers, stream=True) as answer:
                self._answer = answer
                if not answer.ok:
                    _ = answer.content  # read here: two threads must not read from one answer
                self._put(answer)
                # read1 returns what has come; read would keep it back until a piece is full, and
                # lose it where the line breaks.
                while answer.ok and not self._left.is_set() and (piece := answer.raw.read1(_READ)):
                    self._put(piece)
                self._put(b"")
        except Exception as error:
            self._put(error)

    def _put(self, item: requests.Response | bytes | Exception) -> None:
        while not self._left.is_set():
            with contextlib.suppress(queue.Full):
                self._items.put(item, timeout=TICK_S)
                return
