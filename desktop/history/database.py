"""One SQLite file, opened with care: its whole contents checked first, its failures in sentences.

Two windows may have the file open. The write-ahead log lets one write while the other reads; each
write is one short transaction that takes the lock at its beginning, so two of them wait for each
other (`_PATIENCE`) and never fail half-way. synchronous=NORMAL: killing the program loses nothing
that was committed; a loss of power may take what the system had not yet written, never the file.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from desktop.history.folding import findable, fold
from desktop.history.schema import APPLICATION_ID, MIGRATIONS, Migration
from desktop.history.texts import one_line
from engine.errors import (
    ChatGone,
    HistoryBusy,
    HistoryDamaged,
    HistoryNotOurs,
    HistoryTooNew,
    HistoryUnwritable,
    SqliteTooOld,
    TernError,
)
from engine.paths import make_folder

_PATIENCE = 5.0  # seconds that a write waits for another's
_OLDEST_SQLITE = (3, 37, 0)  # STRICT tables; trigrams are of 3.34

Row = sqlite3.Row


class Database:
    """A connection that belongs to the thread that opened it.

    path: where the file is or will be made; None keeps everything in memory.
    Raises HistoryBusy, HistoryDamaged, HistoryNotOurs, HistoryTooNew, HistoryUnwritable,
    SqliteTooOld or UnwritableFolder; the file is then as it was. So does every later call.
    """

    def __init__(
        self,
        path: Path | None,
        migrations: Sequence[Migration] = MIGRATIONS,
        patience: float = _PATIENCE,
    ) -> None:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise SqliteTooOld(version=sqlite3.sqlite_version)
        path = path and path.absolute()
        self._path = path
        self._migrations = migrations
        if path:
            _prepare(path, len(migrations), patience)
        with explained(path):
            self._connection = _connect(path or ":memory:", patience)
            try:
                self._settle()
            except BaseException:
                self._connection.close()
                raise

    @property
    def path(self) -> Path | None:
        """The file, None where everything is in memory."""
        return self._path

    def rows(self, query: str, *values: object) -> list[Row]:
        """Return what `query` finds."""
        with explained(self._path):
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at its end, undone where anything is raised."""
        with explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                # Another window, of a newer Tern, may have changed the schema since.
                if _version(self._connection) > len(self._migrations):
                    raise HistoryTooNew(file=self._path)
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it already
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def wiping(self) -> Iterator[sqlite3.Connection]:
        """A transaction that deletes, after which nothing of what it deleted can be read.

        secure_delete overwrites the freed pages. The search index keeps what was deleted until
        its parts are merged, which takes half a second where there are 20 MB of text; the log
        keeps it until it is emptied.
        """
        with self.writing() as connection:
            yield connection
            for index in ("title_index", "message_index"):
                connection.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")
        with explained(self._path):
            # As a script: each step frees one page, and execute() takes only the first.
            self._connection.executescript("PRAGMA incremental_vacuum")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def data_version(self) -> int:
        """Return a number that changes when another connection has written."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def close(self) -> None:
        """End the connection; the last one to go merges the log into the file."""
        with explained(self._path):
            self._connection.close()

    def _settle(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        if _version(connection) == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")
        while _version(connection) < len(self._migrations):
            self._migrate()

    def _migrate(self) -> None:
        with self.writing() as connection:
            version = _version(connection)
            if version >= len(self._migrations):
                return  # another window was quicker
            if version and self._path:
                _back_up(self._path, version)
            self._migrations[version](connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + 1}")


def backups(path: Path) -> list[Path]:
    """Return the copies of the file at `path` that were made before migrations, oldest first."""
    copies = path.parent.glob(f"{path.stem}.schema-*{path.suffix}")
    return sorted(copies, key=lambda copy: copy.stat().st_mtime)


@contextlib.contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Raise SQLite's failures of the environment as sentences; its others are bugs and pass."""
    try:
        yield
    except sqlite3.Error as error:
        failure = _failure(path, error)
        if failure is None:
            raise
        raise failure from error


def _failure(path: Path | None, error: sqlite3.Error) -> TernError | None:
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return ChatGone()
    # Extended codes keep the primary one in their low byte. https://www.sqlite.org/rescode.html
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return HistoryBusy(file=path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return HistoryDamaged(file=path, reason=error, copies=_copies(path))
        case sqlite3.SQLITE_FULL:
            return HistoryUnwritable(file=path, reason="the disk is full")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN:
            return HistoryUnwritable(file=path, reason=error)
        case _:
            return None


def _copies(path: Path | None) -> str:
    found = backups(path) if path else []
    return f"the copy {found[-1]}" if found else "a copy of yours"


def _prepare(path: Path, newest: int, patience: float) -> None:
    """See that the file can be used, without writing to it; make an empty one where none is."""
    make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)  # chats are nobody else's to read
        return
    if not path.is_file():
        raise HistoryUnwritable(file=path, reason="it is not a file")
    with explained(path), contextlib.closing(_connect(f"{path.as_uri()}?mode=ro", patience)) as db:
        version = _version(db)
        owner = db.execute("PRAGMA application_id").fetchone()[0]
        if owner != APPLICATION_ID and db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise HistoryNotOurs(file=path)
        if version > newest:
            raise HistoryTooNew(file=path)
        trouble = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if trouble != "ok":
            raise HistoryDamaged(file=path, reason=one_line(trouble), copies=_copies(path))


def _connect(name: Path | str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        name, timeout=patience, isolation_level=None, uri=str(name).startswith("file:")
    )
    connection.row_factory = sqlite3.Row
    connection.create_function("fold", 1, fold, deterministic=True)
    connection.create_function("findable", 2, findable, deterministic=True)
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _back_up(path: Path, version: int) -> None:
    """Copy the file as it was last committed; an earlier copy of that version stays."""
    names = (f"{path.stem}.schema-{version}{n}{path.suffix}" for n in _endings())
    copy = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    draft = copy.with_name(f"{copy.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with (
        contextlib.closing(_connect(path, _PATIENCE)) as source,
        contextlib.closing(_connect(draft, _PATIENCE)) as target,
    ):
        source.backup(target)
    draft.rename(copy)


def _endings() -> Iterator[str]:
    yield ""
    number = 2
    while True:
        yield f"-{number}"
        number += 1
