"""Files attached to a message, and how full the context is, through the real window."""

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.attachments.preview import AttachmentPreview
from desktop.chats.reach import first_read
from desktop.history import ChatSettings, Message
from desktop.state import State
from desktop.transcript.question_view import QuestionView
from engine.client import worker_command
from engine.messages import Metrics, SamplingSettings
from tests.desktop.conftest import OpenWindow, ask, click, shown, wait_for, write


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    file = tmp_path / "notes & <b>plans.md"
    file.write_text("The fox sleeps by day.")
    return file


def paste(made: Desktop, *files: Path) -> None:
    """Paste files into the composer, as after copying them in a file manager."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    made.window.chat.composer.edit.insertFromMimeData(mime)


def attach(qtbot: QtBot, made: Desktop, *files: Path) -> None:
    bar = made.window.chat.composer.files
    wanted = len(bar.chips) + len(files)
    paste(made, *files)
    qtbot.waitUntil(lambda: len(bar.chips) == wanted)


def test_a_file_is_sent_with_the_question_and_shown_as_a_chip(
    ready: Desktop, qtbot: QtBot, notes: Path
) -> None:
    attach(qtbot, ready, notes)
    ask(qtbot, ready, "show the history")
    qtbot.waitUntil(lambda: len(shown(ready)) == 2 and "fox sleeps" in shown(ready)[1])
    assert shown(ready)[0] == "show the history", "the file is not pasted into the text"
    view = ready.window.chat.transcript.views[0]
    assert isinstance(view, QuestionView) and view.files
    [chip] = view.files.chips
    assert chip.attachment.name == notes.name
    assert not ready.window.chat.composer.files.isVisible()
    click(qtbot, chip.name)
    preview = ready.window.findChild(AttachmentPreview)
    assert preview.text.toPlainText() == "The fox sleeps by day." and preview.text.isReadOnly()
    preview.accept()


def test_a_file_alone_is_a_message(ready: Desktop, qtbot: QtBot, notes: Path) -> None:
    composer = ready.window.chat.composer
    assert not composer.button.isEnabled()
    attach(qtbot, ready, notes)
    click(qtbot, composer.button)
    qtbot.waitUntil(lambda: len(shown(ready)) == 2)
    assert ready.desk.talk.path[0].attachments[0].name == notes.name


def test_chips_tell_size_and_tokens_and_are_removed_by_the_keyboard(
    ready: Desktop, qtbot: QtBot, notes: Path
) -> None:
    bar = ready.window.chat.composer.files
    attach(qtbot, ready, notes, notes)
    qtbot.waitUntil(lambda: "tokens" in bar.chips[0].figures.text())
    assert bar.chips[0].figures.text().startswith("22 bytes · ")
    bar.chips[0].remove.setFocus()
    qtbot.keyClick(bar.chips[0].remove, Qt.Key.Key_Space)
    assert len(bar.chips) == 1
    qtbot.keyClick(bar.chips[0].remove, Qt.Key.Key_Space)
    assert not bar.isVisible()


def test_what_cannot_be_attached_gets_a_sentence_each(
    ready: Desktop, qtbot: QtBot, tmp_path: Path, notes: Path
) -> None:
    picture, folder = tmp_path / "photo.png", tmp_path / "folder"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    folder.mkdir()
    bar = ready.window.chat.composer.files
    paste(ready, picture, notes, folder, tmp_path / "gone.txt")
    qtbot.waitUntil(lambda: len(bar.troubles) == 3 and len(bar.chips) == 1)
    said = [line.accessibleName() for line in bar.troubles]
    assert said[0].startswith("photo.png cannot be attached: it is not a text file.")
    assert "folder cannot be attached: it is not a file." in said[1]
    assert said[2].startswith("gone.txt cannot be attached")


def test_a_copied_picture_gets_a_sentence(ready: Desktop) -> None:
    mime = QMimeData()
    mime.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    ready.window.chat.composer.edit.insertFromMimeData(mime)
    [line] = ready.window.chat.composer.files.troubles
    assert "A picture cannot be attached" in line.accessibleName()


def test_no_more_than_a_message_takes(ready: Desktop, qtbot: QtBot, notes: Path) -> None:
    bar = ready.window.chat.composer.files
    paste(ready, *[notes] * 23)
    assert "20 files at most, so 3 were left out" in bar.troubles[0].accessibleName()
    qtbot.waitUntil(lambda: len(bar.chips) == 20)


def test_the_clip_asks_for_files(ready: Desktop, qtbot: QtBot, notes: Path, monkeypatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(notes)], ""))
    click(qtbot, ready.window.chat.composer.attach)
    qtbot.waitUntil(lambda: len(ready.window.chat.composer.files.chips) == 1)


def test_files_come_back_with_the_question(
    open_window: OpenWindow, qtbot: QtBot, notes: Path
) -> None:
    made = open_window(model="slow")
    wait_for(qtbot, made, State.LOADING)
    attach(qtbot, made, notes)
    write(qtbot, made, "hello")
    assert not made.window.chat.composer.files.chips
    click(qtbot, made.window.chat.composer.take_back_button)
    assert made.window.chat.composer.edit.toPlainText() == "hello"
    assert [file.name for file in made.window.chat.composer.files.attachments] == [notes.name]


# -- the context ---------------------------------------------------------------------------------


def test_the_context_is_exact_after_an_answer_and_estimated_while_typing(
    ready: Desktop, qtbot: QtBot, notes: Path
) -> None:
    bar = ready.window.chat.composer.context
    assert bar.text.text().endswith("of 2,048 tokens")
    ask(qtbot, ready, "hello")
    qtbot.waitUntil(lambda: bar.text.text() == "12 of 2,048 tokens")
    with qtbot.assertNotEmitted(ready.controller.counted, wait=400):
        pass  # the exact figure is not replaced by an estimate
    assert bar.text.text() == "12 of 2,048 tokens"
    qtbot.keyClicks(ready.window.chat.composer.edit, "three more words")
    qtbot.waitUntil(lambda: bar.text.text() == "about 7 of 2,048 tokens")
    attach(qtbot, ready, notes)
    qtbot.waitUntil(lambda: bar.text.text().startswith("about 1"))


def test_a_message_that_will_not_fit_is_said_before_it_is_sent(
    ready: Desktop, qtbot: QtBot
) -> None:
    bar = ready.window.chat.composer.context
    ready.window.chat.composer.edit.setPlainText("word " * 3000)
    qtbot.waitUntil(lambda: bar.text.text() == "Too long: about 3,000 of 2,048 tokens")
    assert bar.text.property("level") == "over"
    ready.desk.configure(ChatSettings(overflow="drop_oldest"))
    ready.window.chat.composer.edit.setPlainText("word " * 3001)
    qtbot.waitUntil(lambda: bar.text.text().startswith("Without the oldest messages: about 3,0"))


def test_the_place_is_marked_where_messages_were_dropped(ready: Desktop, qtbot: QtBot) -> None:
    for question in ("hello", "again", "the oldest are dropped now"):
        ask(qtbot, ready, question)
        wait_for(qtbot, ready, State.READY)

    def marks() -> list[bool]:
        return [bool(view.mark.text()) for view in ready.window.chat.transcript.views]

    qtbot.waitUntil(lambda: marks() == [False, False, True, False, False, False])
    assert "without what stands above" in ready.window.chat.transcript.views[2].mark.text()
    ask(qtbot, ready, "everything is read")
    qtbot.waitUntil(lambda: not any(marks()))


def test_the_mark_stands_after_as_many_messages_as_were_sent_and_dropped() -> None:
    def message(number: int, role, content: str = "x", dropped: int | None = None) -> Message:
        known = Metrics(
            prompt_tokens=1, cached_tokens=0, completion_tokens=1, ttft_s=0, prefill_s=0,
            prefill_tokens_per_s=0, decode_tokens_per_s=0, token_ms_p50=0, token_ms_p95=0,
            context_used=1, context_length=1, peak_rss_bytes=0, dropped_messages=dropped or 0,
        )  # fmt: skip
        metrics = None if dropped is None else known
        return Message(number, 1, None, role, content, "whole", 0.0, (number,), metrics=metrics)

    path = [
        message(1, "user"),
        message(2, "assistant", "", dropped=0),  # an answer without a word: not sent
        message(3, "user"),
        message(4, "assistant", dropped=0),
        message(5, "user"),
    ]
    assert first_read([*path, message(6, "assistant", dropped=0)]) is None
    assert first_read([*path, message(6, "assistant", dropped=2)]) == 5
    assert first_read(path) is None


def test_a_long_chat_goes_on_without_its_beginning_on_the_real_engine(
    open_window: OpenWindow, qtbot: QtBot, notes: Path
) -> None:
    made = open_window(command=worker_command())
    wait_for(qtbot, made, State.READY)
    made.controller.select(context_length=300)
    notes.write_text("The fox sleeps by day. " * 20)
    settings = ChatSettings(overflow="drop_oldest", sampling=SamplingSettings(temperature=0))
    made.desk.configure(settings)
    for turn in range(3):
        wait_for(qtbot, made, State.READY)
        attach(qtbot, made, notes)
        write(qtbot, made, "Who are you?")
        count = 2 * turn + 2
        qtbot.waitUntil(lambda n=count: len(made.desk.talk.path) == n)
        qtbot.waitUntil(lambda: made.desk.talk.path[-1].metrics is not None)
    assert made.desk.talk.path[-1].metrics.dropped_messages == 4
    [marked] = [view for view in made.window.chat.transcript.views if view.mark.text()]
    assert marked.message.id == made.desk.talk.path[4].id
