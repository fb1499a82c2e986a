"""How the rows of the list of chats are painted."""

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPen,
    QTextCharFormat,
    QTextLayout,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop.history import Found
from desktop.icons import picture
from desktop.sidebar.model import ROW, Index
from desktop.sidebar.rows import AnyRow, ChatRow, FolderRow, FoundRow, Heading, NoteRow, text_of
from desktop.theme import Palette
from desktop.translation import number

MORE = 30  # px at the right end of a row under the pointer, which open its menu
_SIDE = 10  # px beside the text
_INDENT = 22  # px more for a chat in a folder
_ICON = 16
_DOT = 7
_SNIPPET_LINES = 2
_HEIGHTS: dict[type, int] = {Heading: 32, FolderRow: 34, ChatRow: 34, FoundRow: 76, NoteRow: 64}
_LEFT = Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter


class ChatDelegate(QStyledItemDelegate):
    """Paints headings, folders, chats and search hits. open_chat: the id of the one shown."""

    def __init__(self, palette: Palette, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours = palette
        self.open_chat: int | None = None

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """As tall as the kind of row needs."""
        line = QFontMetrics(option.font).height()
        return QSize(100, max(_HEIGHTS[type(index.data(ROW))], line + 8))

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, _index: Index
    ) -> None:
        """A new name is written over the whole row."""
        editor.setGeometry(option.rect.adjusted(2, 1, -2, -1))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        row: AnyRow = index.data(ROW)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = option.rect.adjusted(_SIDE, 0, -_SIDE, 0)
        if isinstance(row, Heading):
            self._paint_small(painter, area.adjusted(0, 8, 0, 0), row.text, option.font, True)
        elif isinstance(row, NoteRow):
            self._paint_small(painter, area, row.text, option.font)
        else:
            self._paint_ground(painter, option, row)
            self._paint_row(painter, option, area, row)
        painter.restore()

    def _paint_row(
        self, painter: QPainter, option: QStyleOptionViewItem, area: QRect, row: AnyRow
    ) -> None:
        painter.setFont(option.font)
        painter.setPen(QColor(self.colours.text))
        if isinstance(row, FoundRow):
            self._paint_found(painter, area, row.found, option.font)
            return
        if isinstance(row, FolderRow):
            self._paint_icon(painter, area, "down" if row.is_open else "right")
            self._paint_icon(painter, self._after(painter, area, _ICON + 4), "folder")
            area = self._after(painter, area, 2 * _ICON + 12)
        if isinstance(row, ChatRow) and row.inside:
            area = self._after(painter, area, _INDENT)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if hovered:
            self._paint_icon(painter, area, "more", at_end=True)
        used = self._paint_mark(painter, area, row, hovered)
        area = _visual(painter, area, area.adjusted(0, 0, -used, 0))
        shown = painter.fontMetrics().elidedText(
            text_of(row), Qt.TextElideMode.ElideRight, area.width()
        )
        painter.setPen(QColor(self.colours.text))
        painter.drawText(area, int(_LEFT), shown)

    def _paint_mark(self, painter: QPainter, area: QRect, row: AnyRow, hovered: bool) -> int:
        """Paint what stands at the end of a row; return the width that it takes."""
        if hovered:
            return MORE - 4
        if isinstance(row, ChatRow) and row.is_growing:
            painter.setBrush(QColor(self.colours.accent))
            painter.setPen(Qt.PenStyle.NoPen)
            place = QRect(area.right() - _DOT, area.center().y() - _DOT // 2, _DOT, _DOT)
            painter.drawEllipse(_visual(painter, area, place))
            return _DOT + 8
        if isinstance(row, FolderRow) and row.count:
            text = number(f"{row.count:,}")
            painter.setPen(QColor(self.colours.muted))
            painter.drawText(
                area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text
            )
            return painter.fontMetrics().horizontalAdvance(text) + 8
        return 0

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, row: AnyRow) -> None:
        is_open = isinstance(row, ChatRow) and row.chat.id == self.open_chat
        marked = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = marked and bool(option.state & QStyle.StateFlag.State_HasFocus)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        ground = self.colours.selection if is_open else self.colours.hover
        painter.setBrush(QColor(ground) if is_open or hovered or focused else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(self.colours.accent)) if focused else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(QRectF(option.rect).adjusted(1.5, 1.5, -1.5, -1.5), 8, 8)

    def _paint_icon(self, painter: QPainter, area: QRect, name: str, at_end: bool = False) -> None:
        ratio = painter.device().devicePixelRatio()
        left = area.right() - _ICON if at_end else area.left()
        top = area.center().y() - _ICON // 2 + 1
        place = _visual(painter, area, QRect(left, top, _ICON, _ICON))
        is_mirrored = painter.layoutDirection() is Qt.LayoutDirection.RightToLeft
        drawn = picture(name, self.colours.muted, _ICON, ratio, is_mirrored and name == "right")
        painter.drawPixmap(place.topLeft(), drawn)

    @staticmethod
    def _after(painter: QPainter, area: QRect, width: int) -> QRect:
        """Return what of `area` is left after `width` px, from the side where lines begin."""
        return _visual(painter, area, area.adjusted(width, 0, 0, 0))

    def _paint_small(
        self, painter: QPainter, area: QRect, text: str, base: QFont, strong: bool = False
    ) -> None:
        font = _small(base)
        font.setWeight(QFont.Weight.DemiBold if strong else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(self.colours.muted))
        painter.drawText(area, int(_LEFT), text)

    def _paint_found(self, painter: QPainter, area: QRect, found: Found, base: QFont) -> None:
        """Paint the title, and below it the snippet with what was searched for in bold."""
        metrics = painter.fontMetrics()
        line = QRect(area.left(), area.top() + 8, area.width(), metrics.height())
        title = metrics.elidedText(
            text_of(FoundRow(found)), Qt.TextElideMode.ElideRight, line.width()
        )
        painter.drawText(line, int(_LEFT), title)
        layout = QTextLayout(found.snippet, _small(base), painter.device())
        layout.setFormats([self._span(found.snippet, *span) for span in found.spans])
        height = 0.0
        layout.beginLayout()
        for _ in range(_SNIPPET_LINES):
            written = layout.createLine()
            if written.isValid():
                written.setLineWidth(area.width())
                written.setPosition(QPointF(0, height))
                height += written.height()
        layout.endLayout()
        painter.setPen(QColor(self.colours.muted))
        layout.draw(painter, QPointF(area.left(), line.bottom() + 4))

    def _span(self, text: str, start: int, end: int) -> QTextLayout.FormatRange:
        """Return the format of a hit; Qt counts in UTF-16."""
        made = QTextLayout.FormatRange()
        made.start, made.length = _units(text[:start]), _units(text[start:end])
        look = QTextCharFormat()
        look.setForeground(QColor(self.colours.text))
        look.setFontWeight(QFont.Weight.Bold)
        made.format = look
        return made


def _visual(painter: QPainter, area: QRect, place: QRect) -> QRect:
    """Return `place` in `area` as it is in the direction of the window's language."""
    return QStyle.visualRect(painter.layoutDirection(), area, place)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _small(base: QFont) -> QFont:
    font = QFont(base)
    font.setPixelSize(max(11, round(QFontMetrics(base).height() * 0.72)))
    return font
