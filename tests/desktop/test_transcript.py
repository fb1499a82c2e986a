"""The transcript by itself: long conversations, and staying where the person is."""

from time import perf_counter

import pytest
from pytestqt.qtbot import QtBot

from desktop.conversation import Turn
from desktop.theme import DARK, LIGHT
from desktop.transcript import Transcript
from tests.desktop.fake_worker import CODE


@pytest.fixture
def transcript(qtbot: QtBot) -> Transcript:
    made = Transcript(LIGHT)
    qtbot.addWidget(made)
    made.resize(800, 500)
    made.show()
    qtbot.waitExposed(made)
    return made


def fill(transcript: Transcript, pairs: int) -> Turn:
    for i in range(pairs):
        transcript.add(Turn("user", f"question {i}"))
        answer = Turn("assistant", f"**Answer** {i}\n\n{CODE}")
        transcript.add(answer)
    return answer


def test_it_follows_a_growing_answer(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, 5)
    answer = Turn("assistant", ending="growing")
    transcript.add(answer)
    bar = transcript.verticalScrollBar()
    qtbot.waitUntil(lambda: 0 < bar.maximum() == bar.value())
    before = bar.maximum()
    answer.text = "\n\n".join(["a paragraph"] * 30)
    transcript.grow(answer)
    qtbot.waitUntil(lambda: bar.maximum() > before and bar.value() == bar.maximum())


def test_it_stays_where_the_person_scrolled(transcript: Transcript, qtbot: QtBot) -> None:
    fill(transcript, 5)
    answer = Turn("assistant", ending="growing")
    transcript.add(answer)
    bar = transcript.verticalScrollBar()
    qtbot.waitUntil(lambda: 0 < bar.maximum() == bar.value())
    bar.setValue(100)
    before = bar.maximum()
    answer.text = "\n\n".join(["a paragraph"] * 30)
    transcript.grow(answer)
    qtbot.waitUntil(lambda: bar.maximum() > before)
    assert bar.value() == 100


def test_a_long_conversation_takes_a_new_answer_quickly(
    transcript: Transcript, qtbot: QtBot
) -> None:
    fill(transcript, 100)
    answer = Turn("assistant", ending="growing")
    transcript.add(answer)
    qtbot.waitUntil(lambda: transcript.verticalScrollBar().maximum() > 0)
    times = []
    for i in range(30):
        answer.text += f"word{i} "
        began = perf_counter()
        transcript.views[-1]._render()
        times.append(perf_counter() - began)
    assert sorted(times)[len(times) // 2] < 0.02


def test_messages_out_of_sight_are_wrapped_and_coloured_later(
    transcript: Transcript, qtbot: QtBot
) -> None:
    fill(transcript, 20)
    first = transcript.views[1].body
    width = first.width()
    transcript.resize(500, 500)
    transcript.recolour(DARK)
    qtbot.waitUntil(lambda: first.width() < width)
    box = first.document().rootFrame().childFrames()[0]
    assert box.frameFormat().background().color().name() == DARK.code
