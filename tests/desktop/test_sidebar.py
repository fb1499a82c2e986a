"""The list of chats in the real window: finding, sorting away, deleting, files, and its keys."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.chats.exporting import Form
from desktop.history import History
from desktop.sidebar.rows import ChatRow, FolderRow, FoundRow, chat_of, text_of
from desktop.sidebar.sidebar import Sidebar
from desktop.state import State
from engine.paths import Paths
from tests.desktop.conftest import OpenWindow, ask, click, said, shown, wait_for

CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
CHATS = {
    "Plan a week in Lisbon": "Take the tram on Monday.",
    "How do tides work?": "The moon pulls at the water.",
    "Names for a cat": "Mimi, Moon, Minka.",
}


@pytest.fixture
def filled(open_window: OpenWindow, qtbot: QtBot) -> Desktop:
    """A window over three chats; the last of CHATS is the latest."""
    Paths.default().data.mkdir(parents=True)
    history = History.open(Paths.default().chats)
    for question, text in CHATS.items():
        chat = history.chats.create()
        asked = history.messages.ask(chat.id, question)
        answer = history.journal.begin_answer(asked.id, model="demo")
        history.journal.end_answer(answer.id, text, "whole", finish_reason="end")
    history.close()
    made = open_window()
    qtbot.waitUntil(lambda: len(titles(made)) == 3)
    wait_for(qtbot, made, State.READY)
    return made


def sidebar(made: Desktop) -> Sidebar:
    return made.window.chat.sidebar


def listed(made: Desktop) -> list[str]:
    return [text_of(row) for row in sidebar(made).model.rows]


def titles(made: Desktop) -> list[str]:
    return [text_of(row) for row in sidebar(made).model.rows if chat_of(row)]


def number(made: Desktop, title: str) -> int:
    return next(chat.id for chat in made.shelf.listing.chats if chat.title == title)


def open_chat(qtbot: QtBot, made: Desktop, title: str) -> None:
    """Click on a chat in the list."""
    chats = sidebar(made).list
    place = chats.visualRect(sidebar(made).model.find_chat(number(made, title)))
    qtbot.mouseClick(chats.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
    qtbot.waitUntil(lambda: shown(made)[:1] == [title])


def choose(qtbot: QtBot, made: Desktop, title: str, *path: str) -> None:
    """Choose from the menu of a chat or folder."""
    rows = sidebar(made).model.rows
    row = next(row for row in rows if text_of(row) == title)
    chats = sidebar(made).list
    chats.menu_wanted.emit(row, chats.mapToGlobal(chats.rect().center()))
    menus = sidebar(made).findChildren(QMenu)
    menu = next(menu for menu in menus if menu.isVisible())
    *submenus, last = path
    actions = menu.actions()
    for name in submenus:
        actions = next(a for a in actions if a.text().split("\t")[0] == name).menu().actions()
    next(a for a in actions if a.text().split("\t")[0] == last).trigger()
    menu.close()


def editor(made: Desktop) -> QLineEdit:
    return next(field for field in sidebar(made).list.findChildren(QLineEdit) if field.isVisible())


def write_name(qtbot: QtBot, made: Desktop, name: str) -> None:
    qtbot.waitUntil(lambda: sidebar(made).list.is_renaming)
    field = editor(made)
    field.setText(name)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def press(qtbot: QtBot, made: Desktop, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
    held = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        held |= modifier
    target: QWidget = made.window.chat.composer.edit
    qtbot.keyClick(target, key, held)


# -- finding ---------------------------------------------------------------------------------------


def test_typing_finds_chats_by_what_was_said_in_them(filled: Desktop, qtbot: QtBot) -> None:
    press(qtbot, filled, Qt.Key.Key_F, CTRL)
    search = sidebar(filled).search
    qtbot.keyClicks(search, "MOON")
    qtbot.waitUntil(lambda: titles(filled) == ["Names for a cat", "How do tides work?"])
    snippets = [row.found.snippet for row in sidebar(filled).model.rows]
    assert snippets == ["Mimi, Moon, Minka.", "The moon pulls at the water."]
    qtbot.keyClick(search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(titles(filled)) == 3)
    qtbot.keyClicks(search, "nowhere said")
    qtbot.waitUntil(lambda: listed(filled) == ["Nothing was found."])


def test_choosing_a_hit_opens_the_chat_at_that_message(filled: Desktop, qtbot: QtBot) -> None:
    chat = number(filled, "How do tides work?")

    def add(history: History) -> int:
        for i in range(60):
            asked = history.messages.ask(chat, f"question {i}")
            answer = history.journal.begin_answer(asked.id, model="demo")
            text = "needle in here" if i == 10 else f"answer {i}"
            history.journal.end_answer(answer.id, text, "whole")
            wanted = answer.id if i == 10 else 0
            found.extend([wanted] * bool(wanted))
        return 0

    found: list[int] = []
    done: list[int] = []
    filled.store.do(add, done.append)
    qtbot.waitUntil(lambda: bool(done))
    sidebar(filled).search.setText("needle")
    qtbot.waitUntil(lambda: isinstance(sidebar(filled).model.rows[0], FoundRow))
    qtbot.keyClick(sidebar(filled).search, Qt.Key.Key_Return)
    transcript = filled.window.chat.transcript
    qtbot.waitUntil(lambda: "needle in here" in shown(filled))
    qtbot.waitUntil(lambda: transcript.is_settled)
    view = next(view for view in transcript.views if view.message.id == found[0])
    top = view.mapTo(transcript.viewport(), view.rect().topLeft()).y()
    assert 0 <= top < transcript.viewport().height() // 2


def test_a_hit_on_another_branch_shows_that_branch(filled: Desktop, qtbot: QtBot) -> None:
    open_chat(qtbot, filled, "Names for a cat")
    filled.controller.regenerate(filled.desk.talk.path[1].id)
    qtbot.waitUntil(lambda: said(filled) == "You said: Names for a cat.")
    wait_for(qtbot, filled, State.READY)
    sidebar(filled).search.setText("minka")
    qtbot.waitUntil(lambda: titles(filled) == ["Names for a cat"])
    qtbot.keyClick(sidebar(filled).search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: said(filled) == "Mimi, Moon, Minka.")


# -- sorting away ----------------------------------------------------------------------------------


def test_a_click_opens_a_chat(filled: Desktop, qtbot: QtBot) -> None:
    assert listed(filled) == ["Today", *reversed(CHATS)]
    open_chat(qtbot, filled, "How do tides work?")
    assert shown(filled) == ["How do tides work?", "The moon pulls at the water."]
    assert sidebar(filled).list.open_chat == number(filled, "How do tides work?")
    assert filled.window.windowTitle() == "How do tides work? – Tern"


def test_a_pinned_chat_stands_first(filled: Desktop, qtbot: QtBot) -> None:
    choose(qtbot, filled, "Plan a week in Lisbon", "Pin")
    qtbot.waitUntil(lambda: listed(filled)[:2] == ["Pinned", "Plan a week in Lisbon"])
    choose(qtbot, filled, "Plan a week in Lisbon", "Unpin")
    qtbot.waitUntil(lambda: listed(filled)[0] == "Today")


def test_a_chat_is_renamed_in_its_place(filled: Desktop, qtbot: QtBot) -> None:
    open_chat(qtbot, filled, "Names for a cat")
    press(qtbot, filled, Qt.Key.Key_F2)
    write_name(qtbot, filled, "Cats")
    qtbot.waitUntil(lambda: titles(filled)[0] == "Cats")
    assert filled.window.windowTitle() == "Cats – Tern"


def test_a_name_that_is_being_written_survives_what_else_happens(
    filled: Desktop, qtbot: QtBot
) -> None:
    open_chat(qtbot, filled, "Names for a cat")
    press(qtbot, filled, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: sidebar(filled).list.is_renaming)
    field = editor(filled)
    field.setText("half a na")
    filled.shelf.pin(number(filled, "How do tides work?"), True)
    qtbot.waitUntil(lambda: listed(filled)[0] == "Pinned")
    assert editor(filled) is field and field.text() == "half a na"


def test_chats_go_into_folders_and_out_again(filled: Desktop, qtbot: QtBot) -> None:
    choose(qtbot, filled, "Plan a week in Lisbon", "Move to", "New folder")
    write_name(qtbot, filled, "Travel")
    qtbot.waitUntil(lambda: listed(filled)[:3] == ["Folders", "Travel", "Plan a week in Lisbon"])
    choose(qtbot, filled, "Names for a cat", "Move to", "Travel")
    qtbot.waitUntil(lambda: listed(filled)[2] == "Names for a cat")
    folder = next(row for row in sidebar(filled).model.rows if isinstance(row, FolderRow))
    assert folder.count == 2
    sidebar(filled).list.fold_wanted.emit(folder.folder.id, False)
    assert listed(filled) == ["Folders", "Travel", "Today", "How do tides work?"]
    choose(qtbot, filled, "Travel", "Delete the folder")
    box = next(box for box in filled.window.findChildren(QMessageBox) if box.isVisible())
    click(qtbot, box.buttons()[0] if "Delete" in box.buttons()[0].text() else box.buttons()[1])
    qtbot.waitUntil(lambda: listed(filled)[0] == "Today" and len(titles(filled)) == 3)


def test_two_folders_cannot_have_one_name(filled: Desktop, qtbot: QtBot) -> None:
    for _ in range(2):
        sidebar(filled).folder_wanted.emit(None)
        qtbot.waitUntil(lambda: sidebar(filled).list.is_renaming)
        qtbot.keyClick(editor(filled), Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: not sidebar(filled).list.is_renaming)
    assert [name for name in listed(filled) if "folder" in name] == ["New folder", "New folder 2"]
    folder = next(row for row in sidebar(filled).model.rows if isinstance(row, FolderRow))
    sidebar(filled).folder_rename_wanted.emit(folder.folder.id, "New folder 2")
    qtbot.waitUntil(filled.window.chat.notice.isVisible)
    assert "a folder named New folder 2" in filled.window.chat.notice.sentence.text()


def test_a_chat_dragged_to_the_pinned_ones_is_pinned(filled: Desktop, qtbot: QtBot) -> None:
    filled.shelf.pin(number(filled, "Names for a cat"), True)
    qtbot.waitUntil(lambda: listed(filled)[0] == "Pinned")
    model = sidebar(filled).model
    data = model.mimeData([model.find_chat(number(filled, "How do tides work?"))])
    model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index(1))
    qtbot.waitUntil(lambda: listed(filled).index("Today") == 3)


def test_a_deleted_chat_comes_back_by_undo(filled: Desktop, qtbot: QtBot) -> None:
    open_chat(qtbot, filled, "How do tides work?")
    qtbot.keyClick(sidebar(filled).list, Qt.Key.Key_Delete)
    toast = sidebar(filled).toast
    qtbot.waitUntil(toast.isVisible)
    assert toast.sentence.text() == "Chat deleted." and toast.button.text() == "Undo"
    assert "How do tides work?" not in titles(filled) and shown(filled) == []
    click(qtbot, toast.button)
    qtbot.waitUntil(lambda: shown(filled)[:1] == ["How do tides work?"])
    assert "How do tides work?" in titles(filled) and not toast.isVisible()


def test_what_was_deleted_is_gone_when_undo_is(filled: Desktop, qtbot: QtBot) -> None:
    filled.shelf.delete(number(filled, "How do tides work?"))
    qtbot.waitUntil(lambda: len(titles(filled)) == 2)
    gone: list[int] = []
    filled.store.do(lambda history: history.chats.purge(), gone.append)
    qtbot.waitUntil(lambda: gone == [1])
    assert b"moon pulls" not in Paths.default().chats.read_bytes()


def test_deleting_a_chat_in_mid_answer_stops_the_answer(filled: Desktop, qtbot: QtBot) -> None:
    qtbot.keyClicks(filled.window.chat.composer.edit, "write a long text")
    press(qtbot, filled, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(said(filled)) > 20)
    assert filled.desk.talk.chat
    sidebar(filled).delete_wanted.emit(filled.desk.talk.chat.id)
    wait_for(qtbot, filled, State.READY)
    ask(qtbot, filled, "hello")
    qtbot.waitUntil(lambda: shown(filled) == ["hello", "You said: hello."])


# -- files -----------------------------------------------------------------------------------------


@pytest.fixture
def pick(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Answers the system's file dialogs."""

    def answer(file: Path) -> None:
        for name in ("getSaveFileName", "getOpenFileName"):
            monkeypatch.setattr(QFileDialog, name, staticmethod(lambda *_: (str(file), "")))

    return answer


