"""A part of a message on the screen: selectable text as wide as it is told to be.

What it shows is untrusted: images and other resources are never loaded, and links open only on a
click and only to the web or to mail. What is copied is Markdown.
"""

from math import ceil
from typing import Any

from PySide6.QtCore import QMimeData, QPointF, QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QTextBlock,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QPushButton, QTextBrowser, QWidget

from desktop.document.document_writer import DocumentWriter
from desktop.document.look import CODE_BOTTOM, CODE_SIDE, CODE_TOP, Look
from desktop.document.selection import selected_markdown
from desktop.document.typesetter import Typesetter
from desktop.document.written import CodeBox
from desktop.markdown.parser import is_safe
from desktop.markdown.reader import Unit
from desktop.translation import tr
from desktop.widgets import button

_RADIUS = 8.0  # px, of the boxes around code
_KEYS = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class TextPane(QTextBrowser):
    """Some units of a message. Its height follows from its width; `fit` tells it.

    code_wanted: where in the message the code to copy begins, -1 for `text` itself.
    """

    link_opened = Signal(QUrl)
    code_wanted = Signal(int, str, QPushButton)

    def __init__(self, look: Look, typesetter: Typesetter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settled: list[Unit] = []
        self._open: list[Unit] = []
        self._copiers: list[QPushButton] = []
        self._set_up()
        self._writer = DocumentWriter(self.document(), look, typesetter)
        self._writer.clear(look)

    def _set_up(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Its own width, not the widget's: a message is wrapped when the transcript comes to it.
        self.setLineWrapMode(QTextBrowser.LineWrapMode.FixedPixelWidth)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDocumentMargin(0)
        self.setUndoRedoEnabled(False)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName(tr("Text of the message"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.anchorClicked.connect(self._on_link)
        self.ensurePolished()  # the style sheet brings a font, which must not come later

    @property
    def copiers(self) -> tuple[QPushButton, ...]:
        """The buttons that copy code, from top to bottom."""
        return tuple(self._copiers)

    @property
    def length(self) -> int:
        """How many characters of the message it shows for good."""
        return sum(len(unit.source) for unit in self._settled)

    @property
    def begins_anew(self) -> bool:
        """Whether it begins with a block, not with more of the code or line of the pane before."""
        first = next(iter((*self._settled, *self._open)), None)
        return first is None or (first.begins and bool(first.tokens))

    @property
    def is_stale(self) -> bool:
        """Whether something settled is shown plainly until the typesetter is ready."""
        return self._writer.is_stale

    def show_units(self, settled: list[Unit], still_open: list[Unit]) -> None:
        """Add `settled`, and show `still_open` until the next call."""
        self._settled += settled
        self._open = still_open
        self._writer.write(settled, still_open)
        self._place_copiers()
        self._offer_links()

    def rewrite(self, look: Look) -> None:
        """Show the same with another look."""
        self._writer.clear(look)
        self._writer.write(self._settled, self._open)
        self._place_copiers()

    def fit(self, width: int, shrink: bool = False) -> None:
        """Wrap at `width` px and take the height that needs; `shrink` also drops spare width."""
        self.setLineWrapColumnOrWidth(width)
        look, document = self._writer.look, self.document()
        for table in self._writer.written.tables:
            columns = len(table.words)
            # Letters are about half as wide as they are tall; cells have their edges.
            table.fit((width - columns * look.px(14)) / (look.size * 0.58))
        if shrink and document.idealWidth() < width:
            width = ceil(document.idealWidth())
            self.setLineWrapColumnOrWidth(width)
        self.setFixedSize(width, max(1, ceil(self._bottom())))
        self._place_copiers()

    def _bottom(self) -> float:
        """Return where the text ends, or the box around its last lines."""
        boxes = self._writer.written.boxes
        box = self._box_area(boxes[-1]).bottom() if boxes else 0
        return max(self.document().size().height(), box)

    # -- code ------------------------------------------------------------------------------------

    def _place_copiers(self) -> None:
        boxes = self._begun_boxes()
        while len(self._copiers) > len(boxes):
            spare = self._copiers.pop()
            spare.hide()
            spare.deleteLater()
        while len(self._copiers) < len(boxes):
            self._copiers.append(self._copier(len(self._copiers)))
        for copier, box in zip(self._copiers, boxes, strict=True):
            area = self._box_area(box)
            copier.move(int(area.right()) - copier.width() - 4, int(area.top()) + 4)

    def _begun_boxes(self) -> list[CodeBox]:
        return [box for box in self._writer.written.boxes if box.begins]

    def _copier(self, number: int) -> QPushButton:
        made = button("Copy", "copyCode", "Copy this code", "Copy the code")
        made.setParent(self.viewport())
        made.clicked.connect(lambda: self._copy_code(number))
        made.setCursor(Qt.CursorShape.ArrowCursor)
        made.ensurePolished()
        made.adjustSize()
        made.show()
        return made

    def _copy_code(self, number: int) -> None:
        box = self._begun_boxes()[number]
        self.code_wanted.emit(box.block, box.text, self._copiers[number])

    def code_of(self, block: int) -> str:
        """Return what this pane has of the code that begins at `block` of the message."""
        return "".join(box.text for box in self._writer.written.boxes if box.block == block)

    # -- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint boxes, bars and rules, then the text upon them."""
        written, look = self._writer.written, self._writer.look
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for box in written.boxes:
            area = self._box_area(box)
            if area.intersects(QRectF(event.rect())):
                _paint_box(painter, area, box, look)
        for first, last, depth in written.quotes:
            self._paint_quote(painter, first, last, depth)
        painter.setPen(QPen(QColor(look.palette.border), 1))
        for rule in written.rules:
            area = self._block_area(self.document().findBlock(rule))
            painter.drawLine(
                QPointF(area.left(), area.center().y()), QPointF(self.width(), area.center().y())
            )
        painter.end()
        super().paintEvent(event)

    def _box_area(self, box: CodeBox) -> QRectF:
        look, document = self._writer.look, self.document()
        first, last = document.findBlock(box.first), document.findBlock(box.last)
        form = first.blockFormat()
        left = form.leftMargin() - look.px(CODE_SIDE) + form.indent() * document.indentWidth()
        right = self.width() - last.blockFormat().rightMargin() + look.px(CODE_SIDE)
        top = self._block_area(first).top() - (look.px(CODE_TOP) if box.begins else 0)
        bottom = self._block_area(last).bottom() + (look.px(CODE_BOTTOM) if box.ends else 0)
        return QRectF(QPointF(left, top), QPointF(right, bottom))

    def _block_area(self, block: QTextBlock) -> QRectF:
        return self.document().documentLayout().blockBoundingRect(block)

    def _paint_quote(self, painter: QPainter, first: int, last: int, depth: int) -> None:
        look, document = self._writer.look, self.document()
        block = document.findBlock(first)
        top = self._block_area(block).top()
        bottom = self._block_area(document.findBlock(last)).bottom()
        left = look.px(16) * (depth - 1) + block.blockFormat().indent() * document.indentWidth()
        if block.textDirection() == Qt.LayoutDirection.RightToLeft:
            left = self.width() - left - 3
        painter.fillRect(QRectF(left, top, 3, bottom - top), QColor(look.palette.border))

    # -- what the person does ----------------------------------------------------------------------

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy Markdown: the source of what is selected whole, the text of what is not."""
        cursor = self.textCursor()
        made = QMimeData()
        made.setText(
            selected_markdown(
                self.document(),
                self._writer.written,
                cursor.selectionStart(),
                cursor.selectionEnd(),
            )
        )
        return made

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Load nothing: neither a file of this computer nor anything from the network."""
        return None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to the transcript."""
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, select and follow links; all other keys are the transcript's."""
        modified = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if modified or event.key() in _KEYS:
            super().keyPressEvent(event)
        else:
            event.ignore()

    def sizeHint(self) -> QSize:
        """The size that `fit` gave."""
        return self.minimumSize()

    def minimumSizeHint(self) -> QSize:
        """The size that `fit` gave."""
        return self.minimumSize()

    def _offer_links(self) -> None:
        """Let Tab reach the links, where there are some."""
        has_links = any(
            child.type in ("link_open", "image") or "://" in child.content
            for unit in (*self._settled, *self._open)
            for token in unit.tokens
            for child in token.children or ()
        )
        focus = Qt.FocusPolicy.StrongFocus if has_links else Qt.FocusPolicy.ClickFocus
        self.setFocusPolicy(focus)

    def _on_link(self, url: QUrl) -> None:
        if is_safe(url.toString(QUrl.ComponentFormattingOption.FullyEncoded)):
            self.link_opened.emit(url)


def copy_text(text: str) -> None:
    """Put `text` on the clipboard."""
    QGuiApplication.clipboard().setText(text)


def _paint_box(painter: QPainter, area: QRectF, box: CodeBox, look: Look) -> None:
    """Paint a box whose corners are round where the code begins and ends."""
    painter.save()
    painter.setClipRect(area)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(look.palette.code))
    beyond = 2 * _RADIUS
    full = area.adjusted(0, 0 if box.begins else -beyond, 0, 0 if box.ends else beyond)
    painter.drawRoundedRect(full, _RADIUS, _RADIUS)
    painter.restore()
