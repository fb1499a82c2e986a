"""A conversation in the real window: typing, streaming, stopping, copying, starting anew."""

import json

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.state import State
from engine.messages import Precision
from tests.desktop.conftest import (
    OpenWindow,
    ask,
    choose_precision,
    click,
    said,
    shown,
    wait_for,
    wait_for_answer,
    write,
)


def test_an_answer_streams_in_and_ends_with_its_figures(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "write a long text")
    qtbot.waitUntil(lambda: "word3 " in "".join(shown(ready)[1:]))
    assert ready.controller.state is State.GENERATING
    click(qtbot, ready.window.chat.composer.button)
    wait_for(qtbot, ready, State.READY)
    caption = ready.window.chat.transcript.views[1].caption.text()
    assert caption.startswith("bf16 · 23.4 tokens/s · ") and caption.endswith("stopped")


def test_shift_enter_breaks_the_line_and_enter_sends(ready: Desktop, qtbot: QtBot) -> None:
    edit = ready.window.chat.composer.edit
    qtbot.keyClicks(edit, "one")
    qtbot.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(edit, "two")
    assert edit.toPlainText() == "one\ntwo" and not shown(ready)
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    wait_for(qtbot, ready, State.READY)
    assert shown(ready)[0] == "one\ntwo"
    assert edit.toPlainText() == ""


def test_enter_sends_nothing_where_nothing_is_written(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "   ")
    assert not shown(ready)
    assert not ready.window.chat.composer.button.isEnabled()


def test_reading_the_prompt_tells_how_far_it_is_and_can_be_stopped(
    ready: Desktop, qtbot: QtBot
) -> None:
    write(qtbot, ready, "to be slowly read")
    qtbot.waitUntil(lambda: len(ready.window.chat.transcript.views) == 2)
    caption = ready.window.chat.transcript.views[1].caption
    qtbot.waitUntil(lambda: "Reading the prompt" in caption.text() and "5" in caption.text())
    qtbot.keyClick(ready.window, Qt.Key.Key_Escape)
    wait_for(qtbot, ready, State.READY)
    ask(qtbot, ready, "hello")
    assert "hello" in shown(ready)[-1], "the chat goes on"


def test_escape_stops_and_typing_goes_on_meanwhile(ready: Desktop, qtbot: QtBot) -> None:
    edit = ready.window.chat.composer.edit
    write(qtbot, ready, "write a long text")
    qtbot.keyClicks(edit, "next")
    wait_for_answer(qtbot, ready)
    assert ready.window.chat.composer.button.text() == "Stop"
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    wait_for(qtbot, ready, State.READY)
    assert ready.window.chat.composer.button.text() == "Send"
    assert edit.toPlainText() == "next"


def test_the_whole_conversation_is_sent(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    ask(qtbot, ready, "show the history")
    assert json.loads(shown(ready)[3]) == [
        ["user", "hello"],
        ["assistant", "You said: hello."],
        ["user", "show the history"],
    ]


def test_switching_precision_keeps_the_conversation(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    choose_precision(qtbot, ready, Precision.INT4)
    qtbot.waitUntil(lambda: ready.window.chat.strip.kernel.value.whole.startswith("int4"))
    ask(qtbot, ready, "show the history")
    assert shown(ready)[:2] == ["hello", "You said: hello."]
    assert "You said: hello." in shown(ready)[3]
    assert ready.window.chat.transcript.views[1].caption.text().startswith("bf16")
    assert ready.window.chat.transcript.views[3].caption.text().startswith("int4")


def test_switching_precision_in_mid_answer_keeps_what_was_said(
    ready: Desktop, qtbot: QtBot
) -> None:
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    choose_precision(qtbot, ready, Precision.INT8)
    qtbot.waitUntil(lambda: ready.window.chat.strip.kernel.value.whole.startswith("int8"))
    wait_for(qtbot, ready, State.READY)
    assert shown(ready)[1].startswith("word0 word1")
    assert "stopped" in ready.window.chat.transcript.views[1].caption.text()


def test_copy_takes_the_markdown(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "some code")
    button = ready.window.chat.transcript.views[1].copy_button
    click(qtbot, button)
    assert "```python\ndef greet" in QGuiApplication.clipboard().text()
    assert button.text() == "Copied"


def test_an_example_is_asked_by_a_click(ready: Desktop, qtbot: QtBot) -> None:
    example = ready.window.chat.welcome.examples[1]
    assert example.isVisible()
    click(qtbot, example)
    wait_for(qtbot, ready, State.READY)
    qtbot.waitUntil(lambda: len(shown(ready)) == 2)
    assert shown(ready)[0] == "What is 3 plus 4?"
    assert not example.isVisible()


def test_a_new_chat_is_empty_and_sends_nothing_of_the_last(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    click(qtbot, ready.window.chat.header.new_chat)
    assert shown(ready) == []
    assert ready.window.chat.welcome.isVisible()
    assert not ready.window.findChildren(QMessageBox), "nothing is lost, so nothing is asked"
    ask(qtbot, ready, "show the history")
    assert json.loads(shown(ready)[1]) == [["user", "show the history"]]


def test_a_question_asked_while_loading_is_sent_when_loaded(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window(model="slow")
    wait_for(qtbot, made, State.LOADING)
    write(qtbot, made, "hello")
    assert "Will be sent when the model is loaded" in made.window.chat.composer.hint.text()
    assert made.window.chat.composer.edit.toPlainText() == ""
    made.controller.select(model="demo")
    qtbot.waitUntil(lambda: len(shown(made)) == 2 and "You said" in shown(made)[1])
    assert shown(made)[0] == "hello"


def test_a_queued_question_can_be_taken_back(open_window: OpenWindow, qtbot: QtBot) -> None:
    made = open_window(model="slow")
    write(qtbot, made, "hello")
    click(qtbot, made.window.chat.composer.take_back_button)
    assert made.window.chat.composer.edit.toPlainText() == "hello"
    assert "hello" not in made.window.chat.composer.hint.text()


def test_the_window_answers_while_tokens_stream(ready: Desktop, qtbot: QtBot) -> None:
    beats: list[int] = []
    timer = QTimer(interval=10)
    timer.timeout.connect(lambda: beats.append(len(said(ready))))
    write(qtbot, ready, "write a long text")
    timer.start()
    qtbot.waitUntil(lambda: len(beats) > 50)
    timer.stop()
    assert beats[-1] > beats[0]
    ready.controller.stop()
    wait_for(qtbot, ready, State.READY)
