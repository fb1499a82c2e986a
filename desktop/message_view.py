"""One message in the transcript: a question in its bubble, or an answer with its caption.

Shows a `ShownMessage` and says by signals what is wanted of it; knows nothing of how it came about.
Its work is done in steps that each take a moment, so that the window stays quick.
"""

from collections.abc import Set
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QEnterEvent, QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QFrame, QPushButton, QWidget

from desktop.attached_files import AttachedFiles
from desktop.look import Look
from desktop.markdown.thinking import split
from desktop.message_body import MessageBody, estimated_height
from desktop.message_tools import MessageTools
from desktop.question_editor import QuestionEditor
from desktop.shown_message import Act, ShownMessage
from desktop.text_pane import copy_text
from desktop.thinking_view import ThinkingView
from desktop.typesetter import Typesetter
from desktop.widgets import label, styled

SIDE = 10  # px beside the text, for the frame that shows the focus
_BUBBLE = 14  # px within the bubble, left and right
_BUBBLE_TOP = 10  # and below: less, since a line leaves space under it
_BUBBLE_BOTTOM = 4
_BUBBLE_SHARE = 0.86  # of the column
_TOP = 6  # px above a message
_TOOLS = 36  # px for the row of tools
_CAPTION = 24
_ROOMY = 560  # px of width in which caption and tools share a row


@dataclass(frozen=True)
class Means:
    """What all messages share."""

    look: Look
    typesetter: Typesetter
    parser: MarkdownIt


def estimate(message: ShownMessage, width: int, zoom: float) -> int:
    """Return about how tall `message` will be in a column of `width` px."""
    text = message.content
    height = estimated_height(len(text), text.count("\n"), width, zoom)
    return round(height) + _TOP + _TOOLS + 20


