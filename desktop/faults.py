"""What goes wrong unforeseen in the window's own process: logged, told once, and survived.

Uncaught exceptions of all threads, Qt's own messages, and native crashes, which the next start
finds. Knows no widget.
"""

import contextlib
import faulthandler
import logging
import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import psutil
from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler

from engine.errors import TernError
from engine.logs import log_to
from engine.paths import Paths, make_folder

_log = logging.getLogger("desktop.faults")
_qt = logging.getLogger("qt")
_LEVELS = {
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class Faults(QObject):
    """The faults of this process, from `watch` on."""

    happened = Signal()  # one that was not there before; in the thread of this object

    def __init__(self, paths: Paths) -> None:
        super().__init__()
        self._paths = paths
        self._lock = threading.Lock()
        self._counts: Counter[object] = Counter()
        self.crashed_before = False  # whether a window's process has crashed since the last start

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Take note of faults, and leave everything as it was at the end.

        Where the logs' folder cannot be written to, what goes wrong is told without being logged.
        """
        with contextlib.ExitStack() as undo:
            with contextlib.suppress(TernError, OSError):
                make_folder(self._paths.logs)
                handler = log_to(self._paths.window_log)
                undo.callback(handler.close)
                undo.callback(logging.getLogger().removeHandler, handler)
                self.crashed_before = self._take_notes()
                undo.enter_context(self._noting_crashes())
            undo.callback(setattr, sys, "excepthook", sys.excepthook)
            undo.callback(setattr, sys, "unraisablehook", sys.unraisablehook)
            undo.callback(setattr, threading, "excepthook", threading.excepthook)
            sys.excepthook = self._on_exception
            sys.unraisablehook = lambda it: self._on_exception(
                it.exc_type, it.exc_value, it.exc_traceback
            )
            threading.excepthook = lambda it: self._on_exception(
                it.exc_type, it.exc_value, it.exc_traceback
            )
            undo.callback(qInstallMessageHandler, qInstallMessageHandler(self._on_qt_message))
            try:
                yield
            except Exception:  # before there is a window that could go on
                _log.critical("the program ends", exc_info=True)
                raise

    def _on_exception(
        self,
        kind: type[BaseException],
        value: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Log it, not each time where it comes over and over, and tell of it the first time."""
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            return
        count = self._count((kind, _innermost(where)))
        if count & (count - 1):  # 1, 2, 4, 8, … are logged: a fault in painting comes often
            return
        error = value or kind()
        _log.error("uncaught, for the %d. time", count, exc_info=(kind, error, where))
        if sys.stderr and sys.stderr.isatty():  # else it may go into the system's log
            traceback.print_exception(kind, error, where, file=sys.stderr)
        if count == 1:
            with contextlib.suppress(RuntimeError):  # the window is going, and this with it
                self.happened.emit()

    def _on_qt_message(self, kind: QtMsgType, _where: QMessageLogContext, text: str) -> None:
        count = self._count((kind, text))
        if kind in _LEVELS and not count & (count - 1):
            _qt.log(_LEVELS[kind], "%s", text)
        if sys.stderr:
            sys.stderr.write(f"{text}\n")

    def _count(self, fault: object) -> int:
        with self._lock:
            self._counts[fault] += 1
            return self._counts[fault]

    @contextlib.contextmanager
    def _noting_crashes(self) -> Iterator[None]:
        """Let a crash of compiled code write where it was; a file that stays empty goes."""
        file = self._paths.crash_note(os.getpid())
        was_enabled = faulthandler.is_enabled()
        with file.open("w", encoding="utf-8") as note:
            faulthandler.enable(note)
            try:
                yield
            finally:
                faulthandler.disable()
                if was_enabled and sys.__stderr__:
                    faulthandler.enable(sys.__stderr__)
        file.unlink(missing_ok=True)

    def _take_notes(self) -> bool:
        """Move what crashes have left into the log; return whether there was any."""
        found = False
        for file in self._paths.logs.glob(self._paths.CRASHES):
            with contextlib.suppress(OSError):
                if _is_in_use(file):
                    continue
                text = file.read_text(encoding="utf-8", errors="replace").strip()
                if text:
                    found = True
                    _log.critical("the window's process had crashed:\n%s", text)
                file.unlink()
        return found


def _innermost(where: TracebackType | None) -> tuple[str, int]:
    while where and where.tb_next:
        where = where.tb_next
    return (where.tb_frame.f_code.co_filename, where.tb_lineno) if where else ("", 0)


def _is_in_use(note: Path) -> bool:
    """Whether the window that made `note` still runs; numbers of processes are given again."""
    try:
        number = int(note.stem.rpartition("-")[2])
        return (
            number != os.getpid() and psutil.Process(number).create_time() <= note.stat().st_mtime
        )
    except (psutil.Error, ValueError):
        return False
