"""ChatGPT's export: its tree is kept, what Tern has no place for is left out."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from desktop.history import History, import_file
from tests.history.conftest import contents


def node(
    name: str,
    parent: str | None,
    role: str = "user",
    parts: list[Any] | None = None,
    **message: Any,
) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [name] if parts is None else parts}
    return {
        "id": name,
        "parent": parent,
        "children": [],
        "message": {
            "id": name,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": 1_700_000_000.5,
            "update_time": None,
            "content": content,
            "status": "finished_successfully",
            "weight": 1.0,
            "metadata": {"model_slug": "gpt-4o"} if role == "assistant" else {},
            "recipient": "all",
            **message,
        },
    }


def conversation(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    mapping = {item["id"]: item for item in nodes}
    for item in nodes:
        if item["parent"] in mapping:
            mapping[item["parent"]]["children"].append(item["id"])
    return {
        "title": "Birds",
        "create_time": 1_700_000_000.0,
        "update_time": 1_700_000_100.0,
        "mapping": mapping,
        "moderation_results": [],
        "current_node": nodes[-1]["id"],
        "conversation_id": "c-1",
        "gizmo_id": None,
        **fields,
    }


ROOT_NODE = {"id": "root", "message": None, "parent": None, "children": []}


def imported(history: History, tmp_path: Path, *conversations: Any) -> tuple[int, ...]:
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps(conversations), encoding="utf-8")
    return import_file(history, file).added


def test_a_conversation_keeps_its_branches(history: History, tmp_path: Path) -> None:
    (chat,) = imported(
        history,
        tmp_path,
        conversation(
            dict(ROOT_NODE, children=[]),
            node("system", "root", "system"),
            node("q1", "system"),
            node("a1", "q1", "assistant"),
            node("q2", "a1"),
            node("a1 again", "q1", "assistant"),
            node("q1 edited", "system"),
            node("a3", "q1 edited", "assistant"),
            current_node="a1 again",
        ),
    )
    record = history.chats.get(chat)
    assert (record.title, record.created, record.updated) == ("Birds", 1.7e9, 1.7e9 + 100)
    question, answer = history.messages.path(chat)
    assert (question.content, question.place, len(question.siblings)) == ("q1", 1, 2)
    assert (answer.content, answer.place, answer.model) == ("a1 again", 2, "gpt-4o")
    assert answer.created == 1_700_000_000.5
    history.messages.select(answer.siblings[0])
    assert contents(history, record) == ["q1", "a1", "q2"]
    history.messages.select(question.siblings[1])
    assert contents(history, record) == ["q1 edited", "a3"]


def test_tools_pictures_and_hidden_messages_leave_the_conversation_whole(
    history: History, tmp_path: Path
) -> None:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}
    spoken = {"content_type": "audio_transcription", "text": "said aloud"}
    (chat,) = imported(
        history,
        tmp_path,
        conversation(
            node("hidden", None, "user", metadata={"is_visually_hidden_from_conversation": True}),
            node(
                "q", "hidden", parts=[picture, "what is this?", {"content_type": "video"}, spoken]
            ),
            node("call", "q", "assistant", recipient="python"),
            node("result", "call", "tool"),
            node("think", "result", "assistant", content={"content_type": "thoughts"}),
            node("unknown", "think", "assistant", content={"content_type": "hologram", "x": [1]}),
            node("none", "unknown", "assistant", content=None),
            node("empty", "none", "assistant", parts=[""]),
            node(
                "code",
                "empty",
                "assistant",
                content={"content_type": "code", "language": "python", "text": "print(1)"},
            ),
            node("a", "code", "assistant", parts=["A bird\ue200cite\ue202x\ue201.【4†source】"]),
        ),
    )
    assert contents(history, history.chats.get(chat)) == [
        "[image]\n\nwhat is this?\n\n[attachment]\n\nsaid aloud",
        "```\nprint(1)\n```",
        "A bird.",
    ]


def test_odd_trees_and_fields_are_borne(history: History, tmp_path: Path) -> None:
    ring = [node("x", "y"), node("y", "x")]
    orphan = node("orphan", "nowhere")
    own_child = dict(node("own", None), children=["own", "own", "missing"])
    chats = imported(
        history,
        tmp_path,
        conversation(*ring, orphan, conversation_id="ring"),
        conversation(own_child, conversation_id="own"),
        conversation(orphan, conversation_id=None, title=None, create_time=None, current_node="?"),
        conversation(ROOT_NODE, conversation_id="x" * 10_000, create_time=-5.0, update_time=9e99),
    )
    records = [history.chats.get(chat) for chat in chats]
    assert [contents(history, record) for record in records] == [
        ["orphan"],
        ["own"],
        ["orphan"],
        [],
    ]
    assert [record.title for record in records] == ["Birds", "Birds", "orphan", "Birds"]


def test_a_long_conversation_is_no_deep_recursion(history: History, tmp_path: Path) -> None:
    names = [str(number) for number in range(3000)]
    roles = ["user", "assistant"]
    nodes = [
        node(name, names[place - 1] if place else None, roles[place % 2])
        for place, name in enumerate(names)
    ]
    (chat,) = imported(history, tmp_path, conversation(*nodes))
    assert contents(history, history.chats.get(chat)) == names


@pytest.mark.parametrize("member", ["conversations.json", "export/conversations-000.json"])
def test_the_zip_is_taken_as_it_is_sent(history: History, tmp_path: Path, member: str) -> None:
    file = tmp_path / "chatgpt.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chat.html", "<html>")
        archive.writestr(member, json.dumps([conversation(node("q", None))]))
        archive.writestr("user.json", "{}")
    assert len(import_file(history, file).added) == 1
    again = import_file(history, file)
    assert (again.added, again.skipped) == ((), 1)
