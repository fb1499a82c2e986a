"""One file of chats and what can be done with it."""

import time
from collections.abc import Callable
from pathlib import Path

from desktop.history import searching
from desktop.history.chats import Chats
from desktop.history.database import Database
from desktop.history.journal import Journal
from desktop.history.messages import Messages
from desktop.history.records import Found


class History:
    """The chats, messages and growing answers of one file, or of memory alone.

    It belongs to the thread that made it. Every method raises HistoryBusy, HistoryDamaged or
    HistoryUnwritable where the file is held, damaged or cannot be written; nothing of what the
    method was to do is then done.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.database = database
        self.chats = Chats(database)
        self.messages = Messages(database)
        self.journal = Journal(database, clock)
        self._seen = database.data_version()

    @classmethod
    def open(cls, path: Path) -> "History":
        """Open the file at `path`, or make it, and mark answers that a crash cut as partial.

        Raises what Database does; the file is then as it was.
        """
        history = cls(Database(path))
        history.journal.recover()
        return history

    @classmethod
    def temporary(cls) -> "History":
        """Return a history that is kept in memory alone and leaves no trace."""
        return cls(Database(None))

    def search(self, text: str, limit: int = 50) -> list[Found]:
        """Return the chats that hold every word of `text`, latest first; see `searching`."""
        return searching.search(self.database, text, limit)

    def changed_elsewhere(self) -> bool:
        """Return whether another window has written since this was asked last."""
        version = self.database.data_version()
        changed = version != self._seen
        self._seen = version
        return changed

    def close(self) -> None:
        """End growing answers as partial and close the file."""
        try:
            self.journal.end_all()
        finally:
            self.database.close()
