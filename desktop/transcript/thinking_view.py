"""A model's reasoning before its answer: a line that says so, and the text itself if opened."""

from time import monotonic

from markdown_it import MarkdownIt
from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from desktop.document.look import Look
from desktop.document.typesetter import Typesetter
from desktop.transcript.message_body import MessageBody
from desktop.translation import tr
from desktop.widgets import button

_INSET = 14  # px, from the bar to the text
_GAP = 6  # px below the line


class ThinkingView(QWidget):
    """Open while the model thinks, closed when its answer begins; then as the person wants it.

    ended: how many seconds it took, where this view saw all of it.
    """

    toggled = Signal()
    ended = Signal(float)

    def __init__(
        self, look: Look, typesetter: Typesetter, parser: MarkdownIt, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._began: float | None = None
        self._is_open: bool | None = None  # None: as the model's state has it
        self._thinking = False
        self._words = tr("Thought")
        self.body = MessageBody(look, typesetter, parser, parent=self)
        self.head = button("", "quiet")
        self.head.setParent(self)
        self.head.clicked.connect(self._toggle)
        self.head.show()

    @property
    def is_open(self) -> bool:
        """Whether the reasoning itself is to be seen."""
        return self._thinking if self._is_open is None else self._is_open

    @property
    def is_done(self) -> bool:
        """Whether all is shown as it should be."""
        return not self.is_open or self.body.is_done

    @property
    def was_toggled(self) -> bool:
        """Whether the person opened or closed it."""
        return self._is_open is not None

    def set_text(self, text: str, thinking: bool, seconds: float | None) -> None:
        """Show `text`. thinking: it still grows. seconds: how long it took, where that is known."""
        if thinking and not self._thinking and not text:
            self._began = monotonic()
        if self._thinking and not thinking and self._began is not None and seconds is None:
            seconds = monotonic() - self._began
            self.ended.emit(seconds)
        self._thinking = thinking
        self.body.set_text(text, thinking)
        self._name_head(seconds)

    def set_look(self, look: Look) -> None:
        """Use other colours and sizes."""
        self._look = look
        self.body.set_look(look)

    def advance(self) -> None:
        """Do one step of what is left to do."""
        if self.is_open:
            self.body.advance()

    def fit(self, width: int) -> None:
        """Wrap at `width` px."""
        self.body.fit(width - _INSET)

    def stack(self, width: int) -> int:
        """Put the parts in their places; return the height that needs."""
        self.head.adjustSize()
        is_mirrored = self.isRightToLeft()
        self.head.move(width - self.head.width() if is_mirrored else 0, 0)
        self.body.setVisible(self.is_open)
        height = self.head.height() + _GAP
        if self.is_open:
            self.body.move(0 if is_mirrored else _INSET, height)
            height += self.body.height() + 2 * _GAP
        self.resize(width, height)
        return height

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the bar beside the reasoning."""
        if self.is_open:
            left = self.width() - 3 if self.isRightToLeft() else 0
            bar = QRectF(left, self.body.y(), 3, self.body.height())
            QPainter(self).fillRect(bar, QColor(self._look.palette.border))

    def _toggle(self) -> None:
        self._is_open = not self.is_open
        self._name_head(None)
        self.toggled.emit()

    def _name_head(self, seconds: float | None) -> None:
        if seconds is not None:
            self._words = tr("Thought for {seconds} s", seconds=max(1, round(seconds)))
        elif self._thinking:
            self._words = tr("Thinking…")
        elif self._words == tr("Thinking…"):
            self._words = tr("Thought")
        self.head.setText(f"{self._arrow()}  {self._words}")
        act = tr("Hide the reasoning") if self.is_open else tr("Show the reasoning")
        self.head.setAccessibleName(f"{self._words}. {act}")

    def _arrow(self) -> str:
        if self.is_open:
            return "▾"
        return "◂" if self.isRightToLeft() else "▸"
