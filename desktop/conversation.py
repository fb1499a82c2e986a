"""The turns of one conversation: questions, answers, and answers that were cut short.

Knows nothing of Qt or of the engine process; the controller changes it and the views show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from engine.messages import ChatMessage, FinishReason, Metrics, Precision

Ending = Literal["growing", "complete", "cut"]


@dataclass(eq=False)
class Turn:
    """One message, with an id of its own in its conversation.

    `cut` answers ended without the engine saying so; their text is kept.
    """

    role: Literal["user", "assistant"]
    text: str = ""
    ending: Ending = "complete"
    precision: Precision | None = None
    finish_reason: FinishReason | None = None
    metrics: Metrics | None = None
    id: int = 0


@dataclass
class Conversation:
    """Questions and answers in turn: every question is followed by its answer, empty or not."""

    turns: list[Turn] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def __bool__(self) -> bool:
        return bool(self.turns)

    def ask(self, text: str, precision: Precision) -> tuple[Turn, Turn]:
        """Add a question and its growing answer, and return both."""
        question = Turn("user", text, id=next(self._ids))
        answer = Turn("assistant", ending="growing", precision=precision, id=next(self._ids))
        self.turns += [question, answer]
        return question, answer

    def complete(self, answer: Turn, text: str, reason: FinishReason, metrics: Metrics) -> None:
        """Record how `answer` ended; `text` is all of it."""
        answer.text = text
        answer.ending = "complete"
        answer.finish_reason = reason
        answer.metrics = metrics

    def cut(self, answer: Turn) -> str:
        """Record that `answer` was cut short; return the question to be asked again, or "".

        A partial answer stays. An answer without a word is dropped together with its question,
        whose text is returned so that it can go back to the composer.
        """
        answer.ending = "cut"
        if answer.text.strip():
            return ""
        place = self.turns.index(answer)
        question = self.turns[place - 1]
        del self.turns[place - 1 : place + 1]
        return question.text

    def clear(self) -> None:
        """Drop all turns."""
        self.turns.clear()

    def messages(self) -> tuple[ChatMessage, ...]:
        """Return what the engine is sent: the pairs so far and the open question.

        A question that got no answer is left out, for chat templates want the roles to alternate.
        """
        sent: list[ChatMessage] = []
        for question, answer in zip(self.turns[::2], self.turns[1::2], strict=True):
            if answer.text:
                sent += [ChatMessage("user", question.text), ChatMessage("assistant", answer.text)]
            elif answer.ending == "growing":
                sent.append(ChatMessage("user", question.text))
        return tuple(sent)
