"""The thread that a History lives on, so that no write ever keeps the window waiting."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from desktop.history.history import History

_Result = TypeVar("_Result")


class HistoryThread:
    """One History on one thread; what is asked of it is done in the order of asking.

    path: the file, None for a temporary history. The file is opened by the first call; where that
    fails every call's future holds the failure (a TernError), and the next call tries again.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._history: History | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")

    def call(self, work: Callable[[History], _Result]) -> Future[_Result]:
        """Do `work` on the thread; the future's callbacks run there too.

        A window's callback emits a signal, which Qt hands over to the window's own thread.
        """
        return self._executor.submit(lambda: work(self._opened()))

    def close(self) -> None:
        """Do what is waiting, end growing answers as partial, close the file; returns then.

        Raises what closing the file raises.
        """
        closing = self._executor.submit(self._close)
        self._executor.shutdown()
        closing.result()

    def _opened(self) -> History:
        if self._history is None:
            self._history = History.open(self._path) if self._path else History.temporary()
        return self._history

    def _close(self) -> None:
        if self._history:
            self._history.close()
