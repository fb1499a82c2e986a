"""Questions, their other versions, and the path through them that is shown."""

from collections.abc import Sequence

from desktop.attachments.attachment import Attachment
from desktop.history import tree
from desktop.history.database import Database
from desktop.history.records import Message


class Messages:
    """The messages of all chats of one file. Answers are made by the journal.

    Each method that changes something raises ChatGone where its chat or message was deleted.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def path(self, chat: int) -> list[Message]:
        """Return the selected messages from the root to the leaf."""
        return [tree.as_message(row) for row in self._database.rows(tree.PATH, chat)]

    def ask(self, chat: int, text: str, attachments: Sequence[Attachment] = ()) -> Message:
        """Add a question after the selected leaf; the first one gives the chat its title."""
        with self._database.writing() as connection:
            tree.touch(connection, chat)
            parent = tree.leaf(connection, chat)
            made = tree.insert(
                connection,
                chat,
                parent,
                role="user",
                content=text,
                state="whole",
                attachments=tree.as_text(attachments),
            )
            if parent is None:
                tree.entitle(connection, chat)
            return tree.read(connection, made)

    def edit(
        self, message: int, text: str, attachments: Sequence[Attachment] | None = None
    ) -> Message:
        """Add another version of a question or an answer beside it, and select it.

        attachments: None keeps those of the old version. Nothing follows the new version yet.
        """
        with self._database.writing() as connection:
            old = tree.find(connection, message)
            tree.touch(connection, old["chat"])
            kept = old["attachments"] if attachments is None else tree.as_text(attachments)
            made = tree.insert(
                connection,
                old["chat"],
                old["parent"],
                role=old["role"],
                content=text,
                state="whole",
                attachments=kept,
            )
            return tree.read(connection, made)

    def select(self, message: int) -> None:
        """Switch to the branch of `message`, down to the leaf that was last selected below it."""
        with self._database.writing() as connection:
            tree.select(connection, message)

    def count_below(self, message: int) -> int:
        """Return how many messages, in all branches, `remove` would take with it."""
        query = f"{tree.SUBTREE} SELECT count(*) - 1 FROM below"
        return int(self._database.rows(query, message)[0][0])

    def remove(self, message: int) -> None:
        """Delete the message and all that follows it, for good: the window asks first."""
        with self._database.wiping() as connection:
            tree.remove(connection, message)
