"""Chats written to a file that the person named: whole, or not at all."""

import os
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from desktop.history import Chat, History, as_json, html_page, markdown
from desktop.translation import tr
from engine.errors import ExportFailed


class Form(StrEnum):
    """What a chat can be written as; the value is the file's ending."""

    MARKDOWN = "md"
    HTML = "html"
    JSON = "json"


def export_chat(history: History, chat: int, file: Path, form: Form) -> None:
    """Write the branch that is selected, or as JSON all of them.

    Raises ChatGone, or ExportFailed where the file cannot be written.
    """
    record, path = history.chats.get(chat), history.messages.path(chat)
    contents: dict[Form, Callable[[], bytes]] = {
        Form.MARKDOWN: lambda: _encoded(markdown(record, path)),
        Form.HTML: lambda: _encoded(html_page(record, path)),
        Form.JSON: lambda: as_json(history, [chat]),
    }
    _write(file, contents[form]())


def export_all(history: History, file: Path) -> int:
    """Write all chats as JSON; return how many. Raises ExportFailed."""
    chats = [chat.id for chat in history.chats.all()]
    _write(file, as_json(history, chats))
    return len(chats)


def file_name(chat: Chat, form: Form) -> str:
    """Return a name for the chat's file that every system takes."""
    kept = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in chat.title)
    return f"{' '.join(kept.split())[:60].strip() or tr('Chat')}.{form}"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _write(file: Path, data: bytes) -> None:
    """Replace the file in one step: a full disk leaves the one that was there."""
    try:
        handle, name = tempfile.mkstemp(prefix=".tern-", dir=file.parent)
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as writer:
                writer.write(data)
            draft.replace(file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ExportFailed(file=file, reason=error.strerror or error) from error
