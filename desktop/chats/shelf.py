"""The list of chats: what is in it, and everything that is done to a chat as a whole.

Knows no widget. What comes of an act is told in a sentence, or shown by the list itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.chats.exporting import Form, export_all, export_chat
from desktop.chats.store import Store
from desktop.history import Chat, Folder, History, Imported, import_file
from desktop.state import Notice
from desktop.translation import tr, trn

UNDO_S = 10  # how long a deleted chat can be taken back
_PULSE_MS = 500  # what waits to be written is, and another window's changes are seen


@dataclass(frozen=True)
class Listing:
    """The chats, pinned ones first and then the latest, and the folders by name."""

    chats: tuple[Chat, ...] = ()
    folders: tuple[Folder, ...] = ()


class Shelf(QObject):
    """The chats of a store, watched for what other windows do to them."""

    listed = Signal(object)  # Listing
    found = Signal(str, object)  # what was searched for, and list[Found]
    changed_elsewhere = Signal()
    deleted = Signal(object)  # Chat, which `restore` takes back
    restored = Signal(object)  # Chat
    folder_added = Signal(object)  # Folder, which is listed next
    told = Signal(str)  # what was done, in a sentence
    noticed = Signal(object)  # Notice

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._is_failing = False
        self._pulse = QTimer(self, interval=_PULSE_MS)
        self._pulse.timeout.connect(self._beat)
        self._purge = QTimer(self, interval=UNDO_S * 1000, singleShot=True)
        self._purge.timeout.connect(self.purge)
        self.listing = Listing()

    def start(self) -> None:
        """List the chats, and watch the file from now on; the file is open."""
        self._store.do(lambda history: history.chats.purge(older_than=UNDO_S))
        self.refresh()
        self._pulse.start()

    def refresh(self) -> None:
        """List the chats as they are now."""
        self._store.do(_listing, self._show)

    def search(self, text: str) -> None:
        """Look for `text` in titles and messages; `found` brings what there is."""
        self._store.do(
            lambda history: history.search(text), lambda found: self.found.emit(text, found)
        )

    # -- one chat --------------------------------------------------------------------------------

    def rename(self, chat: int, title: str) -> None:
        """Give the chat a title; "" goes back to the automatic one."""
        self._change(lambda history: history.chats.rename(chat, title))

    def pin(self, chat: int, pinned: bool) -> None:
        """Keep the chat at the top, or no longer."""
        self._change(lambda history: history.chats.pin(chat, pinned))

    def move(self, chat: int, folder: int | None) -> None:
        """Put the chat into a folder, or out of all."""
        self._change(lambda history: history.chats.move(chat, folder))

    def delete(self, chat: int) -> None:
        """Take the chat from the list; for a while it can be restored."""

        def work(history: History) -> Chat:
            found = history.chats.get(chat)
            history.chats.delete(chat)
            return found

        def tell(deleted: Chat) -> None:
            self._purge.start()
            self.refresh()
            self.deleted.emit(deleted)

        self._store.do(work, tell, self.noticed.emit)

    def restore(self, chat: Chat) -> None:
        """Take back that the chat was deleted."""

        def tell(_nothing: None) -> None:
            self.refresh()
            self.restored.emit(chat)

        self._store.do(lambda history: history.chats.restore(chat.id), tell, self.noticed.emit)

    def purge(self) -> None:
        """End for good what was deleted and can no longer be restored."""
        self._purge.stop()
        # A little less: the clock that the file is marked by is not the timer's.
        self._store.do(lambda history: history.chats.purge(older_than=UNDO_S - 1))

    # -- folders ---------------------------------------------------------------------------------

    def add_folder(self, chat: int | None = None) -> None:
        """Make a folder, and put `chat` into it; the person names it then."""

        def tell(folder: Folder) -> None:
            self.folder_added.emit(folder)
            self.refresh()

        self._store.do(lambda history: _add_folder(history, chat), tell, self.noticed.emit)

    def rename_folder(self, folder: int, name: str) -> None:
        """Give the folder another name."""
        self._change(lambda history: history.chats.rename_folder(folder, name))

    def remove_folder(self, folder: int) -> None:
        """Dissolve the folder; its chats stay."""
        self._change(lambda history: history.chats.remove_folder(folder))

    # -- files -----------------------------------------------------------------------------------

    def export(self, chat: int, file: Path, form: Form) -> None:
        """Write a chat to `file`."""
        self._report(
            lambda history: export_chat(history, chat, file, form),
            lambda _nothing: tr("The chat was exported to {file}.", file=file.name),
        )

    def export_all(self, file: Path) -> None:
        """Write all chats to `file`, as JSON that can be imported again."""
        self._report(
            lambda history: export_all(history, file),
            lambda number: trn(
                "{count} chat was exported to {file}.",
                "{count} chats were exported to {file}.",
                number,
                file=file.name,
            ),
        )

    def import_file(self, file: Path) -> None:
        """Add the chats of a file: Tern's own JSON, or ChatGPT's export."""

        def said(result: Imported) -> str:
            self.refresh()
            new = len(result.added)
            said = trn("{count} chat was imported.", "{count} chats were imported.", new)
            if not result.skipped:
                return said
            there = trn(
                "{count} chat was there already.",
                "{count} chats were there already.",
                result.skipped,
            )
            return f"{said} {there}"

        self._report(lambda history: import_file(history, file), said)

    # -- steps shared by the above ---------------------------------------------------------------

    def _change(self, work: Callable[[History], object]) -> None:
        self._store.do(work, lambda _result: self.refresh(), self._refuse)

    def _report(self, work: Callable[[History], Any], said: Callable[[Any], str]) -> None:
        self._store.do(work, lambda result: self.told.emit(said(result)), self.noticed.emit)

    def _refuse(self, notice: Notice) -> None:
        self.noticed.emit(notice)
        self.refresh()  # the view may show already what was refused

    def _show(self, listing: Listing) -> None:
        self.listing = listing
        self.listed.emit(listing)

    def _beat(self) -> None:
        self._store.do(_beat, self._on_beat, self._on_failing)

    def _on_beat(self, is_changed: bool) -> None:
        self._is_failing = False
        if is_changed:
            self.refresh()
            self.changed_elsewhere.emit()

    def _on_failing(self, notice: Notice) -> None:
        """Say once, not twice a second, that nothing can be written."""
        if not self._is_failing:
            self.noticed.emit(notice)
        self._is_failing = True


def _listing(history: History) -> Listing:
    return Listing(tuple(history.chats.all()), tuple(history.chats.folders()))


def _add_folder(history: History, chat: int | None) -> Folder:
    taken = {folder.name for folder in history.chats.folders()}
    name = tr("New folder")
    names = (f"{name} {number}" if number > 1 else name for number in count(1))
    folder = history.chats.add_folder(next(free for free in names if free not in taken))
    if chat is not None:
        history.chats.move(chat, folder.id)
        history.chats.pin(chat, False)  # a pinned one stays above all folders
    return folder


def _beat(history: History) -> bool:
    history.journal.flush_due()
    return history.changed_elsewhere()
