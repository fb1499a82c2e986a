"""Nothing that was said is lost: the real window over a real file, also where something dies."""

import json
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.history import Chat, History, Message
from desktop.state import State
from desktop.transcript.shown_message import Act
from engine.messages import Precision
from engine.paths import Paths
from tests.desktop.conftest import (
    ROOT,
    OpenWindow,
    ask,
    choose_precision,
    click,
    fake_command,
    said,
    shown,
    wait_for,
    wait_for_answer,
    write,
)

CHILD = """
import sys, time
from PySide6.QtWidgets import QApplication
from desktop import app
from desktop.state import State
from engine.paths import Paths

qt = QApplication([])
desktop = app.build(qt, Paths.default(), command=sys.argv[1:])

def ask(state):
    if state is State.READY:
        desktop.controller.ask("write a long text")

def tell(message):
    print(time.monotonic(), len(message.content), flush=True)

desktop.controller.state_changed.connect(ask)
desktop.desk.message_changed.connect(tell)
app.start(desktop)
sys.exit(qt.exec())
"""


def stored() -> list[tuple[Chat, list[Message]]]:
    """What the file holds, read as another program would."""
    with closing(History.open(Paths.default().chats)) as history:
        return [(chat, history.messages.path(chat.id)) for chat in history.chats.all()]


def do(qtbot: QtBot, made: Desktop, act: Act, place: int = -1) -> None:
    """Press the button of a message once it is offered."""
    view = made.window.chat.transcript.views[place]
    view.setFocus()  # shows the tools
    qtbot.waitUntil(lambda: act in view.tools.acts and not view.tools.acts[act].isHidden())
    click(qtbot, view.tools.acts[act])


def answer_box(qtbot: QtBot, made: Desktop, text: str) -> None:
    qtbot.waitUntil(lambda: any(box.isVisible() for box in made.window.findChildren(QMessageBox)))
    box = next(box for box in made.window.findChildren(QMessageBox) if box.isVisible())
    click(qtbot, next(button for button in box.buttons() if button.text() == text))


def settled(qtbot: QtBot, made: Desktop, messages: list[str]) -> None:
    qtbot.waitUntil(lambda: made.controller.state is State.READY and shown(made) == messages)


# -- saved as it is made ---------------------------------------------------------------------------


