"""A history on its thread, asked from the window's: the event loop never waits for the disk."""

import contextlib
import functools
import logging
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from desktop.history import History, HistoryThread
from desktop.state import Notice, fault_notice
from engine.errors import TernError

Result = TypeVar("Result")

_log = logging.getLogger("desktop")


class Store(QObject):
    """The chats of one file, or of memory alone.

    What is asked of it is done in the order of asking, and so are the answers given, in the
    window's thread. After `close` nothing is done and nothing arrives any more.
    """

    failed = Signal(object)  # Notice of what nobody else took care of
    _handed_over = Signal(object)  # a call to be made in the window's thread

    def __init__(self, path: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = HistoryThread(path)
        self._closed = False
        self._handed_over.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def do(
        self,
        work: Callable[[History], Result],
        then: Callable[[Result], object] = lambda _result: None,
        otherwise: Callable[[Notice], object] | None = None,
    ) -> None:
        """Do `work` in the thread; hand its result to `then`, or say by `otherwise` why not."""
        if self._closed:
            return

        def hand_over(future: "Future[Result]") -> None:
            call = functools.partial(self._deliver, future, then, otherwise or self.failed.emit)
            self._handed_over.emit(call)

        self._thread.call(work).add_done_callback(hand_over)

    def forget_file(self) -> None:
        """Keep what comes in memory alone, in place of a file that could not be opened."""
        self._end_thread()
        self._thread = HistoryThread(None)

    def close(self) -> None:
        """Write what is still to be written and close the file; returns then."""
        if not self._closed:
            self._closed = True
            self._end_thread()

    def _end_thread(self) -> None:
        with contextlib.suppress(TernError):  # the next start finds what was journaled
            self._thread.close()

    @Slot(object)
    def _call(self, call: Callable[[], object]) -> None:
        if not self._closed:
            call()

    @staticmethod
    def _deliver(
        future: "Future[Any]",
        then: Callable[[Any], object],
        otherwise: Callable[[Notice], object],
    ) -> None:
        try:
            result = future.result()
        except TernError as error:
            otherwise(Notice(error.said, error.advice))
        except Exception as error:  # who waits for it must not wait for ever
            _log.exception("in the history's thread")
            otherwise(fault_notice(error))
        else:
            then(result)
