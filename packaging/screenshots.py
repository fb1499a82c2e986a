"""Writes pictures of the real window with the real engine and the demo model: `make screenshots`.

Needs no display, but fonts: `apt install fonts-inter`, or any other sans-serif font.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QEventLoop
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from desktop import app as desktop_app
from desktop.app import Desktop
from desktop.state import State
from engine.messages import Precision
from engine.paths import Paths, assets_folder
from engine.settings import ThemeChoice

QUESTIONS = ("Who are you?", "What is int4?", "Tell me a story about a fox.")
THEMES: tuple[ThemeChoice, ...] = ("light", "dark")
FONTS = ("Inter", "Noto Sans", "Cantarell")  # the first that is installed
SIZE = (1000, 760)
LIMIT_MS = 120_000


def main() -> int:
    """Write welcome and chat, in light and dark, to assets/screenshots."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QT_SCALE_FACTOR", "2")
    with tempfile.TemporaryDirectory() as home:
        os.environ["TERN_HOME"] = home  # a fresh user's window, and nobody's settings
        app = QApplication(sys.argv[:1])
        app.setFont(_font())
        desktop = desktop_app.build(app, Paths.default(), "demo", Precision.INT4)
        desktop.window.resize(*SIZE)
        desktop_app.start(desktop)
        try:
            _take_all(desktop, assets_folder() / "screenshots")
        finally:
            desktop.window.close()
    return 0


def _take_all(desktop: Desktop, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    controller = desktop.controller
    _wait(lambda: controller.state is State.READY)
    # The window's pulse brings the memory figures half a second later.
    _wait(lambda: desktop.window.chat.strip.memory.value.text() != "–")
    _take(desktop, folder, "welcome")
    for question in QUESTIONS:
        controller.ask(question)
        _wait(lambda: controller.state is State.READY)
    _take(desktop, folder, "chat")


def _take(desktop: Desktop, folder: Path, name: str) -> None:
    for theme in THEMES:
        desktop.theme.choose(theme)
        _wait(lambda: True)
        path = folder / f"{name}-{theme}.png"
        desktop.window.grab().save(str(path))
        print(path)


def _wait(arrived: Callable[[], bool]) -> None:
    """Let the window live until `arrived`, and then until it has painted."""
    deadline = QDeadlineTimer(LIMIT_MS)
    while not arrived():
        if deadline.hasExpired():
            raise SystemExit("The window did not get there in time.")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    settled = QDeadlineTimer(300)
    while not settled.hasExpired():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)


def _font() -> QFont:
    families = QFontDatabase.families()
    return QFont(next((name for name in FONTS if name in families), QFont().family()))


if __name__ == "__main__":
    sys.exit(main())
