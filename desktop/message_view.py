"""One message in the transcript: a question in its bubble, or an answer with its caption.

Shows a `Turn`; knows nothing of how it came about.
"""

from PySide6.QtCore import QTimer
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from desktop import wording
from desktop.conversation import Turn
from desktop.message_body import MessageBody
from desktop.theme import Palette
from desktop.throttle import RepaintThrottle
from desktop.widgets import button, label, styled

_BUBBLE_PADDING = 14  # px, left and right; the style sheet gives the rest
_BUBBLE_SHARE = 0.82  # of the column


class QuestionView(QWidget):
    """The person's message: plain text in a bubble at the right."""

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self.turn = turn
        self.body = MessageBody()
        self.body.setAccessibleName("Your message")
        self.body.show_plain(turn.text)
        bubble = styled(QFrame(), "bubble")
        bubble.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        inner = QVBoxLayout(bubble)
        # The line height leaves space below the last line.
        inner.setContentsMargins(_BUBBLE_PADDING, 10, _BUBBLE_PADDING, 2)
        inner.addWidget(self.body)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(bubble)

    def fit(self, width: int) -> None:
        """Wrap for a column of `width` px."""
        self.body.fit(int(width * _BUBBLE_SHARE) - 2 * _BUBBLE_PADDING, shrink=True)

    def recolour(self, palette: Palette) -> None:
        """Nothing: the style sheet holds its colours."""


class AnswerView(QWidget):
    """The engine's message: Markdown, a caption, and a button that copies it."""

    def __init__(self, turn: Turn, palette: Palette) -> None:
        super().__init__()
        self.turn = turn
        self._width = 0
        self._is_stale = False
        self.body = MessageBody()
        self.body.setAccessibleName("Answer")
        self.body.set_colours(palette)
        self.body.link_opened.connect(QDesktopServices.openUrl)
        self.caption = label("", "caption")
        self.copy_button = button("Copy", "quiet", "Copy the answer as Markdown", "Copy the answer")
        self.copy_button.clicked.connect(self._copy)
        self._throttle = RepaintThrottle(self._render, self)
        self._lay_out()
        self.finish()

    def _lay_out(self) -> None:
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.caption)
        below.addWidget(self.copy_button)
        below.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.body)
        column.addLayout(below)

    def grow(self) -> None:
        """Show the turn's new text soon."""
        if self.caption.text():
            self.caption.setText("")
        self._throttle.request()

    def tell(self, text: str) -> None:
        """Say what is going on while there is no text yet."""
        self.caption.setText(text)

    def finish(self) -> None:
        """Show the turn as it stands, with its caption once it has ended."""
        ended = self.turn.ending != "growing"
        self.caption.setText(wording.caption(self.turn) if ended else "Reading the prompt…")
        self.copy_button.setVisible(ended and bool(self.turn.text))
        self._throttle.flush()

    def fit(self, width: int) -> None:
        """Wrap for a column of `width` px."""
        self._width = width
        if self._is_stale:
            self._render()
        else:
            self.body.fit(width)

    def recolour(self, palette: Palette) -> None:
        """Use the colours of `palette` from the next `fit` on."""
        self.body.set_colours(palette)
        self._is_stale = True

    def _render(self) -> None:
        self._is_stale = False
        self.body.setVisible(bool(self.turn.text))
        self.body.show_markdown(self.turn.text)
        if self._width:
            self.body.fit(self._width)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.turn.text)
        self.copy_button.setText("Copied")
        QTimer.singleShot(1500, self.copy_button, lambda: self.copy_button.setText("Copy"))
