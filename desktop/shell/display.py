"""Whether a window can be opened here, found out without risking this process.

Qt aborts the process where it has no display or lacks a system library, so a forked child tries
first.
"""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Mapping

_LIMIT = 5.0  # seconds; a display at the far end of a slow line may take a while
_MISSING = re.compile(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file")
_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def why_no_window(environment: Mapping[str, str]) -> str:
    """Return why no window can be opened, as a sentence for a person, or "" where one can."""
    if sys.platform != "linux":
        return _why_no_import()
    if not any(environment.get(name) for name in _VARIABLES):
        return "There is no display here"
    return _why_no_import() or _why_no_start(environment)


def _why_no_import() -> str:
    try:
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError as error:
        missing = _MISSING.search(str(error))
        return (
            f"The window needs the system library {missing[1]}"
            if missing
            else (f"The window's toolkit cannot be loaded ({error})")
        )
    return ""


def _why_no_start(environment: Mapping[str, str]) -> str:
    """Let a child open the display; return what it died of, or ""."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _try_display(writer)
    os.close(writer)
    words = _read_all(reader, child)
    _, status = os.waitpid(child, 0)
    return _reason(words, environment) if status else ""


def _try_display(writer: int) -> None:
    """Open the display and leave. Runs in the child, and never returns."""
    import resource  # not on Windows, which never comes here

    from PySide6.QtGui import QGuiApplication

    os.dup2(writer, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # Qt aborts; that is no bug to record
    os.environ["QT_DEBUG_PLUGINS"] = "1"  # names the library that is missing
    QGuiApplication([])
    os._exit(0)


def _read_all(reader: int, child: int) -> str:
    """Return what the child wrote until it ended; end it after a while."""
    deadline = time.monotonic() + _LIMIT
    words = b""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            part = pipe.read(65536)
            if not part:
                return words.decode(errors="replace")
            words += part
    os.kill(child, signal.SIGKILL)
    return words.decode(errors="replace")


def _reason(words: str, environment: Mapping[str, str]) -> str:
    display = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY", "")
    if "could not connect to display" in words or "Failed to create wl_display" in words:
        return f"The display {display} cannot be reached"
    missing = _MISSING.search(words)
    if missing:
        return f"The window needs the system library {missing[1]}"
    return "No window can be opened on this display"
