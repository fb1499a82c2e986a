"""Tern's own file of chats: JSON with all branches, written and read back without a loss.

A file is {"format": "tern-chats", "version": 1, "chats": [...]}. The messages of a chat stand in
the order in which they were made; `parent` counts within that list, from 0.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from desktop.attachments.attachment import Attachment
from desktop.history import tree
from desktop.history.database import Row
from desktop.history.history import History
from desktop.history.records import ChatSettings, MessageState, Speaker
from desktop.history.texts import one_line
from engine.messages import FinishReason, Kernel, Precision

VERSION = 1

Moment = Annotated[float, msgspec.Meta(ge=0, le=4e9)]  # seconds since 1970, up to the year 2096
Uid = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class MessageFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One message. metrics are the figures as they were measured, by any version of Tern."""

    parent: Annotated[int, msgspec.Meta(ge=0)] | None = None
    role: Speaker
    content: str
    state: MessageState = "whole"
    selected: bool = False
    created: Moment
    model: str = ""
    precision: Precision | None = None
    kernel: Kernel | None = None
    finish_reason: FinishReason | None = None
    metrics: dict[str, int | float] | None = None
    attachments: tuple[Attachment, ...] = ()


class ChatFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One chat with all of its messages; the folder by its name."""

    uid: Uid
    title: str
    title_is_own: bool = False
    folder: str | None = None
    pinned: bool = False
    created: Moment
    updated: Moment
    settings: ChatSettings = ChatSettings()
    messages: list[MessageFile] = []


class Archive(msgspec.Struct, kw_only=True):
    """The whole file."""

    format: Literal["tern-chats"] = "tern-chats"
    version: int = VERSION
    chats: list[ChatFile]


@dataclass(frozen=True)
class Imported:
    """The ids of the chats that were added, and how many were there already and stayed."""

    added: tuple[int, ...]
    skipped: int


def as_json(history: History, chats: Sequence[int]) -> bytes:
    """Return `chats` with all their branches as a file that `import_file` reads.

    Raises ChatGone where one of them was deleted.
    """
    names = {folder.id: folder.name for folder in history.chats.folders()}
    archive = Archive(chats=[_exported(history, chat, names) for chat in chats])
    return msgspec.json.format(msgspec.json.encode(archive), indent=1)


def add(history: History, chats: Iterable[ChatFile]) -> Imported:
    """Add `chats` in one transaction: all of them or none. One whose uid is there is skipped."""
    added: list[int] = []
    skipped = 0
    with history.database.writing() as connection:
        for chat in chats:
            # A deleted chat that is imported again is wanted again.
            connection.execute(
                "DELETE FROM chat WHERE uid = ? AND deleted IS NOT NULL", (chat.uid,)
            )
            if connection.execute("SELECT 1 FROM chat WHERE uid = ?", (chat.uid,)).fetchone():
                skipped += 1
            else:
                added.append(_add(connection, chat))
    return Imported(tuple(added), skipped)


def _exported(history: History, chat: int, names: dict[int, str]) -> ChatFile:
    record = history.chats.get(chat)
    rows = history.database.rows("SELECT * FROM message WHERE chat = ? ORDER BY id", chat)
    places = {row["id"]: place for place, row in enumerate(rows)}
    return ChatFile(
        uid=record.uid,
        title=record.title,
        title_is_own=record.title_is_own,
        folder=names.get(record.folder) if record.folder else None,
        pinned=record.pinned,
        created=record.created,
        updated=record.updated,
        settings=record.settings,
        messages=[_message(row, places) for row in rows],
    )


def _message(row: Row, places: dict[int, int]) -> MessageFile:
    metrics = row["metrics"]
    return MessageFile(
        parent=None if row["parent"] is None else places[row["parent"]],
        role=row["role"],
        content=row["content"],
        state=row["state"],
        selected=bool(row["selected"]),
        created=row["created"],
        model=row["model"],
        precision=row["precision"],
        kernel=row["kernel"],
        finish_reason=row["finish_reason"],
        metrics=msgspec.json.decode(metrics) if metrics else None,
        attachments=msgspec.json.decode(row["attachments"], type=tuple[Attachment, ...]),
    )


def _add(connection: sqlite3.Connection, chat: ChatFile) -> int:
    title = one_line(chat.title)
    values = {
        "uid": chat.uid,
        "title": title,
        "title_is_own": chat.title_is_own and bool(title),
        "folder": _folder(connection, chat.folder),
        "pinned": chat.pinned,
        "created": chat.created,
        "updated": chat.updated,
        "settings": tree.as_text(chat.settings),
    }
    made = tree.add_row(connection, "chat", values)
    ids: list[int] = []
    selected = _selected(chat.messages)
    for place, message in enumerate(chat.messages):
        values = {
            "chat": made,
            "parent": None if message.parent is None else ids[message.parent],
            "role": message.role,
            "content": message.content,
            # Whoever made it grow wrote into another file.
            "state": "partial" if message.state == "growing" else message.state,
            "selected": place in selected,
            "created": message.created,
            "model": message.model,
            "precision": message.precision,
            "kernel": message.kernel,
            "finish_reason": message.finish_reason,
            "metrics": tree.as_text(message.metrics) if message.metrics else None,
            "attachments": tree.as_text(message.attachments),
        }
        ids.append(tree.add_row(connection, "message", values))
    return made


def _selected(messages: Sequence[MessageFile]) -> set[int]:
    """The place of one message of each group of siblings: the marked one, or else the last."""
    chosen: dict[int | None, int] = {}
    for place, message in enumerate(messages):
        earlier = chosen.get(message.parent)
        if earlier is None or message.selected or not messages[earlier].selected:
            chosen[message.parent] = place
    return set(chosen.values())


def _folder(connection: sqlite3.Connection, name: str | None) -> int | None:
    """The id of the folder of that name, which is made where there is none."""
    name = one_line(name or "")
    if not name:
        return None
    found = connection.execute("SELECT id FROM folder WHERE name = ?", (name,)).fetchone()
    return int(found[0]) if found else tree.add_row(connection, "folder", {"name": name})