class MessageView(QFrame):
    """A message, its tools, and the field in which a question is edited."""

    act_wanted = Signal(object)  # Act; COPY and EDIT it does itself
    edit_wanted = Signal(str)
    sibling_wanted = Signal(int)
    thought = Signal(float)  # seconds
    resized = Signal()
    reached = Signal()  # by the keyboard

    def __init__(self, message: ShownMessage, means: Means, parent: QWidget) -> None:
        super().__init__(parent)
        styled(self, "message")
        self.message = message
        self._means = means
        self._is_question = message.role == "user"
        self._offers: Set[Act] = frozenset()
        self._is_last = self._hovered = False
        self._width = 0
        self._thinking: ThinkingView | None = None
        self._tools: MessageTools | None = None
        self._editor: QuestionEditor | None = None
        self._bubble = styled(QFrame(self), "bubble") if self._is_question else None
        parser = None if self._is_question else means.parser
        self.body = MessageBody(means.look, means.typesetter, parser, self._is_question, self)
        self.body.link_opened.connect(_open)
        self.caption = label("", "caption")
        self.caption.setParent(self)
        self.mark = label("", "mark", wraps=True)
        self.mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.mark.setParent(self)
        self.files: AttachedFiles | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.show_message(message)

    @property
    def thinking(self) -> ThinkingView | None:
        """The view of the reasoning, where there is some."""
        return self._thinking

    @property
    def tools(self) -> MessageTools:
        """The row below the message."""
        if self._tools is None:
            self._tools = MessageTools(self)
            self._tools.act_wanted.connect(self._act)
            self._tools.sibling_wanted.connect(self.sibling_wanted)
        return self._tools

    @property
    def copy_button(self) -> QPushButton:
        """The button that copies the whole message."""
        self._hovered = True
        self._show_tools()
        return self.tools.acts[Act.COPY]

    @property
    def editor(self) -> QuestionEditor | None:
        """The field in which the question is being edited."""
        return self._editor

    @property
    def has_focus(self) -> bool:
        """Whether the focus is on it or within it."""
        focus = QApplication.focusWidget()
        return focus is not None and (focus is self or self.isAncestorOf(focus))

    def focus_chain(self) -> list[QWidget]:
        """Return what Tab reaches, in order."""
        chain: list[QWidget] = [self, *(self.files.focus_chain() if self.files else [])]
        if self._thinking:
            chain += [self._thinking.head, *self._thinking.body.focus_chain()]
        chain += self.body.focus_chain()
        return chain + (self._tools.focus_chain() if self._tools else [])

    @property
    def is_busy(self) -> bool:
        """Whether it holds something of the person's: a focus, a selection, what they write."""
        was_toggled = self._thinking is not None and self._thinking.was_toggled
        return self.has_focus or was_toggled or self._editor is not None or self._has_selection()

    @property
    def is_done(self) -> bool:
        """Whether all is shown as it should be."""
        return self.body.is_done and (self._thinking is None or self._thinking.is_done)

    def show_message(self, message: ShownMessage) -> None:
        """Show `message` in place of what was shown; `advance` does the work."""
        self.message = message
        growing = message.state == "growing"
        text = message.content
        if not self._is_question:
            parts = split(text)
            text = parts.answer
            if parts.thinking or parts.is_open:
                self._think(parts.thinking, parts.is_open and growing)
        self.body.set_text(text, growing)
        self.caption.setText(message.caption)
        self.mark.setText(message.mark)
        if message.attachments and not self.files:  # which never change in a message
            self.files = AttachedFiles(message.attachments, self)
        speaker = "Your message" if self._is_question else "Answer"
        self.setAccessibleName(f"{speaker}: {' '.join(text[:100].split())}")
        self.setAccessibleDescription(message.caption)
        self._show_tools()

    def tell(self, text: str) -> None:
        """Say in the caption what is going on."""
        self.caption.setText(text)
        self._arrange()

    def offer(self, offers: Set[Act], is_last: bool) -> None:
        """Offer these acts in the tools, which the last message always shows."""
        if offers != self._offers or is_last != self._is_last:
            self._offers, self._is_last = offers, is_last
            self._show_tools()
            self._arrange()

    def set_look(self, look: Look) -> None:
        """Use other colours and sizes."""
        self._means = replace(self._means, look=look)
        self.body.set_look(look)
        if self._thinking:
            self._thinking.set_look(replace(look, muted=True))

    def refresh(self) -> None:
        """Show what the typesetter has made ready since."""
        self.body.refresh()
        if self._thinking:
            self._thinking.body.refresh()

    def fit(self, width: int) -> None:
        """Wrap for a column of `width` px."""
        self._width = width
        if self._is_question:
            self.body.fit(int(width * _BUBBLE_SHARE) - 2 * _BUBBLE)
        else:
            self.body.fit(width)
        if self._thinking:
            self._thinking.fit(width)
        self._arrange()

    def advance(self) -> None:
        """Do one step of what is left to do, what is in sight first."""
        if self._thinking and not self._thinking.is_done:
            self._thinking.advance()
        else:
            self.body.advance()
        self._arrange()

    # -- layout ----------------------------------------------------------------------------------

    def _arrange(self) -> None:
        """Put the parts one below the other, and take the height they need."""
        if not self._width:
            return
        before = self.height()
        top = self._arrange_mark(_TOP)
        if self._thinking:
            self._thinking.move(SIDE, top)
            top += self._thinking.stack(self._width)
        if self.files:
            top = self.files.place(SIDE, top, self._width)
        if self._editor:
            top = self._arrange_editor(self._editor, top)
        elif self._bubble:
            top = self._arrange_bubble(self._bubble, top)
        else:
            self.body.move(SIDE, top)
            top += self.body.height()
        self.body.setVisible(self._editor is None and bool(self.body.panes))
        top = self._arrange_foot(top)
        self.resize(self._width + 2 * SIDE, top)
        if top != before:
            self.resized.emit()

    def _arrange_mark(self, top: int) -> int:
        self.mark.setVisible(bool(self.mark.text()))
        if not self.mark.text():
            return top
        height = self.mark.heightForWidth(self._width) + 16
        self.mark.setGeometry(SIDE, top, self._width, height)
        return top + height

    def _arrange_bubble(self, bubble: QFrame, top: int) -> int:
        width = self.body.width() + 2 * _BUBBLE
        height = self.body.height() + _BUBBLE_TOP + _BUBBLE_BOTTOM
        left = SIDE + self._width - width
        bubble.setGeometry(left, top, width, height)
        bubble.setVisible(self._editor is None and bool(self.message.content))
        if not self.message.content:  # files alone
            return top
        self.body.move(left + _BUBBLE, top + _BUBBLE_TOP)
        return top + height

    def _arrange_editor(self, editor: QuestionEditor, top: int) -> int:
        if self._bubble:
            self._bubble.hide()
        editor.setGeometry(SIDE, top, self._width, editor.wanted_height())
        return top + editor.height()

    def _arrange_foot(self, top: int) -> int:
        """Place caption and tools, in one row where there is room for both."""
        self.caption.adjustSize()
        self.caption.setVisible(bool(self.caption.text()))
        self.caption.setGeometry(
            SIDE, top + 7, min(self.caption.width(), self._width), self.caption.height()
        )
        left = SIDE - 6
        if self.caption.text() and self._width >= _ROOMY:
            left += self.caption.width() + 12
        elif self.caption.text():
            top += _CAPTION
        if self._tools:
            if self._is_question:
                left = SIDE + self._width - self._tools.width()
            self._tools.move(left, top + 3)
        return top + _TOOLS

    # -- tools -----------------------------------------------------------------------------------

    def _show_tools(self) -> None:
        revealed = (self._hovered or self.has_focus or self._is_last) and self._editor is None
        if revealed or self._tools or len(self.message.siblings) > 1:
            self.tools.show_message(self.message, self._offers | {Act.COPY}, revealed)
            self.tools.show()

    def show_focus(self) -> None:
        """Show the tools while the focus is within."""
        if self._tools or self.hasFocus():
            self._show_tools()
            self._arrange()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Reveal the tools."""
        self._hovered = True
        self._show_tools()
        self._arrange()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the tools."""
        self._hovered = False
        self._show_tools()
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Reveal the tools, so that Tab reaches them."""
        self._show_tools()
        self._arrange()
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.reached.emit()
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy all of it on Ctrl+C."""
        if event.matches(QKeySequence.StandardKey.Copy):
            copy_text(self.message.content)
        else:
            super().keyPressEvent(event)

    def _act(self, act: Act) -> None:
        if act is Act.COPY:
            copy_text(self.message.content)
            self.tools.tell_copied()
        elif act is Act.EDIT:
            self.edit()
        else:
            self.act_wanted.emit(act)

    # -- editing ---------------------------------------------------------------------------------

    def edit(self) -> None:
        """Edit the question in its place."""
        if self._editor or not self._is_question:
            return
        self._editor = editor = QuestionEditor(self.message.content, self)
        editor.sent.connect(self._send)
        editor.cancelled.connect(self._end_editing)
        editor.resized.connect(self._arrange)
        editor.show()
        self._show_tools()
        self._arrange()
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
            self._show_tools()
            self._arrange()

    # -- parts -----------------------------------------------------------------------------------

    def _think(self, text: str, thinking: bool) -> None:
        means = self._means
        if not self._thinking:
            look = replace(means.look, muted=True)
            self._thinking = ThinkingView(look, means.typesetter, means.parser, self)
            self._thinking.toggled.connect(self._arrange)
            self._thinking.toggled.connect(self.resized)
            self._thinking.ended.connect(self.thought)
            self._thinking.body.link_opened.connect(_open)
            self._thinking.fit(self._width)
            self._thinking.show()
        self._thinking.set_text(text, thinking, self.message.thought_s)

    def _has_selection(self) -> bool:
        bodies = (self.body, self._thinking.body) if self._thinking else (self.body,)
        return any(pane.textCursor().hasSelection() for body in bodies for pane in body.panes)


def _open(url: QUrl) -> None:
    QDesktopServices.openUrl(url)
