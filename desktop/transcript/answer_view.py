"""An answer in the transcript: Markdown, and the reasoning before it where there is some."""

from dataclasses import replace

from PySide6.QtWidgets import QWidget

from desktop.document.look import Look
from desktop.markdown.thinking import split
from desktop.transcript.message_body import MessageBody
from desktop.transcript.message_view import SIDE, Means, MessageView, excerpt, open_link
from desktop.transcript.shown_message import ShownMessage
from desktop.transcript.thinking_view import ThinkingView
from desktop.translation import tr


class AnswerView(MessageView):
    """The engine's message: reasoning, if there is some, and Markdown."""

    def __init__(self, message: ShownMessage, means: Means, parent: QWidget | None) -> None:
        self._thinking: ThinkingView | None = None
        super().__init__(message, means, parent)

    @property
    def thinking(self) -> ThinkingView | None:
        """The view of the reasoning, where there is some."""
        return self._thinking

    @property
    def is_busy(self) -> bool:
        """Whether it holds something of the person's, or they opened or closed the reasoning."""
        thinking = self._thinking
        held = thinking is not None and (thinking.was_toggled or thinking.body.has_selection)
        return held or super().is_busy

    @property
    def is_done(self) -> bool:
        """Whether all is shown as it should be."""
        return super().is_done and (self._thinking is None or self._thinking.is_done)

    def focus_chain(self) -> list[QWidget]:
        """Return what Tab reaches, in order."""
        chain = super().focus_chain()
        if self._thinking:
            chain[1:1] = [self._thinking.head, *self._thinking.body.focus_chain()]
        return chain

    def set_look(self, look: Look) -> None:
        """Use other colours and sizes."""
        super().set_look(look)
        if self._thinking:
            self._thinking.set_look(replace(look, muted=True))

    def refresh(self) -> None:
        """Show what the typesetter has made ready since."""
        super().refresh()
        if self._thinking:
            self._thinking.body.refresh()

    def fit(self, width: int) -> None:
        """Wrap for a column of `width` px."""
        if self._thinking:
            self._thinking.fit(width)
        super().fit(width)

    def advance(self) -> None:
        """Do one step of what is left to do, what is in sight first."""
        if self._thinking and not self._thinking.is_done:
            self._thinking.advance()
            self._arrange()
        else:
            super().advance()

    def _make_body(self) -> MessageBody:
        means = self._means
        return MessageBody(means.look, means.typesetter, means.parser, parent=self)

    def _show_text(self, message: ShownMessage) -> str:
        growing = message.state == "growing"
        parts = split(message.content)
        if parts.thinking or parts.is_open:
            self._think(parts.thinking, parts.is_open and growing)
        self.body.set_text(parts.answer, growing)
        return tr("Answer: {text}", text=excerpt(parts.answer))

    def _stack(self, top: int) -> int:
        if self._thinking:
            self._thinking.move(SIDE, top)
            top += self._thinking.stack(self._width)
        self.body.move(SIDE, top)
        return top + self.body.height()

    def _think(self, text: str, thinking: bool) -> None:
        if not self._thinking:
            means = self._means
            look = replace(means.look, muted=True)
            self._thinking = ThinkingView(look, means.typesetter, means.parser, self)
            self._thinking.toggled.connect(self._arrange)
            self._thinking.toggled.connect(self.resized)
            self._thinking.ended.connect(self.thought)
            self._thinking.body.link_opened.connect(open_link)
            self._thinking.fit(self._width)
            self._thinking.show()
        self._thinking.set_text(text, thinking, self.message.thought_s)
