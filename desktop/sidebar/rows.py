"""What stands in the list of chats: headings, folders, chats by date, search hits. Without Qt."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import TypeAlias

from desktop.chats.shelf import Listing
from desktop.history import Chat, Folder, Found
from desktop.translation import mark, tr, trn

UNTITLED = mark("New chat")
_MONTHS = (
    mark("January"),
    mark("February"),
    mark("March"),
    mark("April"),
    mark("May"),
    mark("June"),
    mark("July"),
    mark("August"),
    mark("September"),
    mark("October"),
    mark("November"),
    mark("December"),
)


@dataclass(frozen=True)
class Heading:
    """A line above a group. is_pinned: that of the pinned chats."""

    text: str
    is_pinned: bool = False


@dataclass(frozen=True)
class FolderRow:
    """A folder, and how many chats are in it."""

    folder: Folder
    count: int
    is_open: bool = True


@dataclass(frozen=True)
class ChatRow:
    """A chat. is_growing: an answer is being written in it. inside: it stands in a folder."""

    chat: Chat
    is_growing: bool = False
    inside: bool = False


@dataclass(frozen=True)
class FoundRow:
    """A chat that a search found."""

    found: Found


@dataclass(frozen=True)
class NoteRow:
    """A sentence in place of a list."""

    text: str


AnyRow: TypeAlias = Heading | FolderRow | ChatRow | FoundRow | NoteRow
Key: TypeAlias = tuple[str, int | str]


def key_of(row: AnyRow) -> Key:
    """Return what tells the row from the others, also after it has changed."""
    match row:
        case FolderRow():
            return "folder", row.folder.id
        case ChatRow():
            return "chat", row.chat.id
        case FoundRow():
            return "found", row.found.chat.id
        case Heading() | NoteRow():
            return "text", row.text


def chat_of(row: AnyRow | None) -> Chat | None:
    """Return the chat that the row stands for, if any."""
    match row:
        case ChatRow():
            return row.chat
        case FoundRow():
            return row.found.chat
        case _:
            return None


def folder_of(row: AnyRow) -> int | None:
    """Return the folder that what is dropped on the row goes into, None for none."""
    if isinstance(row, FolderRow):
        return row.folder.id
    return row.chat.folder if isinstance(row, ChatRow) and row.inside else None


def is_among_pinned(row: AnyRow) -> bool:
    """Return whether what is dropped on the row is pinned."""
    return (isinstance(row, Heading) and row.is_pinned) or (
        isinstance(row, ChatRow) and row.chat.pinned
    )


def text_of(row: AnyRow) -> str:
    """Return the row's title."""
    match row:
        case FolderRow():
            return row.folder.name
        case ChatRow() | FoundRow():
            chat = chat_of(row)
            return (chat and chat.title) or tr(UNTITLED)
        case Heading() | NoteRow():
            return row.text


def spoken(row: AnyRow) -> str:
    """Return what a screen reader says of the row."""
    parts = [text_of(row)]
    match row:
        case FolderRow():
            parts = [
                tr("Folder {name}", name=row.folder.name),
                trn("{count} chat", "{count} chats", row.count),
            ]
            parts.append(tr("open") if row.is_open else tr("closed"))
        case ChatRow():
            parts += [tr("pinned")] * row.chat.pinned + [tr("being answered")] * row.is_growing
        case FoundRow():
            parts.append(row.found.snippet)
        case _:
            pass
    return ", ".join(parts)


def listed_rows(
    listing: Listing, today: date, closed: Collection[int] = (), growing: int | None = None
) -> list[AnyRow]:
    """Return the whole list: pinned chats, folders with theirs, the others by date.

    closed: the ids of folders whose chats are not shown. growing: the chat that is being answered.
    """

    def rows(chats: Iterable[Chat], inside: bool = False) -> list[AnyRow]:
        return [ChatRow(chat, chat.id == growing, inside) for chat in chats]

    pinned = [chat for chat in listing.chats if chat.pinned]
    filed = [chat for chat in listing.chats if chat.folder is not None and not chat.pinned]
    loose = [chat for chat in listing.chats if chat.folder is None and not chat.pinned]
    made: list[AnyRow] = []
    if pinned:
        made += [Heading(tr("Pinned"), is_pinned=True), *rows(pinned)]
    if listing.folders:
        made.append(Heading(tr("Folders")))
    for folder in listing.folders:
        within = [chat for chat in filed if chat.folder == folder.id]
        made.append(FolderRow(folder, len(within), folder.id not in closed))
        if folder.id not in closed:
            made += rows(within, inside=True)
    for name, group in groupby(loose, lambda chat: period(chat.updated, today)):
        made += [Heading(name), *rows(group)]
    return made or [NoteRow(tr("Your chats appear here."))]


def found_rows(found: Sequence[Found]) -> list[AnyRow]:
    """Return what a search found."""
    return [FoundRow(hit) for hit in found] or [NoteRow(tr("Nothing was found."))]


def period(moment: float, today: date) -> str:
    """Return what a chat of that moment (seconds since 1970) is listed under."""
    day = datetime.fromtimestamp(moment).date()
    age = (today - day).days
    if age <= 0:
        return tr("Today")
    if age == 1:
        return tr("Yesterday")
    if age <= 7:
        return tr("Previous 7 days")
    if age <= 30:
        return tr("Previous 30 days")
    if day.year != today.year:
        return f"{day:%Y}"
    return tr("{month} {year}", month=tr(_MONTHS[day.month - 1]), year=day.year)
