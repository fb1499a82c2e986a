"""The tree of a chat's messages, one statement at a time, within the caller's transaction.

Of the messages with one parent exactly one is selected (an index of the schema holds it). The path
that is shown follows the selected ones from the root down, so going back to another version finds
again what was selected below it.
"""

import json
import sqlite3
import time
from collections.abc import Mapping

import msgspec

from desktop.attachments.attachment import Attachment
from desktop.history.records import Message
from desktop.history.texts import clean, title_of
from engine.errors import ChatGone
from engine.messages import Kernel, Metrics, Precision

_WITH_SIBLINGS = """
    message.*, (
        SELECT group_concat(other.id) FROM message AS other
        WHERE other.parent IS message.parent AND other.chat = message.chat
    ) AS siblings
"""
_PATH = """
    WITH RECURSIVE walk (id, depth) AS (
        SELECT id, 0 FROM message WHERE chat = ? AND parent IS NULL AND selected
        UNION ALL
        SELECT message.id, depth + 1 FROM walk JOIN message ON message.parent = walk.id
        WHERE selected
    )
    SELECT {columns} FROM walk JOIN message USING (id) ORDER BY depth
"""
PATH = _PATH.format(columns=_WITH_SIBLINGS)
SUBTREE = """
    WITH RECURSIVE below (id) AS (
        SELECT ?
        UNION ALL
        SELECT message.id FROM below JOIN message ON message.parent = below.id
    )
"""


def find(connection: sqlite3.Connection, message: int) -> sqlite3.Row:
    """Return the row of `message`. Raises ChatGone where it was deleted."""
    row = connection.execute("SELECT * FROM message WHERE id = ?", (message,)).fetchone()
    if row is None:
        raise ChatGone()
    return row  # type: ignore[no-any-return]


def read(connection: sqlite3.Connection, message: int) -> Message:
    """Return `message` as a record. Raises ChatGone where it was deleted."""
    query = f"SELECT {_WITH_SIBLINGS} FROM message WHERE id = ?"
    row = connection.execute(query, (message,)).fetchone()
    if row is None:
        raise ChatGone()
    return as_message(row)


def leaf(connection: sqlite3.Connection, chat: int) -> int | None:
    """Return the id of the last message of the selected path, None in an empty chat."""
    rows = connection.execute(_PATH.format(columns="id"), (chat,)).fetchall()
    return rows[-1]["id"] if rows else None


def insert(connection: sqlite3.Connection, chat: int, parent: int | None, **columns: object) -> int:
    """Add a message below `parent` and lead the path to it; return its id."""
    values = {"chat": chat, "parent": parent, "selected": 1, "created": time.time()} | columns
    if parent is not None:
        select(connection, parent)
    _unselect(connection, chat, parent)
    return add_row(connection, "message", values)


def add_row(connection: sqlite3.Connection, table: str, values: Mapping[str, object]) -> int:
    """Insert one row, whose columns the code names, and return its id."""
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    query = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id"
    stored = [clean(value) if isinstance(value, str) else value for value in values.values()]
    return int(connection.execute(query, stored).fetchone()[0])


def select(connection: sqlite3.Connection, message: int) -> None:
    """Lead the path through `message`, and below it where it was last."""
    step: int | None = message
    while step is not None:
        row = find(connection, step)
        if not row["selected"]:
            _unselect(connection, row["chat"], row["parent"])
            connection.execute("UPDATE message SET selected = 1 WHERE id = ?", (step,))
        step = row["parent"]


def remove(connection: sqlite3.Connection, message: int) -> None:
    """Delete `message` and all below it; its newest sibling is selected in its place."""
    row = find(connection, message)
    connection.execute(
        f"{SUBTREE} DELETE FROM message WHERE id IN (SELECT id FROM below)", (message,)
    )
    if row["selected"]:
        connection.execute(
            "UPDATE message SET selected = 1 WHERE id ="
            " (SELECT max(id) FROM message WHERE parent IS ? AND chat = ?)",
            (row["parent"], row["chat"]),
        )


def touch(connection: sqlite3.Connection, chat: int) -> None:
    """Note that something was asked or answered in `chat`. Raises ChatGone where it was deleted."""
    changed = connection.execute(
        "UPDATE chat SET updated = ? WHERE id = ? AND deleted IS NULL", (time.time(), chat)
    )
    if not changed.rowcount:
        raise ChatGone()


def entitle(connection: sqlite3.Connection, chat: int) -> None:
    """Take the title from the first question, unless the person gave one."""
    first = connection.execute(
        "SELECT content FROM message WHERE chat = ? AND parent IS NULL AND role = 'user'"
        " ORDER BY id LIMIT 1",
        (chat,),
    ).fetchone()
    connection.execute(
        "UPDATE chat SET title = ? WHERE id = ? AND NOT title_is_own",
        (title_of(first["content"]) if first else "", chat),
    )


def as_message(row: sqlite3.Row) -> Message:
    """Return a row of PATH as a record."""
    return Message(
        id=row["id"],
        chat=row["chat"],
        parent=row["parent"],
        role=row["role"],
        content=row["content"],
        state=row["state"],
        created=row["created"],
        siblings=tuple(sorted(int(number) for number in row["siblings"].split(","))),
        model=row["model"],
        precision=Precision(row["precision"]) if row["precision"] else None,
        kernel=Kernel(row["kernel"]) if row["kernel"] else None,
        finish_reason=row["finish_reason"],
        metrics=_metrics(row["metrics"]),
        attachments=msgspec.json.decode(row["attachments"], type=tuple[Attachment, ...]),
    )


def as_text(value: object) -> str:
    """Return `value` as the JSON that a column holds."""
    return clean(json.dumps(msgspec.to_builtins(value), ensure_ascii=False))


def _metrics(text: str | None) -> Metrics | None:
    """The figures, None where an older Tern measured others: no reason not to show the answer."""
    try:
        return msgspec.json.decode(text, type=Metrics) if text else None
    except msgspec.ValidationError:
        return None


def _unselect(connection: sqlite3.Connection, chat: int, parent: int | None) -> None:
    connection.execute(
        "UPDATE message SET selected = 0 WHERE parent IS ? AND chat = ? AND selected",
        (parent, chat),
    )
