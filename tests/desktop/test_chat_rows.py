"""What the list of chats says, and that its model keeps what stays."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from desktop.chats.shelf import Listing
from desktop.history import Chat, ChatSettings, Folder, Found
from desktop.sidebar.model import ChatListModel
from desktop.sidebar.rows import (
    AnyRow,
    ChatRow,
    FolderRow,
    Heading,
    NoteRow,
    found_rows,
    key_of,
    listed_rows,
    period,
    spoken,
    text_of,
)

TODAY = date(2025, 8, 15)


def chat(number: int, days: float = 0, **changes: object) -> Chat:
    noon = datetime.combine(TODAY, datetime.min.time()) + timedelta(hours=12)
    values = {
        "id": number,
        "uid": f"u{number}",
        "title": f"chat {number}",
        "title_is_own": False,
        "folder": None,
        "pinned": False,
        "created": 0.0,
        "updated": (noon - timedelta(days=days)).timestamp(),
        "settings": ChatSettings(),
    }
    return Chat(**(values | changes))


def texts(rows: list[AnyRow]) -> list[str]:
    return [text_of(row) for row in rows]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-1, "Today"),  # a clock that was set back
        (0, "Today"),
        (1, "Yesterday"),
        (7, "Previous 7 days"),
        (8, "Previous 30 days"),
        (31, "July 2025"),
        (400, "2024"),
    ],
)
def test_chats_are_listed_by_when_they_were_used(days: int, expected: str) -> None:
    assert period(chat(1, days).updated, TODAY) == expected


def test_pinned_chats_come_first_and_folders_hold_theirs() -> None:
    listing = Listing(
        (chat(1, 9, pinned=True), chat(2), chat(3, folder=7), chat(4, 1), chat(5, 1)),
        (Folder(7, "Work"), Folder(8, "Empty")),
    )
    assert texts(listed_rows(listing, TODAY)) == [
        *("Pinned", "chat 1"),
        *("Folders", "Work", "chat 3", "Empty"),
        *("Today", "chat 2"),
        *("Yesterday", "chat 4", "chat 5"),
    ]
    assert "chat 3" not in texts(listed_rows(listing, TODAY, closed={7}))


def test_what_is_empty_says_so() -> None:
    assert [type(row) for row in listed_rows(Listing(), TODAY)] == [NoteRow]
    assert texts(found_rows([])) == ["Nothing was found."]


def test_a_screen_reader_hears_what_the_eye_sees() -> None:
    pinned = ChatRow(chat(1, pinned=True), is_growing=True)
    assert spoken(pinned) == "chat 1, pinned, being answered"
    assert spoken(FolderRow(Folder(1, "Work"), 2, is_open=False)) == "Folder Work, 2 chats, closed"
    hit = Found(chat(1, title=""), 3, 1, "a snippet", ((2, 9),))
    assert spoken(found_rows([hit])[0]) == "New chat, a snippet"


lists = st.lists(st.integers(0, 12), unique=True)


@given(st.lists(lists, min_size=2, max_size=4))
def test_the_model_shows_any_list_after_any_other(
    qapp: QApplication, orders: list[list[int]]
) -> None:
    model = ChatListModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for step, order in enumerate(orders):
        rows: list[AnyRow] = [Heading("Today"), *(ChatRow(chat(n, step)) for n in order)]
        kept = {
            key_of(row): QPersistentModelIndex(model.index(place))
            for place, row in enumerate(model.rows)
        }
        model.show(rows)
        assert list(model.rows) == rows
        for key, index in kept.items():
            row = model.row_at(index) if index.isValid() else None
            assert (row is not None and key_of(row) == key) == (key in map(key_of, rows))


def test_a_great_change_is_shown_at_once(qapp: QApplication) -> None:
    model = ChatListModel()
    resets: list[None] = []
    model.modelReset.connect(lambda: resets.append(None))
    model.show([ChatRow(chat(n)) for n in range(2000)])
    assert model.rowCount() == 2000 and len(resets) == 1


def test_only_chats_and_folders_can_be_renamed(qapp: QApplication) -> None:
    model = ChatListModel()
    asked: list[tuple[AnyRow, str]] = []
    model.renamed.connect(lambda row, name: asked.append((row, name)))
    row = ChatRow(chat(1))
    model.show([Heading("Today"), row, FolderRow(Folder(1, "Work"), 0)])
    editable = [bool(model.flags(model.index(n)) & Qt.ItemFlag.ItemIsEditable) for n in range(3)]
    assert editable == [False, True, True]
    assert model.setData(model.index(1), " better ")
    assert not model.setData(model.index(1), "chat 1"), "nothing is to be changed"
    assert asked == [(row, "better")]


def test_a_chat_dropped_on_a_folder_asks_to_be_moved(qapp: QApplication) -> None:
    model = ChatListModel()
    dropped: list[tuple[int, AnyRow]] = []
    model.dropped.connect(lambda number, under: dropped.append((number, under)))
    folder = FolderRow(Folder(7, "Work"), 0)
    model.show([folder, ChatRow(chat(3))])
    data = model.mimeData([model.index(1)])
    model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index(0))
    assert dropped == [(3, folder)]
    assert model.rowCount() == 2, "the list changes once the history has"
