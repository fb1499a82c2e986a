"""Two windows, or another program, on one file: they wait for each other and lose nothing."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from desktop.history import History
from desktop.history.database import Database
from engine.errors import HistoryBusy
from tests.history.conftest import contents, fill, is_sound

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_file_that_another_program_holds_is_explained(file: Path, lock: str) -> None:
    fill(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        if lock == "EXCLUSIVE":
            holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute(f"BEGIN {lock}")
        holder.execute("UPDATE chat SET pinned = 1")
        with pytest.raises(HistoryBusy, match="in use by another program"):
            History(Database(file, patience=0.05)).chats.create()
        holder.execute("ROLLBACK")
    assert is_sound(file)


def test_a_write_waits_for_anothers_end(history: History, file: Path) -> None:
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, lambda: holder.execute("COMMIT"))
    release.start()
    history.chats.create("patient")
    release.join()
    holder.close()
    assert [chat.title for chat in history.chats.all()] == ["patient"]


def test_one_window_sees_that_another_has_written(history: History, file: Path) -> None:
    other = History.open(file)
    assert not history.changed_elsewhere()
    history.chats.create("own")
    assert not history.changed_elsewhere()
    other.chats.create("theirs")
    assert history.changed_elsewhere()
    assert not history.changed_elsewhere()
    assert len(history.chats.all()) == 2
    other.close()


WRITER = """
import sys
from pathlib import Path
from desktop.history import History
history = History.open(Path(sys.argv[1]))
chat = history.chats.create(sys.argv[2])
for number in range(60):
    question = history.messages.ask(chat.id, f"{sys.argv[2]} {number}")
    answer = history.journal.begin_answer(question.id, model="demo")
    history.journal.end_answer(answer.id, "answer", "whole")
history.close()
"""


def test_two_windows_write_at_once(file: Path) -> None:
    """From the very first moment, when both find no file."""
    names = ["left", "right", "third"]
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file), name], cwd=ROOT)
        for name in names
    ]
    assert [child.wait() for child in children] == [0] * 3
    history = History.open(file)
    chats = {chat.title: chat for chat in history.chats.all()}
    assert set(chats) == set(names)
    for name, chat in chats.items():
        assert contents(history, chat)[::2] == [f"{name} {number}" for number in range(60)]
    history.close()
    assert is_sound(file)
