"""Where a message is written: Enter sends, Shift+Enter breaks the line, Send turns into Stop.

Never sends by itself: it asks, and whoever listens says by `clear_sent` that the text was taken.
"""

from PySide6.QtCore import QMimeData, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from desktop.state import State
from desktop.widgets import button, label, styled

_MOST_LINES = 8

_HINTS: dict[State, str] = {
    State.STARTING: "The engine is starting. You can write already.",
    State.LOADING: "The model is loading. You can write already.",
    State.BUSY: "Another chat is being answered. What you send here comes after it.",
    State.UNLOADED: "The model of this chat is loaded when you send.",
    State.IDLE: "No model is loaded. Choose one above; your text stays here.",
    State.CRASHED: "The engine has ended. Start it again to go on; your text stays here.",
}


class MessageEdit(QPlainTextEdit):
    """A text field that grows with its text, up to a few lines."""

    submitted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setPlaceholderText("Write a message")
        self.setAccessibleName("Message")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(2)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)
        self._grow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Send on Enter; with Shift, or while an input method composes, break the line."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submitted.emit()
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste text only."""
        self.insertPlainText(source.text())

    def sizeHint(self) -> QSize:
        """As narrow as the window wants it."""
        return QSize(200, self.minimumHeight())

    def _grow(self) -> None:
        lines = min(max(1, round(self.document().size().height())), _MOST_LINES)
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 6)


class Composer(QWidget):
    """The message field, its button, and a line that says why sending waits."""

    submitted = Signal(str)
    stop_wanted = Signal()
    take_back_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state = State.STARTING
        self._queued = ""
        self.edit = MessageEdit()
        self.edit.submitted.connect(self._submit)
        self.edit.textChanged.connect(self._show_state)
        self.button = button("Send", "primary")
        self.button.clicked.connect(self._on_button)
        self.hint = label("", "hint", wraps=True)
        self.take_back_button = button("Take it back", "quiet")
        self.take_back_button.clicked.connect(self.take_back_wanted)
        self._lay_out()
        self._show_state()

    def _lay_out(self) -> None:
        frame = styled(QFrame(), "composer")
        row = QHBoxLayout(frame)
        row.setContentsMargins(14, 9, 9, 9)
        row.setSpacing(10)
        row.addWidget(self.edit, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        hints = QHBoxLayout()
        hints.setContentsMargins(4, 0, 4, 0)
        hints.addWidget(self.hint, 1)
        hints.addWidget(self.take_back_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(hints)
        column.addWidget(frame)
        self.setFocusProxy(self.edit)

    @Slot(object)
    def show_state(self, state: State) -> None:
        """Offer what makes sense in `state`."""
        self._state = state
        self._show_state()

    @Slot(str)
    def show_queued(self, text: str) -> None:
        """Say that `text` is sent once the model is loaded; "" when nothing waits any more."""
        self._queued = text
        self._show_state()

    @Slot(str)
    def give_back(self, text: str) -> None:
        """Put a message that could not be answered before what is written now."""
        draft = self.edit.toPlainText()
        self.edit.setPlainText(f"{text}\n\n{draft}" if draft.strip() else text)
        self.edit.moveCursor(self.edit.textCursor().MoveOperation.End)
        self.edit.setFocus()

    @Slot()
    def clear_sent(self) -> None:
        """Empty the field: its text was taken."""
        self.edit.clear()

    def _submit(self) -> None:
        if self._state is not State.GENERATING and self.edit.toPlainText().strip():
            self.submitted.emit(self.edit.toPlainText())

    def _on_button(self) -> None:
        if self._state is State.GENERATING:
            self.button.setEnabled(False)
            self.button.setText("Stopping…")
            self.stop_wanted.emit()
        else:
            self._submit()
            self.edit.setFocus()

    @Slot()
    def _show_state(self) -> None:
        generating = self._state is State.GENERATING
        if not generating:
            can_send = self._state not in (State.IDLE, State.CRASHED)
            has_text = bool(self.edit.toPlainText().strip())
            self.button.setText("Send")
            self.button.setToolTip("Send the message (Enter)")
            self.button.setEnabled(can_send and has_text and not self._queued)
        elif self.button.text() != "Stopping…":
            self.button.setText("Stop")
            self.button.setToolTip("Stop the answer (Esc)")
            self.button.setEnabled(True)
        self.button.setAccessibleName(self.button.text())
        text = _HINTS.get(self._state, "")
        if self._queued:
            excerpt = " ".join(self._queued.split())
            excerpt = excerpt if len(excerpt) <= 60 else excerpt[:59] + "…"
            awaited = (
                "that answer has ended" if self._state is State.BUSY else "the model is loaded"
            )
            text = f"Will be sent when {awaited}: “{excerpt}”"
        self.hint.setText(text)
        self.hint.setVisible(bool(text))
        self.take_back_button.setVisible(bool(self._queued))
