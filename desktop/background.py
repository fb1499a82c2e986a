"""Work in threads: the disk and the Hub may take their time, the window may not.

What comes of the work arrives in the window's thread; after `close` nothing arrives any more.
"""

import functools
import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QThread, Signal, Slot

from desktop.state import Notice, fault_notice
from engine.errors import Stopped, TernError

Result = TypeVar("Result")
OnProgress = Callable[[str, int, int], None]

_TELL_S = 0.05
_log = logging.getLogger("desktop")


class Task(QThread):
    """One piece of work; ends in exactly one of success, failure, and the stop that was asked for.

    The work gets the task: it calls `tell` with its progress, and may look at `stop_wanted`.
    """

    _handed_over = Signal(object)  # a call to be made in the window's thread

    def __init__(self, work: Callable[["Task"], Any], parent: QObject) -> None:
        super().__init__(parent)
        self._work = work
        self._told_at = 0.0
        self._forgotten = False
        self.stop_wanted = threading.Event()
        self.on_success: Callable[[Any], object] = _ignore
        self.on_failure: Callable[[Notice], object] = _ignore
        self.on_stop: Callable[[], object] = _ignore
        self.on_progress: OnProgress = _ignore
        self._handed_over.connect(self._call)

    def run(self) -> None:
        """Do the work. Runs in the thread."""
        try:
            result = self._work(self)
        except Stopped:
            self._handed_over.emit(self.on_stop)
        except TernError as error:
            self._fail(Notice(error.said, error.advice))
        except Exception as error:  # a thread that dies silently would leave the window waiting
            _log.exception("in the background")
            self._fail(fault_notice(error))
        else:
            self._handed_over.emit(functools.partial(self.on_success, result))

    def tell(self, name: str, done: int, total: int) -> None:
        """Pass progress on, not too often. Raises Stopped where that is wanted."""
        if self.stop_wanted.is_set():
            raise Stopped
        if monotonic() - self._told_at >= _TELL_S or done == total:
            self._told_at = monotonic()
            self._handed_over.emit(functools.partial(self.on_progress, name, done, total))

    def forget(self) -> None:
        """Ask it to stop, and let nothing of it arrive any more."""
        self._forgotten = True
        self.stop_wanted.set()

    def _fail(self, notice: Notice) -> None:
        self._handed_over.emit(functools.partial(self.on_failure, notice))

    @Slot(object)
    def _call(self, call: Callable[[], object]) -> None:
        if not self._forgotten:
            call()


class Background(QObject):
    """The tasks that run now."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks: set[Task] = set()

    def run(
        self,
        work: Callable[[Task], Result],
        on_success: Callable[[Result], object],
        on_failure: Callable[[Notice], object] = lambda _notice: None,
        on_progress: OnProgress = lambda _name, _done, _total: None,
        on_stop: Callable[[], object] = lambda: None,
    ) -> Task:
        """Start `work` in a thread of its own; one of the callbacks tells how it ended."""
        task = Task(work, self)
        task.on_success, task.on_failure = on_success, on_failure
        task.on_progress, task.on_stop = on_progress, on_stop
        task.finished.connect(self._on_finished)
        self._tasks.add(task)
        task.start()
        return task

    def close(self) -> None:
        """Stop what runs; returns when all threads have ended."""
        for task in tuple(self._tasks):
            task.forget()
        for task in tuple(self._tasks):
            task.wait()

    @Slot()
    def _on_finished(self) -> None:
        task = self.sender()
        assert isinstance(task, Task)
        self._tasks.discard(task)
        task.deleteLater()


def _ignore(*_arguments: object) -> None:
    """What is done where nobody waits for it."""
