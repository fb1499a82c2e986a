"""Answers in progress: written twice a second, ended once, marked where their process is gone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from desktop.history import History, Message
from desktop.history.database import Database
from desktop.history.processes import is_alive, this_process
from engine.errors import AnswerStillGrowing, HistoryUnwritable
from engine.messages import Metrics

FIGURES = Metrics(
    prompt_tokens=7,
    cached_tokens=0,
    completion_tokens=2,
    ttft_s=0.25,
    prefill_s=0.25,
    prefill_tokens_per_s=28.0,
    decode_tokens_per_s=10.0,
    token_ms_p50=100.0,
    token_ms_p95=110.5,
    context_used=9,
    context_length=2048,
    peak_rss_bytes=1_000_000,
)


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(file: Path, clock: Clock) -> Iterator[History]:
    opened = History(Database(file), clock)
    yield opened
    opened.close()


def begin(history: History) -> Message:
    question = history.messages.ask(history.chats.create().id, "why?")
    return history.journal.begin_answer(question.id, model="demo")


def stored(file: Path, answer: Message) -> tuple[str, str]:
    """What another window reads of the answer: its text and state."""
    other = Database(file)
    row = other.rows("SELECT content, state FROM message WHERE id = ?", answer.id)[0]
    other.close()
    return row["content"], row["state"]


def test_text_is_written_twice_a_second(timed: History, clock: Clock, file: Path) -> None:
    answer = begin(timed)
    statements: list[str] = []
    timed.database._connection.set_trace_callback(statements.append)
    for step in range(1, 101):  # 2 seconds, at 50 chunks a second
        clock.now = 100.0 + step / 50
        timed.journal.grow(answer.id, "x" * step)
    assert len({text for text in statements if text.startswith("UPDATE message")}) == 4
    text, state = stored(file, answer)
    assert len(text) >= 75 and state == "growing"  # no older than half a second


def test_the_last_words_before_a_pause_are_written_by_the_pulse(
    timed: History, clock: Clock, file: Path
) -> None:
    answer = begin(timed)
    clock.now += 0.3
    timed.journal.grow(answer.id, "Well")
    timed.journal.flush_due()
    assert stored(file, answer)[0] == ""
    clock.now += 0.3
    timed.journal.flush_due()
    assert stored(file, answer)[0] == "Well"


def test_an_answer_ends_with_all_of_its_text_and_figures(history: History) -> None:
    answer = begin(history)
    history.journal.grow(answer.id, "Because")
    history.journal.end_answer(
        answer.id, "Because.", "whole", finish_reason="length", metrics=FIGURES
    )
    ended = history.messages.path(answer.chat)[1]
    assert (ended.content, ended.state) == ("Because.", "whole")
    assert (ended.finish_reason, ended.metrics) == ("length", FIGURES)


def test_figures_of_another_version_do_not_hide_the_answer(history: History) -> None:
    answer = begin(history)
    history.journal.end_answer(answer.id, "Because.", "whole", metrics=FIGURES)
    with history.database.writing() as connection:
        connection.execute("""UPDATE message SET metrics = '{"joules": 3}'""")
        connection.execute("""UPDATE chat SET settings = '{"kernel": "of-tomorrow"}'""")
    assert history.messages.path(answer.chat)[1].metrics is None
    assert history.chats.get(answer.chat).settings.kernel is None


def test_a_partial_answer_grows_again_after_its_text(history: History, file: Path) -> None:
    answer = begin(history)
    history.journal.end_answer(answer.id, "Be", "partial", finish_reason="stopped")
    again = history.journal.continue_answer(answer.id)
    assert (again.id, again.content, again.state) == (answer.id, "Be", "growing")
    history.journal.end_answer(answer.id, "Because", "whole", finish_reason="end")
    assert stored(file, answer) == ("Because", "whole")


def test_an_answer_is_continued_by_one_window_at_a_time(history: History, file: Path) -> None:
    answer = begin(history)
    other = History.open(file)
    with pytest.raises(AnswerStillGrowing):
        other.journal.continue_answer(answer.id)
    other.close()


def test_a_closed_window_leaves_a_partial_answer(history: History, file: Path) -> None:
    answer = begin(history)
    history.journal.grow(answer.id, "Bec")
    history.close()
    assert stored(file, answer) == ("Bec", "partial")


def test_an_answer_of_a_chat_that_was_deleted_meanwhile_ends_in_silence(history: History) -> None:
    answer = begin(history)
    history.chats.delete(answer.chat)
    history.chats.purge()
    history.journal.grow(answer.id, "x")
    history.journal.end_answer(answer.id, "x", "whole")
    assert history.chats.all() == []


def test_what_a_full_disk_refused_is_tried_again(timed: History, clock: Clock, file: Path) -> None:
    answer = begin(timed)
    pages = timed.database.rows("PRAGMA page_count")[0][0]
    timed.database.rows(f"PRAGMA max_page_count = {pages}")
    text = "because " * 10_000
    with pytest.raises(HistoryUnwritable, match="the disk is full"):
        timed.journal.end_answer(answer.id, text, "whole")
    timed.journal.flush_due()  # not at once again
    assert stored(file, answer) == ("", "growing")
    timed.database.rows("PRAGMA max_page_count = 1000000")
    clock.now += 1
    timed.journal.flush_due()
    assert stored(file, answer) == (text, "whole")


# -- whose answer it is --------------------------------------------------------------------------


def test_another_windows_growing_answer_is_not_touched(history: History, file: Path) -> None:
    answer = begin(history)
    History.open(file).close()
    assert stored(file, answer) == ("", "growing")
    history.journal.end_answer(answer.id, "Because.", "whole")
    assert stored(file, answer) == ("Because.", "whole")


def test_an_answer_whose_process_is_gone_is_marked_and_found(history: History, file: Path) -> None:
    answer = begin(history)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with history.database.writing() as connection:
        connection.execute(
            "UPDATE message SET content = 'kestrel', writer = ? WHERE id = ?",
            (f"{child.pid}:1.0", answer.id),
        )
    assert history.search("kestrel") == []
    again = History.open(file)
    assert stored(file, answer) == ("kestrel", "partial")
    assert [found.message for found in again.search("kestrel")] == [answer.id]
    again.close()


def test_a_number_that_was_given_again_is_another_process() -> None:
    started = psutil.Process().create_time()
    assert is_alive(this_process())
    assert not is_alive(f"{psutil.Process().pid}:{started - 60}")
    assert not is_alive("") and not is_alive("x:y")
