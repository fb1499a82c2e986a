"""A disk that is full, a real one: what is kept there is whole, it is said, and all goes on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.history import History
from desktop.state import State
from engine.client import worker_command
from engine.messages import Precision
from engine.paths import Paths
from engine.settings import SettingsFile
from tests.desktop.conftest import OpenWindow, ask, choose_precision, said, shown, wait_for
from tests.history.conftest import is_sound


class Disk:
    """A small file system, and a file that fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Leave `leave` bytes free."""
        with self._ballast.open("wb") as file:
            status = os.statvfs(self.folder)
            file.write(bytes(max(0, status.f_bavail * status.f_frsize - leave)))

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The home of Tern on a disk of its own, of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    monkeypatch.setenv("TERN_HOME", str(folder))
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_question_that_cannot_be_saved_is_given_back_and_can_be_asked_later(
    disk: Disk, open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window()
    wait_for(qtbot, made, State.READY)
    ask(qtbot, made, "before")
    disk.fill()
    long = "word " * 20_000  # more than the pages that are there already hold
    made.controller.ask(long)
    notice = made.window.chat.notice
    qtbot.waitUntil(notice.isVisible)
    assert "cannot be saved" in notice.sentence.text()
    wait_for(qtbot, made, State.READY)
    assert made.window.chat.composer.edit.toPlainText() == long.strip() or (
        made.window.chat.composer.edit.toPlainText() == long
    )
    assert shown(made) == ["before", "You said: before."]
    made.window.chat.composer.edit.clear()
    disk.empty()
    ask(qtbot, made, "after")
    assert said(made) == "You said: after."
    made.window.close()
    assert is_sound(Paths.default().chats)
    assert contents() == ["before", "You said: before.", "after", "You said: after."]


def contents() -> list[str]:
    history = History.open(Paths.default().chats)
    try:
        [chat] = history.chats.all()
        return [message.content for message in history.messages.path(chat.id)]
    finally:
        history.close()


def test_settings_that_cannot_be_saved_are_told_and_the_old_ones_stay(
    disk: Disk, open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window()
    wait_for(qtbot, made, State.READY)
    made.settings.change(theme="light")
    disk.fill()
    made.settings.change(theme="dark", folders=tuple(f"/models/{n:0200}" for n in range(100)))
    assert "settings could not be saved" in made.window.chat.notice.sentence.text()
    assert SettingsFile.of(Paths.default()).value.theme == "light", "the file is whole"
    disk.empty()
    made.settings.change(theme="dark")
    assert SettingsFile.of(Paths.default()).value.theme == "dark"


def test_a_model_that_there_is_no_room_to_pack_is_refused_and_the_engine_goes_on(
    disk: Disk, open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window(command=worker_command())
    wait_for(qtbot, made, State.READY)
    disk.fill(leave=200_000)
    choose_precision(qtbot, made, Precision.INT4)
    wait_for(qtbot, made, State.IDLE)
    assert "int4 form of this model needs" in made.window.chat.notice.sentence.text()
    assert packed(made) == []
    disk.empty()
    choose_precision(qtbot, made, Precision.BF16)
    wait_for(qtbot, made, State.READY)
    ask(qtbot, made, "What is 3 plus 4?")
    assert "7" in said(made)


def packed(made: Desktop) -> list[Path]:
    folder = made.paths.packed
    return list(folder.iterdir()) if folder.is_dir() else []
