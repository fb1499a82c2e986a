"""ChatGPT's export as Tern's own chats: conversations.json, a list of trees.

Questions and answers are kept with all of their branches. What Tern has no place for (tools and
what they returned, hidden messages, reasoning) is left out; a picture leaves "[image]".
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from desktop.history.interchange import ChatFile, MessageFile
from desktop.history.texts import title_of

_LATEST = 4e9  # seconds since 1970: the latest moment that a ChatFile holds
# Marks of citations, between characters of private use.
_CITATION = re.compile("\ue200[^\ue201]{0,500}\ue201|【[^】]{0,50}†[^】]{0,50}】")


class _Author(msgspec.Struct):
    role: str = ""


class _Content(msgspec.Struct):
    content_type: str = ""
    parts: list[Any] | None = None
    text: Any = None
    language: Any = None


class _Metadata(msgspec.Struct):
    model_slug: str | None = None
    is_visually_hidden_from_conversation: bool | None = None


class _Message(msgspec.Struct):
    author: _Author = msgspec.field(default_factory=_Author)
    content: _Content | None = None
    create_time: float | None = None
    recipient: str | None = None
    metadata: _Metadata | None = None


class _Node(msgspec.Struct):
    message: _Message | None = None
    parent: str | None = None
    children: list[str] = []


class Conversation(msgspec.Struct):
    """One conversation as it stands in the export; what is not named here is not read."""

    mapping: dict[str, _Node]
    title: str | None = None
    create_time: float | None = None
    update_time: float | None = None
    current_node: str | None = None
    conversation_id: str | None = None
    id: str | None = None


def convert(conversation: Conversation) -> ChatFile:
    """Return `conversation` as a chat. Nodes without a text give their children to their parent."""
    created = _moment(conversation.create_time)
    shown = _ancestors(conversation)
    messages: list[MessageFile] = []
    places: dict[str, int | None] = {}  # where a node, or the kept one above it, stands in the list
    for name, node in _downwards(conversation.mapping):
        parent = places.get(node.parent) if node.parent else None
        text = _text(node.message) if node.message else ""
        places[name] = parent
        if node.message and text:
            places[name] = len(messages)
            messages.append(
                MessageFile(
                    parent=parent,
                    role="user" if node.message.author.role == "user" else "assistant",
                    content=text,
                    selected=name in shown,
                    created=_moment(node.message.create_time, created),
                    model=(node.message.metadata and node.message.metadata.model_slug) or "",
                )
            )
    return ChatFile(
        uid=_uid(conversation),
        title=conversation.title or title_of(messages[0].content if messages else ""),
        title_is_own=bool(conversation.title),
        created=created,
        updated=_moment(conversation.update_time, created),
        messages=messages,
    )


def _downwards(mapping: dict[str, _Node]) -> Iterator[tuple[str, _Node]]:
    """The nodes, each once and after its parent; what only hangs on itself is never reached."""
    left = dict(mapping)
    waiting = [name for name, node in reversed(mapping.items()) if node.parent not in mapping]
    while waiting:
        name = waiting.pop()
        node = left.pop(name, None)
        if node is None:
            continue
        yield name, node
        children = dict.fromkeys(node.children)
        waiting += [child for child in reversed(children) if _parent(left, child) == name]


def _parent(mapping: dict[str, _Node], name: str) -> str | None:
    return mapping[name].parent if name in mapping else None


def _ancestors(conversation: Conversation) -> set[str]:
    """The nodes of the branch that was shown last."""
    found: set[str] = set()
    name = conversation.current_node
    while name in conversation.mapping and name not in found:
        assert name is not None
        found.add(name)
        name = conversation.mapping[name].parent
    return found


def _text(message: _Message) -> str:
    """What the message says to the other side, or "" where it is not meant to be read."""
    hidden = message.metadata and message.metadata.is_visually_hidden_from_conversation
    aside = message.recipient not in (None, "all")
    if hidden or aside or message.content is None:
        return ""
    if message.author.role not in ("user", "assistant"):
        return ""
    content = message.content
    match content.content_type:
        case "text" | "multimodal_text":
            text = "\n\n".join(filter(None, map(_part, content.parts or [])))
        case "code" if isinstance(content.text, str) and content.text:
            text = f"```\n{content.text}\n```"
        case _:
            return ""
    return _CITATION.sub("", text).strip()


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])  # what was said aloud
    kind = str(part.get("content_type", ""))
    return "[image]" if kind.startswith("image") else "[attachment]"


def _moment(seconds: float | None, otherwise: float = 0.0) -> float:
    return min(max(seconds, 0.0), _LATEST) if seconds is not None else otherwise


def _uid(conversation: Conversation) -> str:
    name = conversation.conversation_id or conversation.id
    if not name or len(name) > 150:
        name = hashlib.sha256(msgspec.json.encode(conversation)).hexdigest()
    return f"chatgpt:{name}"
