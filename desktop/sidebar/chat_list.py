"""The list of chats as a view: what is clicked, entered, renamed, deleted or dragged in it."""

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle

from desktop.history import Chat
from desktop.sidebar.delegate import MORE, ChatDelegate
from desktop.sidebar.model import ChatListModel
from desktop.sidebar.rows import AnyRow, ChatRow, FolderRow, FoundRow, chat_of
from desktop.theme import Palette
from desktop.translation import tr
from desktop.widgets import styled


class ChatList(QListView):
    """The list with its keys: Enter opens, F2 renames, Delete deletes, Left and Right fold."""

    chosen = Signal(object)  # ChatRow or FoundRow
    fold_wanted = Signal(int, bool)  # a folder's id, and whether it is to be open
    delete_wanted = Signal(object)  # the row
    menu_wanted = Signal(object, QPoint)  # the row, and where on the screen

    def __init__(self, model: ChatListModel, palette: Palette) -> None:
        super().__init__()
        styled(self, "chats")
        self._rows = model
        self._delegate = ChatDelegate(palette, self)
        self.setModel(model)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(tr("Chats"))
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setLayoutMode(QListView.LayoutMode.Batched)  # thousands of chats block nothing
        self.setBatchSize(200)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setDragDropMode(QListView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDragDropOverwriteMode(True)  # onto a row, not between two
        self.setTabKeyNavigation(False)
        self.clicked.connect(self._choose)

    @property
    def row(self) -> AnyRow | None:
        """The row that is marked."""
        return self._rows.row_at(self.currentIndex())

    @property
    def open_chat(self) -> int | None:
        """The chat that is shown beside the list."""
        return self._delegate.open_chat

    def mark_open(self, chat: int | None) -> None:
        """Mark the chat that is shown, and bring it into sight."""
        self._delegate.open_chat = chat
        place = QModelIndex() if chat is None else self._rows.find_chat(chat)
        self.setCurrentIndex(place)
        self.viewport().update()

    def rename(self, chat: int | None) -> None:
        """Let the person write another name: for the row that is marked, or for `chat`."""
        place = self.currentIndex() if self.hasFocus() else QModelIndex()
        if not place.isValid() and chat is not None:
            place = self._rows.find_chat(chat)
        self.write_name(place)

    def write_name(self, place: QModelIndex) -> None:
        """Open the field for a name in the row at `place`, if it can have another."""
        if place.isValid() and self._rows.flags(place) & Qt.ItemFlag.ItemIsEditable:
            self.setCurrentIndex(place)
            self.edit(place)

    @property
    def is_renaming(self) -> bool:
        """Whether a name is being written."""
        return self.state() == QAbstractItemView.State.EditingState

    def neighbour(self, step: int) -> Chat | None:
        """Return the chat `step` places from the one that is shown, None where there is none."""
        chats = [chat for chat in map(chat_of, self._rows.rows) if chat]
        ids = [chat.id for chat in chats]
        if self.open_chat not in ids:
            return chats[0] if chats else None
        place = ids.index(self.open_chat) + step
        return chats[place] if 0 <= place < len(chats) else None

    def recolour(self, palette: Palette) -> None:
        """Paint in other colours from now on."""
        self._delegate.colours = palette
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Fold, delete, open."""
        row = self.row
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Right if isinstance(row, FolderRow):
                opens = Qt.Key.Key_Left if self.isRightToLeft() else Qt.Key.Key_Right
                self.fold_wanted.emit(row.folder.id, event.key() == opens)
            case Qt.Key.Key_Delete if isinstance(row, FolderRow | ChatRow | FoundRow):
                self.delete_wanted.emit(row)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if not self.is_renaming:
                self._choose(self.currentIndex())
            case _:
                super().keyPressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """A press on the dots at a row's end opens its menu, and marks nothing."""
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            place = self.indexAt(event.position().toPoint())
            row = self._rows.row_at(place)
            if self._is_on_dots(event, place, row):
                self.menu_wanted.emit(row, event.globalPosition().toPoint())
                return True
        return super().viewportEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of the row under the pointer, or of the marked one by the menu key."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        place = self.currentIndex() if by_key else self.indexAt(event.pos())
        row = self._rows.row_at(place)
        at = self.visualRect(place).bottomLeft() if by_key else event.pos()
        if isinstance(row, FolderRow | ChatRow | FoundRow):
            self.menu_wanted.emit(row, self.viewport().mapToGlobal(at))

    def _is_on_dots(self, event: QMouseEvent, place: QModelIndex, row: AnyRow | None) -> bool:
        if event.button() != Qt.MouseButton.LeftButton or not isinstance(row, FolderRow | ChatRow):
            return False
        area = self.visualRect(place)
        dots = area.adjusted(area.width() - MORE, 0, 0, 0)
        dots = QStyle.visualRect(self.layoutDirection(), area, dots)
        return dots.contains(event.position().toPoint())

    def _choose(self, place: QModelIndex) -> None:
        row = self._rows.row_at(place)
        if isinstance(row, FolderRow):
            self.fold_wanted.emit(row.folder.id, not row.is_open)
        elif isinstance(row, ChatRow | FoundRow):
            self.chosen.emit(row)