@pytest.mark.parametrize(
    ("form", "beginning"),
    [(Form.MARKDOWN, "# How do tides work?"), (Form.HTML, "<!DOCTYPE html>"), (Form.JSON, "{")],
)
def test_a_chat_is_exported(
    filled: Desktop, qtbot: QtBot, pick: object, tmp_path: Path, form: Form, beginning: str
) -> None:
    pick(tmp_path / "tides")
    names = {Form.MARKDOWN: "As Markdown…", Form.HTML: "As a web page…"}
    name = names.get(form, "As JSON, with all versions…")
    choose(qtbot, filled, "How do tides work?", "Export", name)
    qtbot.waitUntil(sidebar(filled).toast.isVisible)
    assert sidebar(filled).toast.sentence.text() == f"The chat was exported to tides.{form}."
    text = (tmp_path / f"tides.{form}").read_text(encoding="utf-8")
    assert text.startswith(beginning) and "The moon pulls" in text


def test_all_chats_go_out_and_come_in_again(
    filled: Desktop, qtbot: QtBot, pick: object, tmp_path: Path
) -> None:
    toast = sidebar(filled).toast
    pick(tmp_path / "all.json")
    sidebar(filled).export_all_wanted.emit()
    qtbot.waitUntil(lambda: toast.sentence.text() == "3 chats were exported to all.json.")
    filled.shelf.delete(number(filled, "Names for a cat"))
    qtbot.waitUntil(lambda: len(titles(filled)) == 2)
    sidebar(filled).import_wanted.emit()
    qtbot.waitUntil(
        lambda: toast.sentence.text() == "1 chat was imported. 2 chats were there already."
    )
    qtbot.waitUntil(lambda: len(titles(filled)) == 3)
    open_chat(qtbot, filled, "Names for a cat")
    assert said(filled) == "Mimi, Moon, Minka."


