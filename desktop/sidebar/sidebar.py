"""The sidebar: a field to search by, the list of chats, and a bar for what was done.

Shows what it is given and says by signals what is wanted; knows nothing of where chats are kept.
"""

from collections.abc import Sequence
from datetime import date

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from desktop.chats.shelf import Listing
from desktop.history import Found
from desktop.icons import icon
from desktop.sidebar import menus
from desktop.sidebar.chat_list import ChatList
from desktop.sidebar.model import ChatListModel
from desktop.sidebar.rows import (
    AnyRow,
    ChatRow,
    FolderRow,
    FoundRow,
    chat_of,
    folder_of,
    found_rows,
    is_among_pinned,
    key_of,
    listed_rows,
)
from desktop.sidebar.toast import Toast
from desktop.theme import Palette
from desktop.translation import tr
from desktop.widgets import button, styled

_DEBOUNCE_MS = 120


class Sidebar(QWidget):
    """Everything about chats as wholes. Chats and folders come with their ids."""

    chat_wanted = Signal(int, object)  # the chat, and the message to go to or None
    search_wanted = Signal(str)
    rename_wanted = Signal(int, str)
    pin_wanted = Signal(int, bool)
    move_wanted = Signal(int, object)  # into the folder, or None out of all
    delete_wanted = Signal(int)
    export_wanted = Signal(object, object)  # Chat, Form
    export_all_wanted = Signal()
    import_wanted = Signal()
    folder_wanted = Signal(object)  # a new one, with this chat or None in it
    folder_rename_wanted = Signal(int, str)
    folder_delete_wanted = Signal(object)  # Folder
    left = Signal()  # the keys go elsewhere

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        styled(self, "sidebar")
        self._listing = Listing()
        self._found: Sequence[Found] | None = None
        self._closed: set[int] = set()
        self._growing: int | None = None
        self._to_name: int | None = None  # a folder that was just made
        self.search = QLineEdit()
        self.more = button("", "iconButton", "Folders, import and export", "More")
        self.model = ChatListModel(self)
        self.list = ChatList(self.model, palette)
        self.toast = Toast()
        self._timer = QTimer(self, interval=_DEBOUNCE_MS, singleShot=True)
        self._lay_out()
        self._connect()
        self.recolour(palette)

    def _lay_out(self) -> None:
        self.setAccessibleName(tr("Chats"))
        self.search.setPlaceholderText(tr("Search chats"))
        self.search.setAccessibleName(tr("Search chats"))
        self.search.setToolTip(tr("Search titles and messages (Ctrl+F)"))
        self.search.setClearButtonEnabled(True)
        for clear in self.search.findChildren(QToolButton):
            clear.setAccessibleName(tr("Clear the search"))
        self.more.setIconSize(QSize(18, 18))
        top = QHBoxLayout()
        top.setContentsMargins(10, 10, 8, 6)
        top.setSpacing(4)
        top.addWidget(self.search, 1)
        top.addWidget(self.more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(8, 0, 8, 8)
        foot.addWidget(self.toast)
        column.addLayout(foot)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._on_typed)
        self.search.installEventFilter(self)
        self._timer.timeout.connect(lambda: self.search_wanted.emit(self.search.text()))
        self.more.clicked.connect(self._open_more)
        self.list.chosen.connect(self._on_chosen)
        self.list.fold_wanted.connect(self._fold)
        self.list.delete_wanted.connect(self._delete)
        self.list.menu_wanted.connect(self._open_menu)
        self.model.renamed.connect(self._on_renamed)
        self.model.dropped.connect(self._on_dropped)

    # -- what is shown ---------------------------------------------------------------------------

    @Slot(object)
    def show_listing(self, listing: Listing) -> None:
        """Show the chats and folders there are."""
        self._listing = listing
        self._show()

    @Slot(str, object)
    def show_found(self, text: str, found: Sequence[Found]) -> None:
        """Show what was found, unless something else is searched for by now."""
        if text == self.search.text() and text.strip():
            self._found = found
            self._show()

    def show_growing(self, chat: int | None) -> None:
        """Mark the chat that is being answered."""
        if chat != self._growing:
            self._growing = chat
            self._show()

    def mark_open(self, chat: int | None) -> None:
        """Mark the chat that is shown."""
        self.list.mark_open(chat)

    def name_folder(self, folder: int) -> None:
        """Let the person name a new folder as soon as it is listed."""
        self._to_name = folder

    def recolour(self, palette: Palette) -> None:
        """Use other colours."""
        self.list.recolour(palette)
        self.more.setIcon(icon("more", palette.muted))

    # -- what the keys ask for -------------------------------------------------------------------

    def begin_search(self) -> None:
        """Let the person search."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def rename(self) -> None:
        """Let the person rename the chat that is marked, or the one that is shown."""
        self.search.clear()
        self.list.rename(self.list.open_chat)

    def step(self, step: int) -> None:
        """Ask for the chat above or below the one that is shown."""
        chat = self.list.neighbour(step)
        if chat:
            self.chat_wanted.emit(chat.id, None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The search field's keys: Down and Enter lead to what was found, Escape back."""
        if watched is self.search and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape:  # elsewhere the key to stop the answer
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    self._leave_search()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() in (
                Qt.Key.Key_Down,
                Qt.Key.Key_Return,
                Qt.Key.Key_Enter,
            ):
                self._enter_list(opens=event.key() != Qt.Key.Key_Down)
                return True
        return super().eventFilter(watched, event)

    # -- steps -----------------------------------------------------------------------------------

    def _show(self) -> None:
        if self._found is not None:
            rows = found_rows(self._found)
        else:
            rows = listed_rows(self._listing, date.today(), self._closed, self._growing)
        self.model.show(rows)
        if not self.list.currentIndex().isValid() and not self.search.hasFocus():
            self.list.mark_open(self.list.open_chat)
        self._name_new_folder()

    def _name_new_folder(self) -> None:
        for place, row in enumerate(self.model.rows):
            if isinstance(row, FolderRow) and row.folder.id == self._to_name:
                self._to_name = None
                self.list.write_name(self.model.index(place))

    def _on_typed(self, text: str) -> None:
        if text.strip():
            self._timer.start()
        else:
            self._timer.stop()
            self._found = None
            self._show()

    def _leave_search(self) -> None:
        if self.search.text():
            self.search.clear()
        else:
            self.left.emit()

    def _enter_list(self, opens: bool) -> None:
        places = [i for i, row in enumerate(self.model.rows) if isinstance(row, FoundRow | ChatRow)]
        if places:
            self.list.setCurrentIndex(self.model.index(places[0]))
            self.list.setFocus(Qt.FocusReason.TabFocusReason)
            if opens:
                self._on_chosen(self.model.rows[places[0]])

    def _on_chosen(self, row: AnyRow) -> None:
        if isinstance(row, FoundRow):
            self.chat_wanted.emit(row.found.chat.id, row.found.message)
        elif isinstance(row, ChatRow):
            self.chat_wanted.emit(row.chat.id, None)

    def _fold(self, folder: int, is_open: bool) -> None:
        (self._closed.discard if is_open else self._closed.add)(folder)
        self._show()

    def _on_renamed(self, row: AnyRow, name: str) -> None:
        if isinstance(row, ChatRow):
            self.rename_wanted.emit(row.chat.id, name)
        elif isinstance(row, FolderRow) and name:
            self.folder_rename_wanted.emit(row.folder.id, name)

    def _on_dropped(self, chat: int, under: AnyRow) -> None:
        is_pinned = is_among_pinned(under)
        self.pin_wanted.emit(chat, is_pinned)
        if not is_pinned:
            self.move_wanted.emit(chat, folder_of(under))

    def _delete(self, row: AnyRow) -> None:
        chat = chat_of(row)
        if chat:
            self.delete_wanted.emit(chat.id)
        elif isinstance(row, FolderRow):
            self.folder_delete_wanted.emit(row.folder)

    # -- menus -----------------------------------------------------------------------------------

    def _open_menu(self, row: AnyRow, place: QPoint) -> None:
        """Open the menu of a row."""
        chat = chat_of(row)
        if isinstance(row, FolderRow):
            menu = menus.folder_menu(
                self,
                rename=lambda: self._rename_row(row),
                delete=lambda: self.folder_delete_wanted.emit(row.folder),
            )
        elif chat:
            menu = menus.chat_menu(
                self,
                chat,
                self._listing.folders,
                rename=lambda: self._rename_row(row),
                pin=lambda pinned: self.pin_wanted.emit(chat.id, pinned),
                move=lambda folder: self.move_wanted.emit(chat.id, folder),
                add_folder=lambda: self.folder_wanted.emit(chat.id),
                export=lambda form: self.export_wanted.emit(chat, form),
                delete=lambda: self.delete_wanted.emit(chat.id),
            )
        else:
            return
        menu.popup(place)

    def _open_more(self) -> None:
        menu = menus.more_menu(
            self,
            add_folder=lambda: self.folder_wanted.emit(None),
            import_file=self.import_wanted.emit,
            export_all=self.export_all_wanted.emit,
        )
        menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def _rename_row(self, row: AnyRow) -> None:
        """Let the person rename what the menu was opened for, in the whole list."""
        self.search.clear()
        chat = chat_of(row)
        for place, other in enumerate(self.model.rows):
            if key_of(other) == key_of(row) or (chat and chat_of(other) == chat):
                self.list.write_name(self.model.index(place))
                return
