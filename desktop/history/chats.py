"""The list of chats and their folders: make, name, pin, sort away, delete in two steps."""

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Iterator

import msgspec

from desktop.history import tree
from desktop.history.database import Database
from desktop.history.records import Chat, ChatSettings, Folder
from desktop.history.texts import one_line
from engine.errors import ChatGone, FolderExists

_decoder = msgspec.json.Decoder(ChatSettings)


class Chats:
    """The chats of one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, title: str = "", folder: int | None = None, settings: ChatSettings | None = None
    ) -> Chat:
        """Make an empty chat. Without a title, the first question gives one."""
        now = time.time()
        title = one_line(title)
        with self._database.writing() as connection:
            made = tree.add_row(
                connection,
                "chat",
                {
                    "uid": uuid.uuid4().hex,
                    "title": title,
                    "title_is_own": bool(title),
                    "folder": folder,
                    "created": now,
                    "updated": now,
                    "settings": tree.as_text(settings or ChatSettings()),
                },
            )
        return self.get(made)

    def get(self, chat: int) -> Chat:
        """Return the chat of that id. Raises ChatGone where it was deleted."""
        rows = self._database.rows("SELECT * FROM chat WHERE id = ? AND deleted IS NULL", chat)
        if not rows:
            raise ChatGone()
        return as_chat(rows[0])

    def all(self) -> list[Chat]:
        """Return the chats as the sidebar lists them: pinned ones first, then the latest."""
        query = (
            "SELECT * FROM chat WHERE deleted IS NULL ORDER BY pinned DESC, updated DESC, id DESC"
        )
        return [as_chat(row) for row in self._database.rows(query)]

    def rename(self, chat: int, title: str) -> None:
        """Give the chat a title of the person's own; "" goes back to the automatic one."""
        own = one_line(title)
        with self._database.writing() as connection:
            _change(connection, chat, title=own, title_is_own=bool(own))
            tree.entitle(connection, chat)

    def pin(self, chat: int, pinned: bool = True) -> None:
        """Keep the chat at the top of the list, or no longer."""
        self._set(chat, pinned=pinned)

    def move(self, chat: int, folder: int | None) -> None:
        """Put the chat into a folder, or out of all."""
        self._set(chat, folder=folder)

    def configure(self, chat: int, settings: ChatSettings) -> None:
        """Keep the settings of the chat."""
        self._set(chat, settings=tree.as_text(settings))

    def delete(self, chat: int) -> None:
        """Hide the chat from the list and from searches; `restore` takes it back."""
        self._set(chat, deleted=time.time())

    def restore(self, chat: int) -> None:
        """Undo `delete`. Raises ChatGone where the chat was purged since."""
        self._set(chat, deleted=None)

    def purge(self, older_than: float = 0.0) -> int:
        """End what was deleted over `older_than` seconds ago; return how many chats that were.

        Nothing of them can be read in the file afterwards; see `Database.wiping` for what it costs.
        """
        until = time.time() - older_than
        if not self._database.rows("SELECT 1 FROM chat WHERE deleted <= ? LIMIT 1", until):
            return 0
        with self._database.wiping() as connection:
            return connection.execute("DELETE FROM chat WHERE deleted <= ?", (until,)).rowcount

    # -- folders ---------------------------------------------------------------------------------

    def folders(self) -> list[Folder]:
        """Return the folders by name."""
        rows = self._database.rows("SELECT id, name FROM folder ORDER BY name COLLATE NOCASE")
        return [Folder(row["id"], row["name"]) for row in rows]

    def add_folder(self, name: str) -> Folder:
        """Make a folder. Raises FolderExists where one has that name."""
        name = one_line(name)
        with _named(name), self._database.writing() as connection:
            return Folder(tree.add_row(connection, "folder", {"name": name}), name)

    def rename_folder(self, folder: int, name: str) -> None:
        """Give the folder another name. Raises FolderExists where one has it."""
        name = one_line(name)
        with _named(name), self._database.writing() as connection:
            connection.execute("UPDATE folder SET name = ? WHERE id = ?", (name, folder))

    def remove_folder(self, folder: int) -> None:
        """Dissolve the folder; its chats stay, outside of it."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM folder WHERE id = ?", (folder,))

    def _set(self, chat: int, **columns: object) -> None:
        with self._database.writing() as connection:
            _change(connection, chat, **columns)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise FolderExists(name=name) from error


def as_chat(row: sqlite3.Row) -> Chat:
    """Return a row of the chat table as a record."""
    return Chat(
        id=row["id"],
        uid=row["uid"],
        title=row["title"],
        title_is_own=bool(row["title_is_own"]),
        folder=row["folder"],
        pinned=bool(row["pinned"]),
        created=row["created"],
        updated=row["updated"],
        settings=_settings(row["settings"]),
    )


def _settings(text: str) -> ChatSettings:
    """The settings; the usual ones where another version of Tern knew other values."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return ChatSettings()


def _change(connection: sqlite3.Connection, chat: int, **columns: object) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    query = f"UPDATE chat SET {names} WHERE id = ?"
    if not connection.execute(query, (*columns.values(), chat)).rowcount:
        raise ChatGone()
