"""The turns of a chat in the terminal: always system?, then user and assistant in turn.

Chat templates refuse two questions in a row, so a question that got no answer is set aside.
"""

from dataclasses import dataclass, field

from engine.messages import ChatMessage


@dataclass
class Conversation:
    """What was said. `unanswered` is the last question, where nothing came back."""

    system: str | None = None
    turns: list[ChatMessage] = field(default_factory=list)
    unanswered: str | None = None

    def ask(self, question: str) -> tuple[ChatMessage, ...]:
        """Return the messages to answer; `question` becomes a turn once it has an answer."""
        self.unanswered = question
        start = [ChatMessage(role="system", content=self.system)] if self.system else []
        return (*start, *self.turns, ChatMessage(role="user", content=question))

    def answer(self, text: str) -> None:
        """Keep `text`, whole or partial, as the answer to the last question; "" is none."""
        if text and self.unanswered is not None:
            self.turns.append(ChatMessage(role="user", content=self.unanswered))
            self.turns.append(ChatMessage(role="assistant", content=text))
            self.unanswered = None

    @property
    def last_question(self) -> str | None:
        """The last question, answered or not; None before there is one."""
        if self.unanswered is None and self.turns:
            return self.turns[-2].content
        return self.unanswered

    def take_back(self) -> list[ChatMessage]:
        """Remove the last question and its answer, if it has one, and return the two."""
        if self.unanswered is not None:
            return []
        taken = self.turns[-2:]
        del self.turns[-2:]
        return taken

    def put_back(self, taken: list[ChatMessage]) -> None:
        """Undo `take_back`, where nothing better came of asking again."""
        if taken and self.unanswered is not None:
            self.turns.extend(taken)
            self.unanswered = None

    def clear(self) -> None:
        """Forget everything but the system message."""
        self.turns.clear()
        self.unanswered = None
