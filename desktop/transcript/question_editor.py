"""The field in which a question is edited in its place: Enter sends, Escape leaves it as it was."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from desktop.composer.composer import MessageEdit
from desktop.translation import tr
from desktop.widgets import button, label, styled


class _Edit(MessageEdit):
    """Leaves on Escape, which is elsewhere the window's key to stop the answer."""

    cancelled = Signal()

    def event(self, event: QEvent) -> bool:
        """Keep Escape from the window."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            if event.type() == QEvent.Type.KeyPress:
                self.cancelled.emit()
            return True
        return super().event(event)


class QuestionEditor(QFrame):
    """A text field with Send and Cancel."""

    sent = Signal(str)
    cancelled = Signal()
    resized = Signal()

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        styled(self, "composer")
        self.edit = _Edit()
        self.edit.setAccessibleName(tr("Edit your message"))
        self.send = button("Send", "primary", "Ask again with this text (Enter)")
        self.cancel = button("Cancel", "quiet", "Leave the message as it was (Esc)")
        row = QHBoxLayout()
        row.addWidget(label("The version before is kept.", "hint"), 1)
        row.addWidget(self.cancel)
        row.addWidget(self.send)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 10, 10)
        column.addWidget(self.edit)
        column.addLayout(row)
        self.edit.setPlainText(text)
        self.edit.moveCursor(self.edit.textCursor().MoveOperation.End)
        self.edit.submitted.connect(self._send)
        self.edit.cancelled.connect(self.cancelled)
        self.edit.textChanged.connect(self._on_changed)
        self.send.clicked.connect(self._send)
        self.cancel.clicked.connect(self.cancelled)

    def wanted_height(self) -> int:
        """Return the height for all of the text, up to a few lines, in px."""
        self.ensurePolished()
        return self.sizeHint().height()

    def _send(self) -> None:
        if self.edit.toPlainText().strip():
            self.sent.emit(self.edit.toPlainText())

    def _on_changed(self) -> None:
        self.send.setEnabled(bool(self.edit.toPlainText().strip()))
        self.resized.emit()
