"""Lists as Qt models whose rows have two lines; what a row says comes from outside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPalette, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop.icons import picture
from desktop.theme import Palette
from desktop.widgets import styled

Item = TypeVar("Item")
Index = QModelIndex | QPersistentModelIndex

ROW = Qt.ItemDataRole.UserRole + 1
_PADDING, _GAP, _ICON = 14, 4, 15  # px


class Tone(StrEnum):
    """How a short remark is meant; the value is its icon, "" none."""

    GOOD = "fits"
    WARN = "tight"
    BAD = "exceeds"
    PLAIN = ""

    def colour(self, palette: Palette) -> str:
        """Return the colour of its text."""
        return {
            Tone.GOOD: palette.good,
            Tone.WARN: palette.warn,
            Tone.BAD: palette.bad,
            Tone.PLAIN: palette.muted,
        }[self]


@dataclass(frozen=True)
class Row:
    """What is shown of an item. `key` tells it from the others, also after it has changed."""

    key: str
    title: str
    subtitle: str
    remark: str = ""
    tone: Tone = Tone.PLAIN


class RowModel(QAbstractListModel, Generic[Item]):
    """A list of items, each shown as the Row that `row_of` makes of it."""

    def __init__(self, row_of: Callable[[Item], Row], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row_of = row_of
        self._items: list[Item] = []
        self._rows: list[Row] = []

    @property
    def items(self) -> Sequence[Item]:
        """The items in their order."""
        return self._items

    def show(self, items: Sequence[Item]) -> None:
        """Show `items`; where they are the same ones in the same order, the selection stays."""
        rows = [self._row_of(item) for item in items]
        if [row.key for row in rows] == [row.key for row in self._rows]:
            self._items, self._rows = list(items), rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._items, self._rows = list(items), rows
        self.endResetModel()

    def find(self, key: str) -> int:
        """Return the place of the row `key`, or -1."""
        return next((place for place, row in enumerate(self._rows) if row.key == key), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many items there are."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what is shown, or spoken, of an item."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.title
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(filter(None, (row.title, row.subtitle, row.remark)))
            case _ if role == ROW:
                return row
        return None


class RowDelegate(QStyledItemDelegate):
    """Paints a Row: the title and a remark, and the subtitle under them."""

    def __init__(self, palette: Palette, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours = palette

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Two lines and the room around them."""
        title, small = _fonts(option.font)
        height = QFontMetrics(title).height() + QFontMetrics(small).height() + _GAP + 2 * 10
        return QSize(200, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        row: Row = index.data(ROW)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, option)
        area = option.rect.adjusted(_PADDING, 10, -_PADDING, -10)
        title, small = _fonts(option.font)
        used = self._paint_remark(painter, area, row, small)
        painter.setFont(title)
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        top = QRect(area.left(), area.top(), area.width() - used, QFontMetrics(title).height())
        top = QStyle.visualRect(option.direction, area, top)
        _paint_line(painter, top, row.title)
        painter.setFont(small)
        painter.setPen(QColor(self.colours.muted))
        bottom = QRect(area.left(), top.bottom() + _GAP, area.width(), QFontMetrics(small).height())
        _paint_line(painter, bottom, row.subtitle)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if selected or hovered:
            ground = self.colours.bubble if selected else self.colours.hover
            painter.setBrush(QColor(ground))
            edge = selected and bool(option.state & QStyle.StateFlag.State_HasFocus)
            painter.setPen(QPen(QColor(self.colours.accent)) if edge else Qt.PenStyle.NoPen)
            painter.drawRoundedRect(option.rect.adjusted(4, 2, -4, -2), 8, 8)

    def _paint_remark(self, painter: QPainter, area: QRect, row: Row, font: QFont) -> int:
        """Paint the remark at the right end of the first line; return the width that it takes."""
        if not row.remark:
            return 0
        colour = row.tone.colour(self.colours)
        metrics = QFontMetrics(font)
        width = min(metrics.horizontalAdvance(row.remark) + 2, area.width() // 2)
        line = QRect(area.right() - width, area.top(), width + 1, metrics.height() + 3)
        line = QStyle.visualRect(painter.layoutDirection(), area, line)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        _paint_line(painter, line, row.remark)
        if not row.tone:
            return width + 10
        ratio = painter.device().devicePixelRatio()
        drawn = picture(row.tone, colour, _ICON, ratio)
        is_mirrored = painter.layoutDirection() is Qt.LayoutDirection.RightToLeft
        left = line.right() + 6 if is_mirrored else line.left() - _ICON - 5
        painter.drawPixmap(left, line.center().y() - _ICON // 2, drawn)
        return width + _ICON + 15


class RowList(QListView):
    """A list of rows with the keys of a list; tells by `chosen` what was clicked or entered."""

    selected = Signal(object)  # the item that is marked now, or None
    chosen = Signal(object)  # the item that was clicked, or marked when Enter was pressed

    def __init__(self, model: "RowModel[Any]", name: str, palette: Palette) -> None:
        super().__init__()
        styled(self, "rows")
        self._rows = model
        self._key = ""
        model.setParent(self)  # gone with the list, and not before it
        self.setModel(model)
        self._delegate = RowDelegate(palette, self)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.clicked.connect(self._on_chosen)
        self.selectionModel().currentChanged.connect(self._on_current)
        model.modelReset.connect(self._mark_again)
        model.dataChanged.connect(self._on_current)

    @property
    def item(self) -> Any:
        """The item that is marked, or None."""
        place = self.currentIndex().row()
        return self._rows.items[place] if 0 <= place < len(self._rows.items) else None

    def mark(self, key: str) -> bool:
        """Mark the row `key`; return whether there is one."""
        place = self._rows.find(key)
        self._key = key
        if place >= 0:
            self.setCurrentIndex(self._rows.index(place))
        return place >= 0

    def recolour(self, palette: Palette) -> None:
        """Paint in other colours from now on."""
        self._delegate.colours = palette
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose on Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.item is not None:
            self.chosen.emit(self.item)
        else:
            super().keyPressEvent(event)

    def _on_chosen(self, index: QModelIndex) -> None:
        self.chosen.emit(self._rows.items[index.row()])

    def _on_current(self, *_indexes: object) -> None:
        row = self.currentIndex().data(ROW)
        self._key = row.key if row else self._key
        self.selected.emit(self.item)

    def _mark_again(self) -> None:
        """After the list has changed, stay at the row that was marked, if it is still there."""
        if not (self._key and self.mark(self._key)):
            self.selected.emit(None)


def _fonts(base: QFont) -> tuple[QFont, QFont]:
    """Return the fonts of the title and of the small text."""
    title, small = QFont(base), QFont(base)
    title.setWeight(QFont.Weight.DemiBold)
    small.setPixelSize(max(11, round(QFontMetrics(base).height() * 0.72)))
    return title, small


def _paint_line(painter: QPainter, place: QRect, text: str) -> None:
    metrics = painter.fontMetrics()
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width())
    painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)
