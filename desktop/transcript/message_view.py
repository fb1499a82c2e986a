"""One message in the transcript: what questions and answers have in common.

Shows a `ShownMessage` and says by signals what is wanted of it; knows nothing of how it came about.
Its work is done in steps that each take a moment, so that the window stays quick.
"""

from collections.abc import Set
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QEnterEvent, QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QFrame, QPushButton, QWidget

from desktop.document.look import Look
from desktop.document.text_pane import copy_text
from desktop.document.typesetter import Typesetter
from desktop.transcript.message_body import MessageBody, estimated_height
from desktop.transcript.message_tools import MessageTools
from desktop.transcript.shown_message import Act, ShownMessage
from desktop.widgets import label, styled

SIDE = 10  # px beside the text, for the frame that shows the focus
_TOP = 6  # px above a message
_TOOLS = 36  # px for the row of tools
_CAPTION = 24  # px for the caption where it has a row of its own
_ROOMY = 560  # px of width in which caption and tools share a row
_BY_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)


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
    return round(height + (_TOP + _TOOLS + 20) * zoom)


class MessageView(QFrame):
    """What questions and answers have in common: text, caption, tools, and the focus."""

    act_wanted = Signal(object)  # Act; COPY and EDIT the view does itself
    edit_wanted = Signal(str)
    sibling_wanted = Signal(int)
    thought = Signal(float)  # seconds
    resized = Signal()
    reached = Signal()  # by the keyboard

    def __init__(self, message: ShownMessage, means: Means, parent: QWidget | None) -> None:
        super().__init__(parent)
        styled(self, "message")
        self.message = message
        self._means = means
        self._offers: Set[Act] = frozenset()
        self._is_last = self._hovered = False
        self._width = 0
        self._tools: MessageTools | None = None
        self.body = self._make_body()
        self.body.link_opened.connect(open_link)
        self.caption = label("", "caption")
        self.caption.setParent(self)
        self.mark = label("", "mark", wraps=True)
        self.mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.mark.setParent(self)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.show_message(message)

    # -- for questions and answers to say ----------------------------------------------------------

    def _make_body(self) -> MessageBody:
        raise NotImplementedError

    def _show_text(self, message: ShownMessage) -> str:
        """Show the text of `message`; return how the view is named for screen readers."""
        raise NotImplementedError

    def _stack(self, top: int) -> int:
        """Put the parts one below the other from `top` px; return where they end."""
        raise NotImplementedError

    def _is_edited(self) -> bool:
        return False

    def edit(self) -> None:
        """Let the person edit the message, where that makes sense."""

    # -- what is shown -----------------------------------------------------------------------------

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
        """The button that copies the whole message, brought to sight."""
        self._hover(True)
        return self.tools.acts[Act.COPY]

    @property
    def has_focus(self) -> bool:
        """Whether the focus is on it or within it."""
        focus = QApplication.focusWidget()
        return focus is not None and (focus is self or self.isAncestorOf(focus))

    @property
    def is_busy(self) -> bool:
        """Whether it holds something of the person's: a focus, a selection, what they write."""
        return self.has_focus or self._is_edited() or self.body.has_selection

    @property
    def is_done(self) -> bool:
        """Whether all is shown as it should be."""
        return self.body.is_done

    def focus_chain(self) -> list[QWidget]:
        """Return what Tab reaches, in order."""
        tools = self._tools.focus_chain() if self._tools else []
        return [self, *self.body.focus_chain(), *tools]

    def show_message(self, message: ShownMessage) -> None:
        """Show `message` in place of what was shown; `advance` does the work."""
        self.message = message
        self.setAccessibleName(self._show_text(message))
        self.setAccessibleDescription(message.caption)
        self.caption.setText(message.caption)
        self.mark.setText(message.mark)
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
        if self._tools:
            self._tools.fit()

    def refresh(self) -> None:
        """Show what the typesetter has made ready since."""
        self.body.refresh()

    def fit(self, width: int) -> None:
        """Wrap for a column of `width` px."""
        self._width = width
        self.body.fit(width)
        self._arrange()

    def advance(self) -> None:
        """Do one step of what is left to do, what is in sight first."""
        self.body.advance()
        self._arrange()

    # -- layout ----------------------------------------------------------------------------------

    def _px(self, length: float) -> int:
        return round(self._means.look.px(length))

    def _arrange(self) -> None:
        """Put the parts in their places, and take the height they need."""
        if not self._width:
            return
        before = self.height()
        top = self._arrange_foot(self._stack(self._arrange_mark(self._px(_TOP))))
        self.body.setVisible(not self._is_edited() and bool(self.body.panes))
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

    def _arrange_foot(self, top: int) -> int:
        """Place caption and tools, in one row where there is room for both."""
        self.caption.adjustSize()
        self.caption.setVisible(bool(self.caption.text()))
        width = min(self.caption.width(), self._width)
        left, height = self._visual(SIDE, width), self.caption.height()
        self.caption.setGeometry(left, top + self._px(7), width, height)
        left = SIDE - 10  # the first button's text stands below the message's
        if self.caption.text() and self._width >= self._px(_ROOMY):
            left += width + 12
        elif self.caption.text():
            top += self._px(_CAPTION)
        if self._tools:
            left = self._tools_left(self._tools, left)
            self._tools.move(self._visual(left, self._tools.width()), top + self._px(3))
        return top + self._px(_TOOLS)

    def _visual(self, left: int, width: int) -> int:
        """Return the place of what stands `left` px from the side where lines begin."""
        return self._width + 2 * SIDE - left - width if self.isRightToLeft() else left

    def _tools_left(self, _tools: MessageTools, left: int) -> int:
        return left

    # -- tools and focus ---------------------------------------------------------------------------

    def _show_tools(self) -> None:
        revealed = (self._hovered or self.has_focus or self._is_last) and not self._is_edited()
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
        self._hover(True)
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the tools."""
        self._hover(False)
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Reveal the tools, so that Tab reaches them."""
        self.show_focus()
        if event.reason() in _BY_KEYBOARD:
            self.reached.emit()
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy all of it on Ctrl+C."""
        if event.matches(QKeySequence.StandardKey.Copy):
            copy_text(self.message.content)
        else:
            super().keyPressEvent(event)

    def _hover(self, hovered: bool) -> None:
        self._hovered = hovered
        self._show_tools()
        self._arrange()

    def _act(self, act: Act) -> None:
        if act is Act.COPY:
            copy_text(self.message.content)
            self.tools.tell_copied()
        elif act is Act.EDIT:
            self.edit()
        else:
            self.act_wanted.emit(act)


def excerpt(text: str) -> str:
    """Return the beginning of `text` in one line."""
    return " ".join(text[:100].split())


def open_link(url: QUrl) -> None:
    """Let the system open a link that was clicked."""
    QDesktopServices.openUrl(url)
