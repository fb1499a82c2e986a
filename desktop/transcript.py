"""The conversation in one scrolling column, kept at its end while the person is there.

Only the growing answer is rendered while it streams; messages out of sight are wrapped anew in
short slices after a resize, so that a long conversation never blocks the window.
"""

from collections import deque
from time import perf_counter

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from desktop import wording
from desktop.conversation import Turn
from desktop.message_view import AnswerView, QuestionView
from desktop.theme import Palette
from desktop.widgets import styled
from engine.messages import Progress

COLUMN = 760  # px: about 90 letters, what is pleasant to read
_SIDE = 24  # px beside the column in a narrow window
_SLICE = 0.008  # seconds of wrapping at a time
_NEAR_END = 24  # px that still count as being at the end


class Transcript(QScrollArea):
    """The list of messages."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette
        self._views: list[QuestionView | AnswerView] = []
        self._unfitted: deque[QuestionView | AnswerView] = deque()
        self._following = True
        self._fit_timer = QTimer(self, interval=0)
        self._fit_timer.timeout.connect(self._fit_some)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Conversation")
        self._lay_out()
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.verticalScrollBar().rangeChanged.connect(self._on_grown)

    def _lay_out(self) -> None:
        inside = styled(QWidget(), "transcript")
        self._column = QWidget()
        self._rows = QVBoxLayout(self._column)
        self._rows.setContentsMargins(0, 28, 0, 28)
        self._rows.setSpacing(22)
        self._rows.addStretch(1)
        self._row = row = QHBoxLayout(inside)
        row.addWidget(self._column, 0, Qt.AlignmentFlag.AlignHCenter)
        self.setWidget(inside)

    @property
    def views(self) -> tuple[QuestionView | AnswerView, ...]:
        """The messages shown, oldest first."""
        return tuple(self._views)

    @Slot(object)
    def add(self, turn: Turn) -> None:
        """Show `turn` at the end, and go there."""
        view = QuestionView(turn) if turn.role == "user" else AnswerView(turn, self._palette)
        view.fit(self._column_width())
        self._views.append(view)
        self._rows.insertWidget(self._rows.count() - 1, view)
        self._following = True

    @Slot(object)
    def grow(self, turn: Turn) -> None:
        """Show the new text of the last answer, which is `turn`."""
        answer = self._last_answer(turn)
        if answer:
            answer.grow()

    @Slot(object)
    def finish(self, turn: Turn) -> None:
        """Show how the last answer ended."""
        answer = self._last_answer(turn)
        if answer:
            answer.finish()

    @Slot(object)
    def tell_reading(self, progress: Progress) -> None:
        """Show how much of the prompt has been read."""
        if self._views and isinstance(self._views[-1], AnswerView):
            self._views[-1].tell(wording.progress(progress))

    @Slot()
    def drop_exchange(self) -> None:
        """Take the last question and answer away."""
        for view in self._views[-2:]:
            self._discard(view)
        del self._views[-2:]

    @Slot()
    def clear(self) -> None:
        """Take all messages away."""
        for view in self._views:
            self._discard(view)
        self._views.clear()
        self._unfitted.clear()

    @Slot(object)
    def recolour(self, palette: Palette) -> None:
        """Use the colours of `palette`."""
        self._palette = palette
        for view in self._views:
            view.recolour(palette)
        self._fit_all()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the column: what is in sight now, the rest in slices."""
        super().resizeEvent(event)
        # As much space at the left as the scroll bar takes at the right: centred in the window.
        self._row.setContentsMargins(self.width() - self.viewport().width(), 0, 0, 0)
        width = self._column_width()
        if width != self._column.width():
            self._column.setFixedWidth(width)
            self._fit_all()

    def _fit_all(self) -> None:
        """Fit what is in sight now, and the rest in slices, newest first."""
        in_sight = [view for view in self._views if not view.visibleRegion().isEmpty()]
        self._unfitted = deque(view for view in reversed(self._views) if view not in in_sight)
        for view in in_sight:
            view.fit(self._column_width())
        self._fit_timer.start()

    def _fit_some(self) -> None:
        began = perf_counter()
        while self._unfitted and perf_counter() - began < _SLICE:
            self._unfitted.popleft().fit(self._column_width())
        if not self._unfitted:
            self._fit_timer.stop()

    def _column_width(self) -> int:
        return max(200, min(COLUMN, self.width() - 2 * _SIDE))

    def _last_answer(self, turn: Turn) -> AnswerView | None:
        last = self._views[-1] if self._views else None
        return last if isinstance(last, AnswerView) and last.turn is turn else None

    def _discard(self, view: QuestionView | AnswerView) -> None:
        if view in self._unfitted:
            self._unfitted.remove(view)
        self._rows.removeWidget(view)
        view.hide()
        view.deleteLater()

    def _on_scrolled(self, value: int) -> None:
        self._following = value >= self.verticalScrollBar().maximum() - _NEAR_END

    def _on_grown(self, _least: int, greatest: int) -> None:
        if self._following:
            self.verticalScrollBar().setValue(greatest)
