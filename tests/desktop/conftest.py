"""The real window over a scripted engine process, without a screen."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# Before Qt is imported anywhere.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop import app as desktop_app
from desktop.app import Desktop
from desktop.state import State
from engine.messages import Precision
from engine.paths import Paths

ROOT = Path(__file__).resolve().parents[2]
FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
OpenWindow = Callable[..., Desktop]


def fake_command(*options: str) -> list[str]:
    return [sys.executable, str(FAKE_WORKER), *options]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the person's own folders."""
    monkeypatch.setenv("TERN_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


@pytest.fixture
def open_window(qtbot: QtBot, qapp: QApplication, home: Path) -> Iterator[OpenWindow]:
    """A function that opens a window; its windows are closed after the test."""
    opened: list[Desktop] = []

    def open_it(*options: str, command: list[str] | None = None, **choices: object) -> Desktop:
        made = desktop_app.build(
            qapp, Paths.default(), command=command or fake_command(*options), **choices
        )
        opened.append(made)
        desktop_app.start(made)
        qtbot.waitExposed(made.window)
        return made

    yield open_it
    for made in opened:
        made.window.close()
        made.window.deleteLater()
    # A new style sheet would be applied to the windows of all tests before.
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def ready(open_window: OpenWindow, qtbot: QtBot) -> Desktop:
    """A window with the demo model loaded."""
    made = open_window()
    wait_for(qtbot, made, State.READY)
    return made


@pytest.fixture
def opened_links(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the window asked the system to open."""
    links: list[str] = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", staticmethod(lambda url: links.append(url.toString()))
    )
    return links


def wait_for(qtbot: QtBot, made: Desktop, state: State) -> None:
    qtbot.waitUntil(lambda: made.controller.state is state)


def write(qtbot: QtBot, made: Desktop, text: str) -> None:
    """Type `text` and press Enter, as a person does."""
    qtbot.keyClicks(made.window.chat.composer.edit, text)
    qtbot.keyClick(made.window.chat.composer.edit, Qt.Key.Key_Return)


def ask(qtbot: QtBot, made: Desktop, text: str) -> None:
    """Write `text` and wait for its answer's end."""
    write(qtbot, made, text)
    qtbot.waitUntil(lambda: made.controller.state is not State.GENERATING)


def click(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.waitUntil(lambda: not widget.size().isEmpty())  # until it is laid out
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def shown(made: Desktop) -> list[str]:
    """The text of each message as it is on the screen."""
    return [view.body.toPlainText() for view in made.window.chat.transcript.views]


def said(made: Desktop) -> str:
    """The last message as it is on the screen, "" where there is none."""
    return "".join(shown(made)[-1:])


def wait_for_answer(qtbot: QtBot, made: Desktop, length: int = 20) -> None:
    """Wait until an answer has grown to some length."""
    qtbot.waitUntil(
        lambda: len(shown(made)) > 1 and len(shown(made)) % 2 == 0 and len(said(made)) > length,
    )


def choose_precision(qtbot: QtBot, made: Desktop, precision: Precision) -> None:
    click(qtbot, made.window.chat.header.precisions.buttons[precision])
