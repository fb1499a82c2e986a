"""What the engine is sent of a chat: plain messages whose roles take turns."""

from collections.abc import Iterable, Sequence

from desktop.attachments.attachment import as_message
from desktop.history.records import Message
from engine.messages import ChatMessage


def engine_messages(path: Sequence[Message], system_prompt: str = "") -> tuple[ChatMessage, ...]:
    """Return the messages of `path` as a chat template takes them.

    Answers without a word are left out, and so are questions that got none, but for the last.
    Neighbours of one role, as an import may bring them, become one: templates want turns.
    """
    spoken = [message for message in path if message.role == "user" or message.content.strip()]
    sent: list[ChatMessage] = []
    if system_prompt.strip():
        sent.append(ChatMessage("system", system_prompt))
    for message in _answered(spoken):
        text = as_message(message.attachments, message.content)
        if sent and sent[-1].role == message.role:
            text = f"{sent.pop().content}\n\n{text}"
        sent.append(ChatMessage(message.role, text))
    return tuple(sent)


def _answered(spoken: Sequence[Message]) -> Iterable[Message]:
    for place, message in enumerate(spoken):
        follower = spoken[place + 1] if place + 1 < len(spoken) else None
        dropped = message.role == "user" and follower is not None and follower.role == "user"
        if not dropped:
            yield message