def test_chatgpts_export_is_imported(
    filled: Desktop, qtbot: QtBot, pick: object, tmp_path: Path
) -> None:
    text = {"content_type": "text", "parts": ["Bonjour"]}
    node = {"message": {"author": {"role": "user"}, "content": text}, "children": []}
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps([{"id": "1", "title": "From elsewhere", "mapping": {"a": node}}]))
    pick(file)
    sidebar(filled).import_wanted.emit()
    qtbot.waitUntil(lambda: sidebar(filled).toast.sentence.text() == "1 chat was imported.")
    qtbot.waitUntil(lambda: "From elsewhere" in titles(filled))


def test_files_that_do_not_serve_are_explained(
    filled: Desktop, qtbot: QtBot, pick: object, tmp_path: Path
) -> None:
    notice = filled.window.chat.notice
    (tmp_path / "no.json").write_text("[1, 2")
    pick(tmp_path / "no.json")
    sidebar(filled).import_wanted.emit()
    qtbot.waitUntil(notice.isVisible)
    assert "cannot be imported" in notice.sentence.text()
    pick(tmp_path / "nowhere" / "all.json")
    sidebar(filled).export_all_wanted.emit()
    qtbot.waitUntil(lambda: "Nothing could be written" in notice.sentence.text())
    assert len(titles(filled)) == 3


