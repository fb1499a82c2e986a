"""The file itself: its versions, damage, locks and full disks. Nothing is ever overwritten."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from desktop.history import History
from desktop.history.database import Database, backups
from desktop.history.schema import MIGRATIONS, Migration
from engine.errors import (
    HistoryDamaged,
    HistoryNotOurs,
    HistoryTooNew,
    HistoryUnwritable,
    SqliteTooOld,
    TernError,
    UnwritableFolder,
)
from tests.history.conftest import contents, fill, is_sound

ROOT = Path(__file__).resolve().parents[2]


def refused(file: Path, kind: type[TernError]) -> str:
    """Open the file, see it refused and unchanged, and return the sentence."""
    before = file.read_bytes()
    with pytest.raises(kind) as caught:
        History.open(file)
    assert file.read_bytes() == before
    assert str(file) in caught.value.said
    assert "\n" not in caught.value.said
    assert caught.value.advice
    return caught.value.said


def version(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


# -- the file ------------------------------------------------------------------------------------


def test_chats_are_there_when_the_file_is_opened_again(file: Path) -> None:
    fill(file)
    history = History.open(file)
    (chat,) = history.chats.all()
    assert contents(history, chat)[-2:] == ["question 49", "answer " * 100]
    history.close()
    assert is_sound(file)


def test_nobody_else_may_read_the_file(history: History, file: Path) -> None:
    history.chats.create()
    modes = {part.name: part.stat().st_mode & 0o777 for part in file.parent.iterdir()}
    assert modes
    assert set(modes.values()) == {0o600}


def test_a_name_with_marks_of_urls_is_a_name(tmp_path: Path) -> None:
    file = tmp_path / "50 % ? #1" / "chats.sqlite"
    for _ in range(2):
        history = History.open(file)
        history.chats.create()
        history.close()
    assert [part.name for part in file.parent.iterdir()] == ["chats.sqlite"]


def test_an_old_sqlite_is_explained(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 26, 0))
    with pytest.raises(SqliteTooOld):
        History.open(file)
    assert not file.exists()


# -- versions ------------------------------------------------------------------------------------


def add_mood(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE chat ADD COLUMN mood TEXT")


def fail(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM chat")
    raise RuntimeError("a bug in a migration")


def test_a_migration_keeps_the_chats_and_a_copy_of_the_file(file: Path) -> None:
    fill(file)
    Database(file, (*MIGRATIONS, add_mood)).close()
    assert version(file) == 2
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT title, mood FROM chat").fetchall() == [
            ("question 0", None)
        ]
    (copy,) = backups(file)
    assert copy.name == "chats.schema-1.sqlite"
    assert version(copy) == 1
    assert is_sound(copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    history = History.open(copy)  # a copy serves as it is
    assert [chat.title for chat in history.chats.all()] == ["question 0"]
    history.close()


def test_what_only_the_log_holds_is_in_the_copy(file: Path) -> None:
    history = History.open(file)
    history.chats.create("only in the log")
    Database(file, (*MIGRATIONS, add_mood)).close()
    with closing(sqlite3.connect(backups(file)[0])) as connection:
        assert connection.execute("SELECT title FROM chat").fetchall() == [("only in the log",)]
    with pytest.raises(HistoryTooNew):  # the window that was open is now of an older version
        history.chats.create("another")
    history.close()


def test_a_failed_migration_changes_nothing_and_no_copy_is_overwritten(file: Path) -> None:
    fill(file)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            Database(file, (*MIGRATIONS, fail))
    assert version(file) == 1
    assert {copy.name for copy in backups(file)} == {
        "chats.schema-1.sqlite",
        "chats.schema-1-2.sqlite",
    }
    history = History.open(file)
    assert len(history.chats.all()) == 1
    history.close()


def test_a_new_file_needs_no_copy(file: Path) -> None:
    steps: Sequence[Migration] = (*MIGRATIONS, add_mood)
    Database(file, steps).close()
    assert version(file) == 2


def test_a_newer_file_is_refused_and_not_written_to(file: Path) -> None:
    fill(file)
    Database(file, (*MIGRATIONS, add_mood)).close()
    assert "newer version of Tern" in refused(file, HistoryTooNew)


# -- what is no file of chats --------------------------------------------------------------------


def test_garbage_is_explained(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"these are not chats\n" * 500)
    assert "is damaged: file is not a database" in refused(file, HistoryDamaged)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_explained(file: Path, share: float) -> None:
    fill(file)
    os.truncate(file, int(file.stat().st_size * share))
    assert "is damaged" in refused(file, HistoryDamaged)


@pytest.mark.parametrize("page", [1, 5, 9])
def test_flipped_bytes_are_explained(file: Path, page: int) -> None:
    fill(file)
    with file.open("r+b") as damaged:
        damaged.seek(4096 * page)
        head = damaged.read(64)
        damaged.seek(4096 * page)
        damaged.write(bytes(byte ^ 0xFF for byte in head))
    assert "is damaged" in refused(file, HistoryDamaged)


def test_a_damaged_file_names_the_copy_that_helps(file: Path) -> None:
    fill(file)
    Database(file, (*MIGRATIONS, add_mood)).close()
    os.truncate(file, 9000)
    with pytest.raises(HistoryDamaged) as caught:
        Database(file, (*MIGRATIONS, add_mood))
    assert str(backups(file)[0]) in caught.value.advice


def test_damage_that_comes_later_is_explained(file: Path) -> None:
    fill(file)
    history = History.open(file)
    size = file.stat().st_size
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(os.urandom(size - 4096))
    with pytest.raises(HistoryDamaged):
        for chat in history.chats.all():
            contents(history, chat)
    history.database.close()


def test_the_database_of_another_program_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    assert "belongs to another program" in refused(file, HistoryNotOurs)


def test_a_folder_in_its_place_is_explained(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(HistoryUnwritable, match="it is not a file"):
        History.open(file)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(UnwritableFolder):
        History.open(tmp_path / "data" / "chats.sqlite")
