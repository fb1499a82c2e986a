"""The tables of the chats file, and the steps from each of its versions to the next.

`fold` and `findable` are functions of `desktop.history.folding` that every connection registers.
"""

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x5465726E  # "Tern": SQLite's mark of whose file it is

Migration = Callable[[sqlite3.Connection], None]

_TABLES = (
    """
    CREATE TABLE folder (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE
    ) STRICT
    """,
    """
    CREATE TABLE chat (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL,
        title_is_own INTEGER NOT NULL,
        folder INTEGER REFERENCES folder ON DELETE SET NULL,
        pinned INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        settings TEXT NOT NULL,  -- ChatSettings as JSON
        deleted REAL             -- when it was; NULL while it is listed
    ) STRICT
    """,
    # The parent is not ON DELETE CASCADE: SQLite ends a cascade after 1,000 levels, and a long
    # chat has more. Whoever deletes takes the whole subtree in one statement; the deferred check
    # proves it at the commit.
    """
    CREATE TABLE message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        chat INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
        parent INTEGER,
        role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
        content TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('whole', 'growing', 'partial', 'failed')),
        selected INTEGER NOT NULL,  -- whether it is the one shown of its siblings
        created REAL NOT NULL,
        model TEXT NOT NULL DEFAULT '',
        precision TEXT,
        kernel TEXT,
        finish_reason TEXT,
        metrics TEXT,               -- engine.messages.Metrics as JSON
        attachments TEXT NOT NULL DEFAULT '[]',
        writer TEXT,                -- the process that makes it grow
        UNIQUE (id, chat),
        FOREIGN KEY (parent, chat) REFERENCES message (id, chat) DEFERRABLE INITIALLY DEFERRED
    ) STRICT
    """,
    "CREATE INDEX message_tree ON message (parent, chat)",
    "CREATE INDEX message_chat ON message (chat)",
    "CREATE INDEX message_growing ON message (writer) WHERE state = 'growing'",
    """
    CREATE UNIQUE INDEX message_selected ON message (chat, coalesce(parent, 0)) WHERE selected
    """,
)

# Trigrams of folded text find any part of a word, in Chinese and Japanese too, where words are
# not set apart. Without detail the index is half the size; GLOB looks at the text itself again.
_FINDING = (
    """
    CREATE VIRTUAL TABLE title_index
    USING fts5(text, tokenize = 'trigram case_sensitive 1', detail = none, columnsize = 0)
    """,
    """
    CREATE VIRTUAL TABLE message_index
    USING fts5(text, tokenize = 'trigram case_sensitive 1', detail = none, columnsize = 0)
    """,
    """
    CREATE TRIGGER chat_added AFTER INSERT ON chat BEGIN
        INSERT INTO title_index (rowid, text) VALUES (new.id, fold(new.title));
    END
    """,
    """
    CREATE TRIGGER chat_renamed AFTER UPDATE OF title ON chat BEGIN
        UPDATE title_index SET text = fold(new.title) WHERE rowid = new.id;
    END
    """,
    """
    CREATE TRIGGER chat_removed AFTER DELETE ON chat BEGIN
        DELETE FROM title_index WHERE rowid = old.id;
    END
    """,
    # An answer in progress is written again and again, and indexed once, at its end.
    """
    CREATE TRIGGER message_added AFTER INSERT ON message WHEN new.state <> 'growing' BEGIN
        INSERT INTO message_index (rowid, text)
        VALUES (new.id, findable(new.content, new.attachments));
    END
    """,
    """
    CREATE TRIGGER message_changed AFTER UPDATE OF content, state, attachments ON message
    WHEN new.state <> 'growing' BEGIN
        INSERT OR REPLACE INTO message_index (rowid, text)
        VALUES (new.id, findable(new.content, new.attachments));
    END
    """,
    """
    CREATE TRIGGER message_removed AFTER DELETE ON message BEGIN
        DELETE FROM message_index WHERE rowid = old.id;
    END
    """,
)


def create(connection: sqlite3.Connection) -> None:
    """Make version 1 in an empty file."""
    for statement in _TABLES + _FINDING:
        connection.execute(statement)


# MIGRATIONS[n] leads from version n to version n + 1, within a transaction that the caller opened.
# What has been released is never changed: a new version appends its step.
MIGRATIONS: tuple[Migration, ...] = (create,)
