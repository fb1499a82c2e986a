"""Real files in a temporary folder, and the few steps that most tests take."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from desktop.history import Chat, History, Message


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.sqlite"


@pytest.fixture
def history(file: Path) -> Iterator[History]:
    """A history on disk; the test may close it too."""
    opened = History.open(file)
    yield opened
    opened.close()


@pytest.fixture
def temporary() -> Iterator[History]:
    """A history in memory."""
    opened = History.temporary()
    yield opened
    opened.close()


def exchange(history: History, chat: Chat, question: str, answer: str) -> tuple[Message, Message]:
    """Ask `question` after the leaf and give it `answer`."""
    asked = history.messages.ask(chat.id, question)
    return asked, answered(history, asked, answer)


def answered(history: History, question: Message, text: str) -> Message:
    answer = history.journal.begin_answer(question.id, model="demo")
    history.journal.end_answer(answer.id, text, "whole", finish_reason="end")
    return answer


def fill(file: Path) -> None:
    """Make a file of several pages with one conversation."""
    history = History.open(file)
    chat = history.chats.create()
    for number in range(50):
        exchange(history, chat, f"question {number}", "answer " * 100)
    history.close()


def contents(history: History, chat: Chat) -> list[str]:
    """What the selected path says."""
    return [message.content for message in history.messages.path(chat.id)]


def is_sound(file: Path) -> bool:
    """Whether SQLite's full check finds nothing, foreign keys and search index included."""
    with closing(sqlite3.connect(file)) as connection:
        ok = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for index in ("title_index", "message_index"):
            connection.execute(f"INSERT INTO {index} ({index}) VALUES ('integrity-check')")
        return ok and not connection.execute("PRAGMA foreign_key_check").fetchall()
