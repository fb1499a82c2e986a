"""Faults of the window's own process: told once, logged, survived, and nothing is lost."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.faults import Faults
from desktop.state import State, WayOut
from desktop.support_dialog import SupportDialog
from desktop.wiring.faults import connect_faults
from engine.paths import Paths
from tests.desktop.conftest import ROOT, ask, click, shown, wait_for, wait_for_answer, write

SECRET = "sesame-opens-the-door"


@pytest.fixture
def watched(ready: Desktop) -> Iterator[Desktop]:
    """A window whose process is watched, as `desktop.app.run` does."""
    faults = Faults(ready.paths)
    with faults.watch():
        connect_faults(ready.window, ready.menus, faults, ready.paths)
        yield ready


def boxes(made: Desktop) -> list[QMessageBox]:
    return [box for box in made.window.findChildren(QMessageBox) if box.isVisible()]


def the_box(made: Desktop, qtbot: QtBot) -> QMessageBox:
    qtbot.waitUntil(lambda: boxes(made) != [])
    [box] = boxes(made)
    return box


def press(qtbot: QtBot, box: QMessageBox, text: str) -> None:
    click(qtbot, next(button for button in box.buttons() if button.text() == text))


def log(made: Desktop) -> str:
    return made.paths.window_log.read_text(encoding="utf-8")


def fail(text: str = SECRET) -> None:
    raise ValueError(text)


def test_a_fault_in_a_slot_is_told_and_nothing_is_lost(watched: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, watched, "hello")
    write(qtbot, watched, "write a long text")
    wait_for_answer(qtbot, watched)
    qtbot.keyClicks(watched.window.chat.composer.edit, "my draft")
    QTimer.singleShot(0, fail)
    box = the_box(watched, qtbot)
    assert "fault of its own" in box.text() and "are kept" in box.informativeText()
    assert SECRET not in box.text() + box.informativeText()
    length = len(shown(watched)[3])
    qtbot.waitUntil(lambda: len(shown(watched)[3]) > length + 20)  # it goes on behind the dialog
    press(qtbot, box, "Go on")
    assert watched.window.chat.composer.edit.toPlainText() == "my draft"
    watched.controller.stop()
    wait_for(qtbot, watched, State.READY)
    watched.window.chat.composer.edit.clear()
    ask(qtbot, watched, "again")
    assert shown(watched)[-1] == "You said: again."
    chat = watched.desk.talk.chat
    assert chat
    kept: list[str] = []
    watched.store.do(
        lambda history: [message.content for message in history.messages.path(chat.id)], kept.extend
    )
    qtbot.waitUntil(lambda: len(kept) == 6)
    assert kept[:2] == ["hello", "You said: hello."] and kept[4] == "again"
    assert "ValueError" in log(watched) and "in fail" in log(watched) and SECRET not in log(watched)


class Painter(QWidget):
    """A widget that fails whenever it is painted."""

    def paintEvent(self, _event: object) -> None:
        raise ValueError("in painting")


class FailingThread(QThread):
    def run(self) -> None:
        raise ValueError("in a thread of Qt's")


class Unraisable:
    def __del__(self) -> None:
        raise ValueError("in a destructor")


def fail_in_a_thread() -> None:
    raise ValueError("in a thread of Python's")


def test_a_fault_anywhere_is_told(watched: Desktop, qtbot: QtBot) -> None:
    """The first by a dialog, in the window's thread, and the others, soon after, by the log."""
    thread, other = FailingThread(), threading.Thread(target=fail_in_a_thread)
    thread.start()
    thread.wait()
    press(qtbot, the_box(watched, qtbot), "Go on")
    other.start()
    other.join()
    Unraisable()
    painter = Painter(watched.window)
    painter.resize(20, 20)
    painter.show()
    places = ("in run", "in fail_in_a_thread", "in __del__", "in paintEvent")
    qtbot.waitUntil(lambda: all(place in log(watched) for place in places))
    painter.deleteLater()
    assert boxes(watched) == []
    ask(qtbot, watched, "still there?")
    assert shown(watched)[-1] == "You said: still there?."


def test_the_same_fault_a_hundred_times_opens_one_dialog(watched: Desktop, qtbot: QtBot) -> None:
    timer = QTimer(interval=0)
    happened: list[None] = []

    def again() -> None:
        happened.append(None)
        fail()

    timer.timeout.connect(again)
    timer.start()
    box = the_box(watched, qtbot)
    qtbot.waitUntil(lambda: len(happened) >= 50)
    press(qtbot, box, "Go on")
    qtbot.waitUntil(lambda: len(happened) >= 100)
    timer.stop()
    assert boxes(watched) == []
    # Logged at the 1st, 2nd, 4th, 8th, … time.
    assert log(watched).count("uncaught, for the") == len(happened).bit_length()
    QTimer.singleShot(0, lambda: {}["another"])  # soon after: it is logged
    qtbot.waitUntil(lambda: "KeyError" in log(watched))
    assert boxes(watched) == []


