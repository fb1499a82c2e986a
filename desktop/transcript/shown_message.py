"""What the transcript shows of a message, and what may be done with it. Values without Qt."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from desktop.attachments.attachment import Attachment
from desktop.translation import mark

ShownState: TypeAlias = Literal["whole", "growing", "partial", "failed"]


class Act(StrEnum):
    """What a person may do with a message; the value is the button's text."""

    COPY = mark("Copy")
    EDIT = mark("Edit")
    CONTINUE = mark("Continue")
    REGENERATE = mark("Regenerate")
    DELETE = mark("Delete")


HELP: dict[Act, str] = {
    Act.COPY: mark("Copy the message as Markdown"),
    Act.EDIT: mark("Change the question and ask it again; this version is kept"),
    Act.CONTINUE: mark("Let the answer go on where it ended"),
    Act.REGENERATE: mark("Answer again; this version is kept"),
    Act.DELETE: mark("Delete this message"),
}


SPOKEN: dict[Act, str] = {
    Act.COPY: mark("Copy the message"),
    Act.EDIT: mark("Edit the message"),
    Act.CONTINUE: mark("Continue the message"),
    Act.REGENERATE: mark("Regenerate the message"),
    Act.DELETE: mark("Delete the message"),
}


@dataclass(frozen=True)
class ShownMessage:
    """One message. Answers are Markdown; questions are shown as they were typed.

    siblings: the ids of all versions of it, itself included, oldest first. caption: the line below
    it. thought_s: how long an answer's reasoning took, in seconds; None where that is not known.
    mark: what is said above it, where the conversation changes.
    """

    id: int
    role: Literal["user", "assistant"]
    content: str
    state: ShownState = "whole"
    siblings: tuple[int, ...] = ()
    caption: str = ""
    thought_s: float | None = None
    attachments: tuple[Attachment, ...] = ()
    mark: str = ""

    @property
    def place(self) -> int:
        """Which of its siblings it is, counted from 1."""
        return self.siblings.index(self.id) + 1 if self.id in self.siblings else 1

    def sibling(self, step: int) -> int | None:
        """Return the id of the version `step` places on, or None where there is none."""
        place = self.place - 1 + step
        return self.siblings[place] if 0 <= place < len(self.siblings) else None

    def suits(self, act: Act) -> bool:
        """Return whether `act` makes sense for this message."""
        match act:
            case Act.COPY:
                return bool(self.content) and self.state != "growing"
            case Act.EDIT:
                return self.role == "user"
            case Act.REGENERATE:
                return self.role == "assistant" and self.state != "growing"
            case Act.CONTINUE:
                return self.role == "assistant" and self.state == "partial"
            case Act.DELETE:
                return self.state != "growing"
