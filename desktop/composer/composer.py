"""Where a message is written: Enter sends, Shift+Enter breaks the line, Send turns into Stop.

Never sends by itself: it asks, and whoever listens says by `clear_sent` that the text was taken.
"""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.attachments.attachment import Attachment
from desktop.attachments.bar import AttachmentBar
from desktop.composer.context_bar import ContextBar
from desktop.icons import icon
from desktop.state import State
from desktop.theme import Palette
from desktop.translation import mark, tr
from desktop.widgets import button, label, styled

_MOST_LINES = 8
_NO_PICTURES = mark("A picture cannot be attached: the models here read text alone.")

_HINTS: dict[State, str] = {
    State.STARTING: mark("The engine is starting. You can write already."),
    State.LOADING: mark("The model is loading. You can write already."),
    State.BUSY: mark("Another chat is being answered. What you send here comes after it."),
    State.UNLOADED: mark("The model of this chat is loaded when you send."),
    State.IDLE: mark("No model is loaded. Choose one above; your text stays here."),
    State.CRASHED: mark("The engine has ended. Start it again to go on; your text stays here."),
}


class MessageEdit(QPlainTextEdit):
    """A text field that grows with its text, up to a few lines."""

    submitted = Signal()
    KEYS = (
        ("Return", mark("Send the message")),
        ("Shift+Return", mark("Start a new line")),
    )
    files_given = Signal(object)  # list[Path], dropped or pasted
    picture_given = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setPlaceholderText(tr("Write a message"))
        self.setAccessibleName(tr("Message"))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(2)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)
        self._grow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Send on Enter; with Shift, or while an input method composes, break the line."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        composes = bool(self.textCursor().block().layout().preeditAreaText())
        if is_enter and not composes and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submitted.emit()
        else:
            super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Take text, files and, to say why not, pictures."""
        return source.hasText() or source.hasUrls() or source.hasImage()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste text only; files are attached."""
        files = local_files(source)
        if files:
            self.files_given.emit(files)
        elif source.hasImage() and not source.hasText():
            self.picture_given.emit()
        else:
            self.insertPlainText(source.text())

    def changeEvent(self, event: QEvent) -> None:
        """Be as high as letters of another size need."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._grow()

    def sizeHint(self) -> QSize:
        """As narrow as the window wants it."""
        return QSize(200, self.minimumHeight())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the height to the lines that the new width makes."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._grow()

    def _grow(self) -> None:
        lines = min(max(1, round(self.document().size().height())), _MOST_LINES)
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 6)


def local_files(source: QMimeData) -> list[Path]:
    """Return the files of this computer that were dropped or copied."""
    return [Path(url.toLocalFile()) for url in source.urls() if url.isLocalFile()]


class Composer(QWidget):
    """The message field with its files, its button, and a line that says why sending waits."""

    submitted = Signal(str)
    draft_changed = Signal()  # the text or the files
    files_given = Signal(object)  # list[Path], to be attached
    stop_wanted = Signal()
    take_back_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state = State.STARTING
        self._queued = ""
        self.files = AttachmentBar()
        self.edit = MessageEdit()
        self.edit.submitted.connect(self._submit)
        self.edit.textChanged.connect(self._on_draft)
        self.edit.files_given.connect(self.files_given)
        self.edit.picture_given.connect(lambda: self.files.tell(tr(_NO_PICTURES)))
        self.files.changed.connect(self._on_draft)
        self.context = ContextBar()
        self.attach = styled(QToolButton(), "attach")
        self.attach.setAccessibleName(tr("Attach files"))
        self.attach.setToolTip(tr("Attach files (Ctrl+Shift+A): text, Markdown, code, CSV, PDF"))
        self.attach.setShortcut(QKeySequence("Ctrl+Shift+A"))
        self.attach.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.attach.clicked.connect(self._choose_files)
        self.setAcceptDrops(True)
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
        row.setContentsMargins(8, 9, 9, 9)
        row.setSpacing(8)
        row.addWidget(self.attach, 0, Qt.AlignmentFlag.AlignBottom)
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
        column.addWidget(self.files)
        column.addWidget(frame)
        column.addWidget(self.context, 0, Qt.AlignmentFlag.AlignRight)
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

    @Slot(int)
    def set_zoom(self, percent: int) -> None:
        """Draw the icon as large as the letters."""
        self.attach.setIconSize(QSize(20, 20) * (percent / 100))

    @Slot(object)
    def recolour(self, palette: Palette) -> None:
        """Draw the clip in the text's colour."""
        self.attach.setIcon(icon("clip", palette.muted))

    @Slot(str, object)
    def give_back(self, text: str, attachments: Sequence[Attachment] = ()) -> None:
        """Put a message that could not be answered before what is written now."""
        self.files.put_back(attachments)
        draft = self.edit.toPlainText()
        self.edit.setPlainText(f"{text}\n\n{draft}" if draft.strip() else text)
        self.edit.moveCursor(self.edit.textCursor().MoveOperation.End)
        self.edit.setFocus()

    @Slot()
    def clear_sent(self) -> None:
        """Empty the field: its text and its files were taken."""
        self.edit.clear()
        self.files.clear()

    @property
    def _is_complete(self) -> bool:
        """Whether there is something to send, and no file still to come."""
        has_content = self.edit.toPlainText().strip() or self.files.attachments
        return bool(has_content) and not self.files.is_reading

    def _submit(self) -> None:
        if self._state is not State.GENERATING and self._is_complete:
            self.submitted.emit(self.edit.toPlainText())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files beside the field too."""
        if local_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Attach what was dropped."""
        event.acceptProposedAction()
        self.files_given.emit(local_files(event.mimeData()))

    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self.window(), tr("Attach files"))
        if names:
            self.files_given.emit([Path(name) for name in names])

    def _on_draft(self) -> None:
        self._show_state()
        self.draft_changed.emit()

    def _on_button(self) -> None:
        if self._state is State.GENERATING:
            self.button.setEnabled(False)
            self.button.setText(tr("Stopping…"))
            self.stop_wanted.emit()
        else:
            self._submit()
            self.edit.setFocus()

    @Slot()
    def _show_state(self) -> None:
        generating = self._state is State.GENERATING
        if not generating:
            can_send = self._state not in (State.IDLE, State.CRASHED)
            self.button.setText(tr("Send"))
            self.button.setToolTip(tr("Send the message (Enter)"))
            self.button.setEnabled(can_send and self._is_complete and not self._queued)
        elif self.button.text() != tr("Stopping…"):
            self.button.setText(tr("Stop"))
            self.button.setToolTip(tr("Stop the answer (Esc)"))
            self.button.setEnabled(True)
        self.button.setAccessibleName(self.button.text())
        text = tr(_HINTS.get(self._state, ""))
        if self._queued:
            excerpt = " ".join(self._queued.split())
            excerpt = excerpt if len(excerpt) <= 60 else excerpt[:59] + "…"
            if self._state is State.BUSY:
                text = tr("Will be sent when that answer has ended: “{text}”", text=excerpt)
            else:
                text = tr("Will be sent when the model is loaded: “{text}”", text=excerpt)
        self.hint.setText(text)
        self.hint.setVisible(bool(text))
        self.take_back_button.setVisible(bool(self._queued))
