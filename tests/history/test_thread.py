"""The history on its own thread: in order, never in the caller's way, failures in the future."""

import sqlite3
import threading
from pathlib import Path

import pytest

from desktop.history import History, HistoryThread
from engine.errors import HistoryDamaged
from tests.history.conftest import is_sound


def test_calls_are_answered_in_order_on_one_thread(file: Path) -> None:
    thread = HistoryThread(file)
    where: list[str] = []

    def create(history: History) -> int:
        where.append(threading.current_thread().name)
        return history.chats.create().id

    made = [thread.call(create) for _ in range(5)]
    assert [future.result() for future in made] == [1, 2, 3, 4, 5]
    assert len(set(where)) == 1
    assert where[0] != threading.current_thread().name
    thread.close()
    assert is_sound(file)


def test_a_locked_file_keeps_the_thread_waiting_and_not_the_caller(file: Path) -> None:
    thread = HistoryThread(file)
    chat = thread.call(lambda history: history.chats.create()).result()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    asked = thread.call(lambda history: history.messages.ask(chat.id, "hello"))
    assert not asked.done()
    holder.execute("COMMIT")
    holder.close()
    assert asked.result().content == "hello"
    thread.close()


def test_closing_ends_what_grows_after_what_waits(file: Path) -> None:
    thread = HistoryThread(file)

    def begin(history: History) -> int:
        question = history.messages.ask(history.chats.create().id, "why?")
        return history.journal.begin_answer(question.id, model="demo").id

    answer = thread.call(begin).result()
    thread.call(lambda history: history.journal.grow(answer, "Bec"))
    thread.close()
    history = History.open(file)
    ended = history.messages.path(1)[1]
    assert (ended.content, ended.state) == ("Bec", "partial")
    history.close()


def test_a_file_that_cannot_be_opened_fails_each_call_until_it_can(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"garbage" * 1000)
    thread = HistoryThread(file)
    for _ in range(2):
        with pytest.raises(HistoryDamaged):
            thread.call(lambda history: history.chats.all()).result()
    file.unlink()
    assert thread.call(lambda history: history.chats.all()).result() == []
    thread.close()


def test_a_thread_without_a_file_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    thread = HistoryThread(None)
    thread.call(lambda history: history.chats.create("secret")).result()
    thread.close()
    assert list(tmp_path.iterdir()) == []
