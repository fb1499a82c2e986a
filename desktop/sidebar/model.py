"""The list of chats as a Qt model: rows that keep their place in the view while they change."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from desktop.sidebar.rows import (
    AnyRow,
    ChatRow,
    FolderRow,
    Heading,
    Key,
    NoteRow,
    chat_of,
    key_of,
    spoken,
    text_of,
)

Index = QModelIndex | QPersistentModelIndex

ROW = Qt.ItemDataRole.UserRole + 1
_MIME = "application/x-tern-chat"
_MANY = 40  # rows that differ, above which it is quicker to show all anew
_ROOT = QModelIndex()


class ChatListModel(QAbstractListModel):
    """The rows. Titles are edited in place; a chat is dropped on the row that it is to be under."""

    renamed = Signal(object, str)  # the row, and its new name
    dropped = Signal(int, object)  # a chat's id, and the FolderRow, ChatRow or Heading below it

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[AnyRow] = []
        self._keys: list[Key] = []

    @property
    def rows(self) -> Sequence[AnyRow]:
        """The rows in their order."""
        return self._rows

    def row_at(self, index: Index) -> AnyRow | None:
        """Return the row at `index`, None where there is none."""
        return self._rows[index.row()] if 0 <= index.row() < len(self._rows) else None

    def find_chat(self, chat: int) -> QModelIndex:
        """Return where the chat stands; an invalid index where it does not."""
        for place, row in enumerate(self._rows):
            found = chat_of(row)
            if found and found.id == chat:
                return self.index(place)
        return QModelIndex()

    def show(self, rows: Sequence[AnyRow]) -> None:
        """Show `rows`. What stays, stays marked, in sight and in the middle of being edited."""
        now = {key_of(row) for row in rows}
        if len(now.symmetric_difference(self._keys)) > _MANY:
            self.beginResetModel()
            self._rows, self._keys = list(rows), [key_of(row) for row in rows]
            self.endResetModel()
            return
        for place in reversed(range(len(self._rows))):
            if self._keys[place] not in now:
                self.beginRemoveRows(_ROOT, place, place)
                del self._rows[place], self._keys[place]
                self.endRemoveRows()
        for place, row in enumerate(rows):
            self._bring(place, row, key_of(row))

    def _bring(self, place: int, row: AnyRow, key: Key) -> None:
        """Let `row` stand at `place`; the rows above are right already."""
        is_there = place < len(self._keys) and self._keys[place] == key
        if not is_there and key not in self._keys:
            self.beginInsertRows(_ROOT, place, place)
            self._rows.insert(place, row)
            self._keys.insert(place, key)
            self.endInsertRows()
            return
        if not is_there:
            was = self._keys.index(key)
            self.beginMoveRows(_ROOT, was, was, _ROOT, place)
            self._rows.insert(place, self._rows.pop(was))
            self._keys.insert(place, self._keys.pop(was))
            self.endMoveRows()
        if self._rows[place] != row:
            self._rows[place] = row
            self.dataChanged.emit(self.index(place), self.index(place))

    # -- what Qt asks ----------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what is shown, or spoken, of a row."""
        row = self.row_at(index)
        if row is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return text_of(row)
            case Qt.ItemDataRole.ToolTipRole if chat_of(row):
                return text_of(row)
            case Qt.ItemDataRole.AccessibleTextRole:
                return spoken(row)
            case _ if role == ROW:
                return row
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for another name; the list shows it once it is kept."""
        row = self.row_at(index)
        if row is None or role != Qt.ItemDataRole.EditRole or value == text_of(row):
            return False
        self.renamed.emit(row, str(value).strip())
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Headings only take what is dropped; chats and folders can be marked and renamed."""
        flag = Qt.ItemFlag
        match self.row_at(index):
            case Heading():
                return flag.ItemIsEnabled | flag.ItemIsDropEnabled
            case FolderRow():
                usual = flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemIsEditable
                return usual | flag.ItemIsDropEnabled
            case ChatRow():
                usual = flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemIsEditable
                return usual | flag.ItemIsDragEnabled | flag.ItemIsDropEnabled
            case NoteRow() | None:
                return flag.NoItemFlags
            case _:
                return flag.ItemIsEnabled | flag.ItemIsSelectable

    def supportedDropActions(self) -> Qt.DropAction:
        """A chat moves; nothing is copied."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        """Only rows of this list are dropped here."""
        return [_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """Return which chat is dragged."""
        data = QMimeData()
        for index in indexes:
            chat = chat_of(self.row_at(index))
            if chat:
                data.setData(_MIME, str(chat.id).encode())
        return data

    def dropMimeData(
        self, data: QMimeData, _action: Qt.DropAction, row: int, _column: int, parent: Index
    ) -> bool:
        """Ask for the chat to be put where it was dropped; the list moves it once that is done."""
        under = self.row_at(parent) if parent.isValid() else self._above(row)
        chat = bytes(data.data(_MIME).data())
        if under is not None and chat.isdigit():
            self.dropped.emit(int(chat), under)
        return False  # Qt is not to remove the row that was dragged

    def _above(self, place: int) -> AnyRow | None:
        return self._rows[place - 1] if 0 < place <= len(self._rows) else None
