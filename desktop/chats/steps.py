"""What is done to a chat before something is answered in it, and what is shown of it then.

Each runs in the history's thread. Raises ChatGone and what History's methods raise.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from desktop.attachments.attachment import Attachment
from desktop.history import Chat, ChatSettings, History, Message
from desktop.state import Selection
from engine.errors import ChatGone
from engine.messages import Kernel


@dataclass(frozen=True)
class Shown:
    """A chat, and the branch of it that is selected."""

    chat: Chat
    path: tuple[Message, ...]


@dataclass(frozen=True)
class Answerer:
    """What answers: as it is selected, what it is called, and the kernels that run it."""

    selection: Selection
    title: str
    kernel: Kernel


class Step(Protocol):
    """Prepares an answer; the growing one is then the last of the path."""

    def __call__(self, history: History, chat: Chat | None, by: Answerer) -> Shown: ...


def load(history: History, chat: int, message: int | None = None) -> Shown:
    """Return the chat as it was left, or on the branch where `message` is."""
    shown = Shown(history.chats.get(chat), tuple(history.messages.path(chat)))
    if message is None or message in (one.id for one in shown.path):
        return shown
    history.messages.select(message)
    return Shown(shown.chat, tuple(history.messages.path(chat)))


def load_if_there(history: History, chat: int) -> Shown | None:
    """Return the chat as it is now, None where it was deleted."""
    try:
        return load(history, chat)
    except ChatGone:
        return None


def select(history: History, chat: int, message: int) -> Shown:
    """Switch to the branch of `message`."""
    history.messages.select(message)
    return load(history, chat)


def configure(history: History, chat: int, settings: ChatSettings) -> Shown:
    """Keep other settings."""
    history.chats.configure(chat, settings)
    return load(history, chat)


def remove(history: History, chat: int, message: int) -> Shown:
    """Delete `message` and what follows it."""
    history.messages.remove(message)
    return load(history, chat)


def ask(text: str, settings: ChatSettings, attachments: Iterable[Attachment] = ()) -> Step:
    """Add a question at the end; a new chat is made by its first one, with `settings`."""
    files = tuple(attachments)

    def step(history: History, chat: Chat | None, by: Answerer) -> Shown:
        chat = chat or history.chats.create(settings=settings)
        question = history.messages.ask(chat.id, text, files)
        return _answered(history, chat.id, question.id, by)

    return step


def edit(message: int, text: str) -> Step:
    """Ask in other words, beside the question `message`."""

    def step(history: History, chat: Chat | None, by: Answerer) -> Shown:
        question = history.messages.edit(message, text)
        return _answered(history, question.chat, question.id, by)

    return step


def answer_again(question: int) -> Step:
    """Add another answer to `question`."""

    def step(history: History, chat: Chat | None, by: Answerer) -> Shown:
        if chat is None:
            raise ChatGone()
        return _answered(history, chat.id, question, by)

    return step


def resume(answer: int) -> Step:
    """Let `answer` grow again after the text that it has."""

    def step(history: History, chat: Chat | None, by: Answerer) -> Shown:
        going_on = history.journal.continue_answer(answer)
        return _noted(history, going_on.chat, by)

    return step


def _answered(history: History, chat: int, question: int, by: Answerer) -> Shown:
    history.journal.begin_answer(
        question, model=by.title, precision=by.selection.precision, kernel=by.kernel
    )
    return _noted(history, chat, by)


def _noted(history: History, chat: int, by: Answerer) -> Shown:
    """Let the chat remember what answers in it."""
    shown = load(history, chat)
    chosen = by.selection
    settings = msgspec.structs.replace(
        shown.chat.settings,
        model=chosen.model,
        precision=chosen.precision,
        kernel=chosen.kernel,
        context_length=chosen.context_length,
        threads=chosen.threads,
    )
    if settings == shown.chat.settings:
        return shown
    history.chats.configure(chat, settings)
    return load(history, chat)
