"""A question in the transcript: as it was typed, in a bubble, and edited in its place."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QWidget

from desktop.transcript.attached_files import AttachedFiles
from desktop.transcript.message_body import MessageBody
from desktop.transcript.message_tools import MessageTools
from desktop.transcript.message_view import SIDE, Means, MessageView, excerpt
from desktop.transcript.question_editor import QuestionEditor
from desktop.transcript.shown_message import ShownMessage
from desktop.translation import tr
from desktop.widgets import styled

_BUBBLE = 14  # px within the bubble, left and right
_BUBBLE_TOP = 10  # and below less, since a line leaves space under it
_BUBBLE_BOTTOM = 4
_BUBBLE_SHARE = 0.86  # of the column


class QuestionView(MessageView):
    """The person's message, as it was typed, in a bubble at the right."""

    def __init__(self, message: ShownMessage, means: Means, parent: QWidget | None) -> None:
        self._editor: QuestionEditor | None = None
        self.files: AttachedFiles | None = None
        super().__init__(message, means, parent)

    @property
    def editor(self) -> QuestionEditor | None:
        """The field in which the question is being edited."""
        return self._editor

    def focus_chain(self) -> list[QWidget]:
        """Return what Tab reaches, in order."""
        chain = super().focus_chain()
        chain[1:1] = self.files.focus_chain() if self.files else []
        return chain

    def fit(self, width: int) -> None:
        """Wrap for a column of `width` px."""
        super().fit(width)
        self.body.fit(int(width * _BUBBLE_SHARE) - 2 * _BUBBLE)

    def edit(self) -> None:
        """Edit the question in its place."""
        if self._editor:
            return
        self._editor = editor = QuestionEditor(self.message.content, self)
        editor.sent.connect(self._send)
        editor.cancelled.connect(self._end_editing)
        editor.resized.connect(self._arrange)
        editor.show()
        self._hover(self._hovered)
        editor.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def _send(self, text: str) -> None:
        self._end_editing()
        if text != self.message.content:
            self.edit_wanted.emit(text)

    def _end_editing(self) -> None:
        if self._editor:
            self._editor.hide()
            self._editor.deleteLater()
            self._editor = None
            self.setFocus(Qt.FocusReason.OtherFocusReason)
            self._hover(self._hovered)

    def _make_body(self) -> MessageBody:
        self._bubble = styled(QFrame(self), "bubble")
        means = self._means
        return MessageBody(means.look, means.typesetter, None, shrink=True, parent=self)

    def _show_text(self, message: ShownMessage) -> str:
        self.body.set_text(message.content, message.state == "growing")
        if message.attachments and not self.files:  # which never change in a message
            self.files = AttachedFiles(message.attachments, self)
        return tr("Your message: {text}", text=excerpt(message.content))

    def _is_edited(self) -> bool:
        return self._editor is not None

    def _stack(self, top: int) -> int:
        self._bubble.setVisible(self._editor is None and bool(self.message.content))
        if self.files:
            top = self.files.place(SIDE, top, self._width)
        if self._editor:
            self._editor.setGeometry(SIDE, top, self._width, self._editor.wanted_height())
            return top + self._editor.height()
        if not self.message.content:  # files alone
            return top
        width = self.body.width() + 2 * _BUBBLE
        height = self.body.height() + _BUBBLE_TOP + _BUBBLE_BOTTOM
        left = self._visual(SIDE + self._width - width, width)
        self._bubble.setGeometry(left, top, width, height)
        self.body.move(left + _BUBBLE, top + _BUBBLE_TOP)
        return top + height

    def _tools_left(self, tools: MessageTools, _left: int) -> int:
        return SIDE + self._width - tools.width()
