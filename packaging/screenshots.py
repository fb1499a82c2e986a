"""Writes pictures of the real window with the real engine and the demo model: `make screenshots`.

    screenshots.py FOLDER

Needs no display, but fonts: `apt install fonts-inter`, or any other sans-serif font.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import sample_chats
from PySide6.QtCore import QDeadlineTimer, QEventLoop, QMimeData, QPoint, QUrl
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication, QWidget

from desktop import app as desktop_app
from desktop.app import Desktop
from desktop.lab_page.page import LabTab
from desktop.shell.navigation import Page
from desktop.shell.shortcuts import ShortcutsDialog
from desktop.state import State
from engine.messages import Precision
from engine.paths import Paths
from engine.settings import ThemeChoice

QUESTIONS = ("Who are you?", "What is int4?", "Tell me a story about a fox.")
LAB_PROMPTS = (QUESTIONS[0], QUESTIONS[2], QUESTIONS[1], "What is 3 plus 4?", "Count to 20.")
THEMES: tuple[ThemeChoice, ...] = ("light", "dark")
FONTS = ("Inter", "Noto Sans", "Cantarell")  # the first that is installed
SIZE = (1000, 760)
WIDE, NARROW = (1280, 800), (460, 760)
LIMIT_MS = 120_000


def main() -> int:
    """Write the pictures of the Chat page and the Lab, in light and dark."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QT_SCALE_FACTOR", "2")
    os.environ.setdefault("TERN_ISA", "avx2")  # a common desktop computer, wherever this runs
    with tempfile.TemporaryDirectory() as home:
        os.environ["TERN_HOME"] = home  # a fresh user's window, and nobody's settings
        app = QApplication(sys.argv[:1])
        app.setFont(font())
        _with_window(app, lambda desktop: _take_first_chat(desktop, folder))
        chat = sample_chats.fill(Paths.default().chats)
        _with_window(app, lambda desktop: _take_many_chats(desktop, chat, folder))
        _with_window(app, lambda desktop: _take_lab(desktop, folder))
    return 0


def _with_window(app: QApplication, take: Callable[[Desktop], None]) -> None:
    desktop = desktop_app.build(app, Paths.default(), "demo", Precision.INT4)
    desktop.window.resize(*SIZE)
    desktop_app.start(desktop)
    try:
        _wait(lambda: desktop.controller.state is State.READY)
        take(desktop)
    finally:
        desktop.window.close()


def _take_many_chats(desktop: Desktop, chat: int, folder: Path) -> None:
    """The list of chats, a search in it, and both in a narrow window."""
    window, sidebar = desktop.window, desktop.window.chat.sidebar
    window.resize(*WIDE)
    desktop.desk.open(chat)
    _wait(lambda: bool(desktop.desk.talk.path))
    _take(desktop, folder, "chats")
    sidebar.search.setText("overfit")  # the demo writes of foxes that jump over things
    _wait(lambda: sidebar.model.rowCount() == 1)
    _take(desktop, folder, "search")
    sidebar.search.clear()
    window.resize(*NARROW)
    _take(desktop, folder, "narrow")
    window.chat.side.open_side()
    _take(desktop, folder, "narrow-list")
    window.chat.side.close_over()
    window.resize(*WIDE)
    desktop.desk.new(is_temporary=True)
    _take(desktop, folder, "temporary")


def _take_first_chat(desktop: Desktop, folder: Path) -> None:
    controller = desktop.controller
    # The window's pulse brings the memory figures half a second later.
    _wait(lambda: desktop.window.chat.strip.memory.value.text() != "–")
    _take(desktop, folder, "welcome")
    for question in QUESTIONS:
        controller.ask(question)
        _wait(lambda: controller.state is State.READY)
    _take(desktop, folder, "chat")
    desktop.telemetry.come_forward()
    desktop.telemetry.resize(720, 760)
    _take(desktop, folder, "figures", desktop.telemetry)
    desktop.telemetry.close()
    desktop.menus.shortcuts_wanted.emit()
    keys = desktop.window.findChild(ShortcutsDialog)
    assert keys
    _take(desktop, folder, "shortcuts", keys)
    keys.close()
    desktop.theme.set_zoom(200)
    _take(desktop, folder, "chat-200-per-cent")
    desktop.theme.set_zoom(100)
    _take_drafting(desktop, folder)


def _take_drafting(desktop: Desktop, folder: Path) -> None:
    """Files attached to a message, and the settings of the chat beside it and over it."""
    window, composer = desktop.window, desktop.window.chat.composer
    notes = Path(__file__).resolve().parent.parent / "README.md"
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(notes)), QUrl.fromLocalFile(str(notes.parent / "none"))])
    composer.edit.insertFromMimeData(mime)
    composer.edit.setPlainText("What does this say about privacy?")
    _wait(lambda: bool(composer.files.chips))
    _take(desktop, folder, "attached")
    composer.files.clear()
    composer.edit.clear()
    window.chat.header.settings.click()
    window.resize(*WIDE)
    _take(desktop, folder, "chat-settings")
    window.resize(*NARROW)
    _take(desktop, folder, "narrow-settings")
    window.chat.header.settings.click()
    window.resize(*SIZE)


def _take_lab(desktop: Desktop, folder: Path) -> None:
    """The Lab before and after a comparison, and its other two tabs; wide and narrow."""
    window, page = desktop.window, desktop.window.lab
    window.resize(*WIDE)
    window.show_page(Page.LAB)
    _wait(lambda: page.setup.run.isEnabled() or bool(page.setup.problem.text()))
    _take(desktop, folder, "lab-empty")
    page.setup.prompts.setPlainText("\n".join(LAB_PROMPTS))
    page.setup.tokens.setValue(60)
    page.setup.run.click()
    _wait(lambda: not desktop.lab.is_busy)
    page.results.columns.prompts.setCurrentIndex(1)
    for width, name in ((WIDE, "lab"), (NARROW, "narrow-lab")):
        window.resize(*width)
        for part, shown in (("verdict", page.results), ("divergence", page.results.divergence)):
            _wait(lambda: True)
            bar = page.compare.verticalScrollBar()
            bar.setValue(bar.value() + shown.mapTo(page.compare, QPoint(0, -40)).y())
            _take(desktop, folder, f"{name}-{part}")
    window.resize(*WIDE)
    page.show_tab(LabTab.SIZING)
    _take(desktop, folder, "lab-sizing")
    page.show_tab(LabTab.THREADS)
    page.threads.tune.click()
    _wait(lambda: not desktop.lab.is_busy)
    _take(desktop, folder, "lab-threads")


def _take(desktop: Desktop, folder: Path, name: str, shown: QWidget | None = None) -> None:
    for theme in THEMES:
        desktop.theme.choose(theme)
        _wait(lambda: True)
        path = folder / f"{name}-{theme}.png"
        (shown or desktop.window).grab().save(str(path))
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


def font() -> QFont:
    """Return the font of the pictures."""
    families = QFontDatabase.families()
    return QFont(next((name for name in FONTS if name in families), QFont().family()))


if __name__ == "__main__":
    sys.exit(main())