# -- keys and room ---------------------------------------------------------------------------------


def test_the_keys_lead_through_the_chats(filled: Desktop, qtbot: QtBot) -> None:
    for key, modifiers, first in [
        (Qt.Key.Key_Down, [ALT], "Names for a cat"),
        (Qt.Key.Key_Down, [ALT], "How do tides work?"),
        (Qt.Key.Key_Up, [ALT], "Names for a cat"),
    ]:
        press(qtbot, filled, key, *modifiers)
        qtbot.waitUntil(lambda first=first: shown(filled)[:1] == [first])
    press(qtbot, filled, Qt.Key.Key_N, CTRL)
    qtbot.waitUntil(lambda: shown(filled) == [])
    press(qtbot, filled, Qt.Key.Key_N, CTRL, SHIFT)
    qtbot.waitUntil(filled.window.chat.temporary.isVisible)
    press(qtbot, filled, Qt.Key.Key_B, CTRL)
    assert not sidebar(filled).isVisible()
    press(qtbot, filled, Qt.Key.Key_F, CTRL)
    assert sidebar(filled).isVisible()


def test_enter_in_the_list_opens_and_arrows_do_not(filled: Desktop, qtbot: QtBot) -> None:
    chats = sidebar(filled).list
    chats.setCurrentIndex(sidebar(filled).model.find_chat(number(filled, "Names for a cat")))
    qtbot.keyClick(chats, Qt.Key.Key_Down)
    row = chats.row
    assert isinstance(row, ChatRow) and row.chat.title == "How do tides work?"
    assert shown(filled) == []
    qtbot.keyClick(chats, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shown(filled)[:1] == ["How do tides work?"])


def test_a_narrow_window_hides_the_list_until_it_is_asked_for(
    filled: Desktop, qtbot: QtBot
) -> None:
    filled.window.resize(460, 700)
    qtbot.waitUntil(lambda: not sidebar(filled).isVisible())
    click(qtbot, filled.window.chat.header.sidebar)
    assert sidebar(filled).isVisible()
    assert sidebar(filled).width() < filled.window.chat.width()
    open_chat(qtbot, filled, "How do tides work?")
    assert not sidebar(filled).isVisible(), "it has served"
    filled.window.resize(1000, 700)
    qtbot.waitUntil(sidebar(filled).isVisible)


def test_the_lists_width_and_absence_are_remembered(open_window: OpenWindow, qtbot: QtBot) -> None:
    made = open_window()
    made.window.chat.side.restore(300, is_wanted=False)
    made.window.close()
    again = open_window()
    assert again.window.chat.side.state() == (300, False)
    assert not sidebar(again).isVisible()
    click(qtbot, again.window.chat.header.sidebar)
    qtbot.waitUntil(lambda: sidebar(again).width() == 300)
