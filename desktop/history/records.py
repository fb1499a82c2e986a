"""What the history hands out: frozen records of folders, chats, messages and search hits.

Times are seconds since 1970 (UTC); ids are the file's own and are never given out twice.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from desktop.attachments.attachment import Attachment
from engine.messages import (
    FinishReason,
    Kernel,
    KernelChoice,
    Metrics,
    Overflow,
    Precision,
    SamplingSettings,
)

MessageState: TypeAlias = Literal["whole", "growing", "partial", "failed"]
Speaker: TypeAlias = Literal["user", "assistant"]


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The choices of one chat. None, or "" for a name, means: whatever the window has selected.

    persona is the name of the preset that system_prompt was taken from, for display alone.
    """

    model: str = ""
    precision: Precision | None = None
    kernel: KernelChoice | None = None
    context_length: int | None = None
    threads: int | None = None
    persona: str = ""
    system_prompt: str = ""
    sampling: SamplingSettings = SamplingSettings()
    overflow: Overflow = "stop"


@dataclass(frozen=True)
class Folder:
    """A named group of chats."""

    id: int
    name: str


@dataclass(frozen=True)
class Chat:
    """One chat. `uid` is the same in every file that it is exported to.

    title_is_own: the person gave the title, so the first question never replaces it. updated:
    when something was last asked or answered, by which chats are sorted.
    """

    id: int
    uid: str
    title: str
    title_is_own: bool
    folder: int | None
    pinned: bool
    created: float
    updated: float
    settings: ChatSettings


@dataclass(frozen=True)
class Message:
    """One message on the selected path, and the other versions beside it.

    content is what was typed or generated; attachments are kept apart from it. siblings holds the
    ids of all versions, this one included, in the order in which they were made. model, precision
    and kernel are what answered; "" and None for a question.
    """

    id: int
    chat: int
    parent: int | None
    role: Speaker
    content: str
    state: MessageState
    created: float
    siblings: tuple[int, ...]
    model: str = ""
    precision: Precision | None = None
    kernel: Kernel | None = None
    finish_reason: FinishReason | None = None
    metrics: Metrics | None = None
    attachments: tuple[Attachment, ...] = ()

    @property
    def place(self) -> int:
        """Which of its siblings this is, counted from 1."""
        return self.siblings.index(self.id) + 1


@dataclass(frozen=True)
class Found:
    """A chat that a search found. `message` is its latest hit, None where only the title has it.

    spans are the (start, end) of what was found within `snippet`; matches counts the messages.
    """

    chat: Chat
    message: int | None
    matches: int
    snippet: str
    spans: tuple[tuple[int, int], ...]