def test_the_dialog_leads_to_the_log(
    watched: Desktop, qtbot: QtBot, opened_links: list[str]
) -> None:
    QTimer.singleShot(0, fail)
    press(qtbot, the_box(watched, qtbot), "Open log")
    assert opened_links == [watched.paths.window_log.as_uri()]


def test_the_dialog_leads_to_a_support_archive(watched: Desktop, qtbot: QtBot) -> None:
    QTimer.singleShot(0, fail)
    press(qtbot, the_box(watched, qtbot), "Support archive…")
    dialog = watched.window.findChild(SupportDialog)
    qtbot.waitUntil(lambda: dialog.isVisible() and "logs/window.log" in dialog.files)
    assert "in fail" in dialog.files["logs/window.log"]


def test_a_fault_in_the_background_offers_a_support_archive(ready: Desktop, qtbot: QtBot) -> None:
    ready.store.do(lambda _history: fail("broken"))
    notice = ready.window.chat.notice
    qtbot.waitUntil(notice.isVisible)
    assert "ValueError: broken" in notice.sentence.text()
    click(qtbot, notice.buttons[WayOut.SUPPORT])
    qtbot.waitUntil(ready.window.findChild(SupportDialog).isVisible)


# -- crashes of compiled code --------------------------------------------------------------------

RUN = """
import os, sys
from PySide6.QtCore import QTimer, qFatal
from desktop import app

def crash(made):
    how = (lambda: os.kill(os.getpid(), 11)) if sys.argv[1] == "signal" else (lambda: qFatal("no"))
    QTimer.singleShot(300, how)

def look(made):
    def tell():
        print("banner" if made.window.chat.crash.isVisible() else "nothing", flush=True)
        made.window.quit()
    QTimer.singleShot(300, tell)

app.run("demo", new_window=True, prepare=look if sys.argv[1] == "look" else crash)
"""


def run(what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", RUN, what],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )


def test_a_crash_of_the_window_is_logged_and_told_once_at_the_next_start(home: Path) -> None:
    paths = Paths.default()
    assert run("signal").returncode == -11
    [note] = paths.logs.glob(Paths.CRASHES)
    assert "Segmentation" in note.read_text()
    assert run("look").stdout.splitlines()[-1:] == ["banner"]
    log = paths.window_log.read_text()
    assert log.count("the window's process had crashed") == 1 and "Segmentation" in log
    assert "in run" in log, "the way through the program is there"
    assert not list(paths.logs.glob(Paths.CRASHES)), "a good end leaves none"
    with (again := Faults(paths)).watch():
        assert not again.crashed_before


def test_qts_fatal_messages_are_logged_before_the_end(home: Path) -> None:
    assert run("qt").returncode == -6
    paths = Paths.default()
    assert "CRITICAL qt: " in paths.window_log.read_text()
    with (again := Faults(paths)).watch():
        assert again.crashed_before


def test_the_notice_of_a_crash_leads_on_and_goes(
    ready: Desktop, qtbot: QtBot, opened_links: list[str]
) -> None:
    faults = Faults(ready.paths)
    ready.paths.logs.mkdir(parents=True, exist_ok=True)
    ready.paths.crash_note(2**22 + 1).write_text("Fatal Python error: Segmentation fault\n")
    with faults.watch():
        connect_faults(ready.window, ready.menus, faults, ready.paths)
        banner = ready.window.chat.crash
        assert banner.isVisible() and "crashed the last time" in banner.text.text()
        click(qtbot, banner.log)
        assert opened_links == [ready.paths.window_log.as_uri()]
        click(qtbot, banner.archive)
        qtbot.waitUntil(ready.window.findChild(SupportDialog).isVisible)
        click(qtbot, banner.dismiss)
        assert not banner.isVisible()


def test_what_keeps_the_window_from_opening_is_logged(home: Path) -> None:
    paths = Paths.default()
    with pytest.raises(ValueError, match=SECRET), Faults(paths).watch():
        fail()
    log = paths.window_log.read_text()
    assert "the program ends" in log and "in fail" in log and SECRET not in log


def test_qts_own_messages_are_in_the_log(watched: Desktop, qtbot: QtBot) -> None:
    for _ in range(100):
        QWidget().startTimer(-1)
    assert log(watched).count("negative intervals") < 10
    assert "WARNING qt: " in log(watched)


def test_where_no_log_can_be_written_faults_are_told_all_the_same(
    ready: Desktop, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "a-file").write_text("")
    nowhere = tmp_path / "a-file" / "logs"
    faults = Faults(Paths(nowhere, nowhere, nowhere, nowhere))
    with faults.watch():
        connect_faults(ready.window, ready.menus, faults, ready.paths)
        QTimer.singleShot(0, fail)
        press(qtbot, the_box(ready, qtbot), "Go on")