def test_a_question_is_saved_before_its_answer_ends(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    ((chat, path),) = stored()
    assert chat.title == "write a long text"
    assert [(m.role, m.state) for m in path] == [("user", "whole"), ("assistant", "growing")]


def test_the_next_start_shows_the_chat_with_its_figures(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    first = open_window()
    wait_for(qtbot, first, State.READY)
    ask(qtbot, first, "hello")
    caption = first.window.chat.transcript.views[1].caption.text()
    first.window.close()
    again = open_window()
    qtbot.waitUntil(lambda: shown(again) == ["hello", "You said: hello."])
    assert again.window.chat.transcript.views[1].caption.text() == caption
    assert "23.4 tokens/s" in caption
    assert again.window.windowTitle() == "hello – Tern"
    ((_, path),) = stored()
    assert path[1].metrics and path[1].metrics.decode_tokens_per_s == 23.4


def test_a_window_killed_in_mid_answer_loses_a_second_at_most(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *fake_command()], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    lines = [child.stdout.readline() for _ in range(2)]
    while float(lines[-1].split()[0]) < float(lines[1].split()[0]) + 2:
        lines.append(child.stdout.readline())
    child.kill()
    lines += [line for line in child.stdout if line.endswith("\n")]
    child.wait()
    told = [(float(a), int(b)) for a, b in map(str.split, lines)]
    a_second_ago = max(length for moment, length in told if moment <= told[-1][0] - 1.1)

    made = open_window()
    qtbot.waitUntil(lambda: len(made.desk.talk.path) == 2)
    ((_, (question, answer)),) = stored()
    assert question.content == "write a long text"
    assert answer.state == "partial" and len(answer.content) >= a_second_ago > 20
    assert "cut short" in made.window.chat.transcript.views[-1].caption.text()
    wait_for(qtbot, made, State.READY)
    do(qtbot, made, Act.CONTINUE)
    qtbot.waitUntil(lambda: stored()[0][1][1].state == "whole")
    assert stored()[0][1][1].content == f"{answer.content} and the rest."


def test_an_engine_killed_in_mid_answer_leaves_the_answer_marked(
    ready: Desktop, qtbot: QtBot
) -> None:
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    next(p for p in psutil.Process().children() if "fake_worker" in " ".join(p.cmdline())).kill()
    wait_for(qtbot, ready, State.CRASHED)
    qtbot.waitUntil(lambda: stored()[0][1][1].state == "partial")
    assert stored()[0][1][1].content.rstrip() == said(ready).rstrip()


def test_closing_in_mid_answer_keeps_all_that_was_shown(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window()
    wait_for(qtbot, made, State.READY)
    write(qtbot, made, "write a long text")
    wait_for_answer(qtbot, made)
    text = made.desk.talk.path[1].content
    made.window.close()
    ((_, path),) = stored()
    assert path[1].state == "partial" and path[1].content.startswith(text)


# -- versions --------------------------------------------------------------------------------------


def test_a_regenerated_answer_stands_beside_the_old_one(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    do(qtbot, ready, Act.REGENERATE)
    qtbot.waitUntil(lambda: len(ready.desk.talk.path[1].siblings) == 2)
    settled(qtbot, ready, ["hello", "You said: hello."])
    tools = ready.window.chat.transcript.views[1].tools
    assert tools.place.text() == "2/2"
    first, second = ready.desk.talk.path[1].siblings
    click(qtbot, tools.previous)
    qtbot.waitUntil(lambda: ready.desk.talk.path[1].id == first)
    click(qtbot, ready.window.chat.transcript.views[1].tools.next)
    qtbot.waitUntil(lambda: ready.desk.talk.path[1].id == second)


def test_an_edited_question_keeps_what_followed_the_old_one(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    ask(qtbot, ready, "and more")
    before = [m.id for m in ready.desk.talk.path]
    ready.window.chat.transcript.edit_wanted.emit(before[0], "good day")
    settled(qtbot, ready, ["good day", "You said: good day."])
    click(qtbot, ready.window.chat.transcript.views[0].tools.previous)
    qtbot.waitUntil(lambda: [m.id for m in ready.desk.talk.path] == before)
    qtbot.waitUntil(lambda: shown(ready)[2:] == ["and more", "You said: and more."])


def test_only_the_selected_branch_is_sent(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    ready.controller.edit(ready.desk.talk.path[0].id, "good day")
    settled(qtbot, ready, ["good day", "You said: good day."])
    ask(qtbot, ready, "show the history")
    qtbot.waitUntil(lambda: said(ready).endswith("]]"))
    assert [content for _, content in json.loads(said(ready))] == [
        "good day",
        "You said: good day.",
        "show the history",
    ]


def test_a_stopped_answer_goes_on_where_it_ended(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    ready.controller.stop()
    wait_for(qtbot, ready, State.READY)
    before = ready.desk.talk.path[1].content
    do(qtbot, ready, Act.CONTINUE)
    qtbot.waitUntil(lambda: ready.desk.talk.path[1].state == "whole")
    assert ready.desk.talk.path[1].content == f"{before} and the rest."
    qtbot.waitUntil(lambda: stored()[0][1][1].content == f"{before} and the rest.")


def test_deleting_a_message_asks_and_takes_what_follows(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    ask(qtbot, ready, "secret words")
    do(qtbot, ready, Act.DELETE)
    answer_box(qtbot, ready, "Cancel")
    assert len(shown(ready)) == 4
    ready.window.chat.transcript.delete_wanted.emit(ready.desk.talk.path[2].id)
    answer_box(qtbot, ready, "Delete")
    settled(qtbot, ready, ["hello", "You said: hello."])
    assert b"secret words" not in Paths.default().chats.read_bytes()


# -- several chats ---------------------------------------------------------------------------------


def test_an_answer_goes_on_in_its_chat_while_another_is_shown(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    other = ready.desk.talk.chat
    assert other
    ready.desk.new()
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    growing = ready.desk.talk.chat
    assert growing
    ready.desk.open(other.id)
    qtbot.waitUntil(lambda: shown(ready) == ["hello", "You said: hello."])
    assert ready.controller.state is State.BUSY
    row = next(
        row
        for row in ready.window.chat.sidebar.model.rows
        if row.__class__.__name__ == "ChatRow" and row.chat.id == growing.id
    )
    assert row.is_growing
    write(qtbot, ready, "me too")
    assert "that answer has ended" in ready.window.chat.composer.hint.text()
    ready.desk.open(growing.id)
    wait_for(qtbot, ready, State.GENERATING)
    length = len(said(ready))
    qtbot.waitUntil(lambda: len(said(ready)) > length)
    ready.controller.stop()
    qtbot.waitUntil(lambda: stored()[0][1][-1].content == "You said: me too.")
    assert [m.content for m in stored()[0][1]][:2] == ["hello", "You said: hello."]


def test_a_chat_remembers_its_precision_and_loads_it_when_something_is_sent(
    ready: Desktop, qtbot: QtBot
) -> None:
    ask(qtbot, ready, "hello")
    old = ready.desk.talk.chat
    assert old
    ready.desk.new()
    choose_precision(qtbot, ready, Precision.INT4)
    wait_for(qtbot, ready, State.READY)
    ask(qtbot, ready, "hi")
    ready.desk.open(old.id)
    qtbot.waitUntil(lambda: shown(ready)[:1] == ["hello"])
    strip = ready.window.chat.strip.kernel.value
    assert ready.controller.selection.precision is Precision.BF16
    assert ready.window.chat.header.precisions.buttons[Precision.BF16].isChecked()
    assert ready.controller.state is State.UNLOADED and strip.text().startswith("int4")
    assert "loaded when you send" in ready.window.chat.composer.hint.text()
    ask(qtbot, ready, "again")
    qtbot.waitUntil(lambda: said(ready) == "You said: again.")
    assert strip.text().startswith("bf16")
    ready.desk.new()
    assert ready.controller.state is not State.UNLOADED, "a new chat takes what is loaded"


def test_a_temporary_chat_leaves_no_trace(ready: Desktop, qtbot: QtBot, home: Path) -> None:
    ready.menus.temporary_chat_wanted.emit()
    assert ready.window.chat.temporary.isVisible()
    ask(qtbot, ready, "unheard-of words")
    settled(qtbot, ready, ["unheard-of words", "You said: unheard-of words."])
    click(qtbot, ready.window.chat.header.new_chat)
    answer_box(qtbot, ready, "Leave it")
    qtbot.waitUntil(lambda: not shown(ready))
    assert not ready.window.chat.temporary.isVisible()
    assert stored() == []
    ask(qtbot, ready, "hello")
    ready.window.close()
    files = [file for file in home.rglob("*") if file.is_file()]
    assert files and not any(b"unheard-of" in file.read_bytes() for file in files)


def test_leaving_a_temporary_chat_in_mid_answer_ends_the_answer(
    ready: Desktop, qtbot: QtBot
) -> None:
    ready.desk.new(is_temporary=True)
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    ready.desk.new()
    wait_for(qtbot, ready, State.READY)
    ask(qtbot, ready, "hello")
    settled(qtbot, ready, ["hello", "You said: hello."])


def test_two_windows_see_each_others_chats(open_window: OpenWindow, qtbot: QtBot) -> None:
    one, two = open_window(), open_window()
    for made in (one, two):
        wait_for(qtbot, made, State.READY)
    ask(qtbot, one, "from the first")
    qtbot.waitUntil(lambda: [c.title for c in two.shelf.listing.chats] == ["from the first"])
    two.desk.open(two.shelf.listing.chats[0].id)
    qtbot.waitUntil(lambda: len(shown(two)) == 2)
    ask(qtbot, one, "and on")
    qtbot.waitUntil(lambda: shown(two)[2:] == ["and on", "You said: and on."])
    one.shelf.delete(one.shelf.listing.chats[0].id)
    qtbot.waitUntil(lambda: not shown(two))
    assert "another window" in two.window.chat.notice.sentence.text()


# -- a file that cannot be used --------------------------------------------------------------------


def damage(file: Path) -> None:
    file.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)


def make_newer(file: Path) -> None:
    with closing(History.open(file)) as history:
        history.database.rows("PRAGMA user_version = 999")


def make_foreign(file: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(damage, "damaged"), (make_newer, "newer version"), (make_foreign, "not a file")],
)
def test_a_file_that_cannot_be_opened_is_explained_and_left_alone(
    open_window: OpenWindow, qtbot: QtBot, spoil: object, reason: str
) -> None:
    file = Paths.default().chats
    file.parent.mkdir(parents=True)
    spoil(file)
    before = file.read_bytes() if file.is_file() else b""
    made = open_window()
    banner = made.window.chat.unsaved
    qtbot.waitUntil(banner.isVisible)
    assert reason in banner.sentence.text()
    assert "lasts as long as this window" in banner.way_out.text()
    wait_for(qtbot, made, State.READY)
    ask(qtbot, made, "hello")
    settled(qtbot, made, ["hello", "You said: hello."])
    qtbot.waitUntil(lambda: [chat.title for chat in made.shelf.listing.chats] == ["hello"])
    made.window.close()
    assert (file.read_bytes() if file.is_file() else b"") == before


def test_a_question_that_cannot_be_saved_comes_back(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    ready.store.do(lambda history: history.database.rows("PRAGMA query_only = ON"))
    write(qtbot, ready, "one more")
    edit = ready.window.chat.composer.edit
    qtbot.waitUntil(lambda: edit.toPlainText() == "one more")
    assert "cannot be saved" in ready.window.chat.notice.sentence.text()
    assert shown(ready) == ["hello", "You said: hello."]
    ready.store.do(lambda history: history.database.rows("PRAGMA query_only = OFF"))
    edit.clear()
    ask(qtbot, ready, "one more")
    qtbot.waitUntil(lambda: said(ready) == "You said: one more.")


def test_a_slow_disk_keeps_nobody_waiting(ready: Desktop, qtbot: QtBot) -> None:
    written, was_written = threading.Event(), list[bool]()
    ready.store.do(lambda _history: was_written.append(written.wait(20)))
    write(qtbot, ready, "hello")
    ready.window.grab()
    written.set()
    settled(qtbot, ready, ["hello", "You said: hello."])
    assert was_written == [True]


def test_a_chat_of_500_messages_shows_its_end_at_once(ready: Desktop, qtbot: QtBot) -> None:
    def fill(history: History) -> int:
        chat = history.chats.create()
        for number in range(250):
            question = history.messages.ask(chat.id, f"question {number}")
            answer = history.journal.begin_answer(question.id, model="demo")
            text = "**An answer** with `code`.\n\n- one\n- two\n\n" * 5 + f"End {number}."
            history.journal.end_answer(answer.id, text, "whole", finish_reason="end")
        return chat.id

    made: list[int] = []
    ready.store.do(fill, made.append)
    qtbot.waitUntil(lambda: bool(made))

    ready.desk.new()
    ready.desk.open(made[0])
    transcript = ready.window.chat.transcript
    qtbot.waitUntil(lambda: bool(shown(ready)) and "End 249." in said(ready))
    qtbot.waitUntil(lambda: transcript.is_settled)
    assert len(transcript.messages) == 500
    assert len(transcript.views) < 20, "no more are made than are in sight"
