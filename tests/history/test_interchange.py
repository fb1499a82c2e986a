"""Export and import: what leaves comes back, and what strangers send is checked as a whole."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.attachments.attachment import Attachment
from desktop.history import ChatSettings, History, as_json, html_page, import_file, importing
from desktop.history import markdown as as_markdown
from engine.errors import ChatGone, ImportRefused
from engine.messages import Precision
from tests.history.conftest import answered, contents, exchange
from tests.history.test_journal import FIGURES


def lived_in(history: History) -> int:
    """A chat with branches, figures, attachments, a folder and settings; return its id."""
    folder = history.chats.add_folder("Birds")
    settings_ = ChatSettings(system_prompt="Be brief.", precision=Precision.INT8)
    chat = history.chats.create(folder=folder.id, settings=settings_)
    notes = Attachment(name="notes.md", text="# Terns", size=7, note="a part")
    question = history.messages.ask(chat.id, "What is a tern?", [notes])
    first = history.journal.begin_answer(question.id, model="demo", precision=Precision.INT4)
    history.journal.end_answer(first.id, "A bird.", "whole", finish_reason="end", metrics=FIGURES)
    answered(history, question, "A set of three.")
    history.messages.edit(question.id, "What is a kestrel?")
    history.messages.select(first.id)
    history.chats.pin(chat.id)
    return chat.id


def write(tmp_path: Path, content: Any) -> Path:
    file = tmp_path / "import.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return file


def refusal(history: History, file: Path) -> str:
    """The sentence with which the file is refused; nothing is added."""
    before = history.chats.all()
    with pytest.raises(ImportRefused) as caught:
        import_file(history, file)
    assert history.chats.all() == before
    assert "\n" not in caught.value.said
    return caught.value.said


# -- Tern's own ----------------------------------------------------------------------------------


def test_a_chat_comes_back_with_everything(
    history: History, temporary: History, tmp_path: Path
) -> None:
    chat = lived_in(history)
    exported = as_json(history, [chat])
    (copy,) = import_file(temporary, write(tmp_path, exported)).added
    assert as_json(temporary, [copy]) == exported
    assert [folder.name for folder in temporary.chats.folders()] == ["Birds"]
    assert temporary.chats.get(copy).settings == history.chats.get(chat).settings
    path = temporary.messages.path(copy)
    assert (path[1].metrics, path[1].place) == (FIGURES, 1)
    assert path[0].attachments == history.messages.path(chat)[0].attachments
    assert [hit.message for hit in temporary.search("three")] == [path[1].siblings[1]]


def test_an_import_twice_adds_nothing_twice(history: History, tmp_path: Path) -> None:
    chat = lived_in(history)
    other = history.chats.create("other")
    file = write(tmp_path, as_json(history, [chat, other.id]))
    again = import_file(history, file)
    assert (again.added, again.skipped) == ((), 2)
    history.chats.delete(chat)
    again = import_file(history, file)
    assert (len(again.added), again.skipped) == (1, 1)
    assert sorted(record.title for record in history.chats.all()) == ["What is a tern?", "other"]


def test_a_chat_that_is_gone_is_not_exported(temporary: History) -> None:
    with pytest.raises(ChatGone):
        as_json(temporary, [3])


def test_figures_of_another_version_travel_unchanged(
    history: History, temporary: History, tmp_path: Path
) -> None:
    chat = lived_in(history)
    with history.database.writing() as connection:
        connection.execute("""UPDATE message SET metrics = '{"joules":3.5}' WHERE metrics <> ''""")
    exported = as_json(history, [chat])
    assert b'"joules": 3.5' in exported
    (copy,) = import_file(temporary, write(tmp_path, exported)).added
    assert as_json(temporary, [copy]) == exported


def archive(**message: Any) -> dict[str, Any]:
    chat = {"uid": "u", "title": "t", "created": 1, "updated": 1, "messages": []}
    fine = {"role": "user", "content": "hello", "created": 1}
    chat["messages"] = [fine, fine | message] if message else [fine]
    return {"format": "tern-chats", "version": 1, "chats": [chat]}


BROKEN = {
    "not JSON": (b"\x89PNG\r\n", "it is not JSON"),
    "empty": (b"", "it is not JSON"),
    "cut": (json.dumps(archive()).encode()[:-9], "it is not JSON"),
    "of something else": ({"bookmarks": []}, "not an export of chats"),
    "a number": (b"3", "not as they should be"),
    "newer": (archive() | {"version": 2}, "newer version of Tern"),
    "role": (archive(role="root"), "Invalid enum value 'root'"),
    "type": (archive(content=3), "Expected `str`, got `int`"),
    "moment": (archive(created=1e300), "not as they should be"),
    "its own parent": (archive(parent=1), "stands before"),
    "a later parent": (archive(parent=7), "stands before"),
    "no such precision": (archive(precision="int1"), "not as they should be"),
    "nested": (b'{"chats":' + b"[" * 100_000, "cannot be imported"),
    "half a character": (b'{"format": "\\ud800"}', "cannot be imported"),
    "bad UTF-8": (b'{"format": "\xff"}', "cannot be imported"),
    "conversations of numbers": ([1, 2], "not as they should be"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_export_is_refused_in_a_sentence(
    history: History, tmp_path: Path, name: str
) -> None:
    content, reason = BROKEN[name]
    assert reason in refusal(history, write(tmp_path, content))


def test_one_bad_chat_keeps_the_good_ones_out(history: History, tmp_path: Path) -> None:
    content = archive()
    content["chats"].append(content["chats"][0] | {"uid": "v", "updated": "yesterday"})
    refusal(history, write(tmp_path, content))


def test_a_missing_file_is_refused(history: History, tmp_path: Path) -> None:
    assert "No such file" in refusal(history, tmp_path / "missing.json")
    assert "Is a directory" in refusal(history, tmp_path)


def test_what_a_file_marks_wrongly_is_put_right(history: History, tmp_path: Path) -> None:
    content = archive(selected=True, state="growing", content="b", extra="unknown")
    content["chats"][0]["messages"][0]["selected"] = True
    content["chats"][0]["title"] = "a\ntitle \u202e" + "x" * 5000
    (chat,) = import_file(history, write(tmp_path, content)).added
    (message,) = history.messages.path(chat)
    assert (message.content, message.state) == ("b", "partial")
    assert history.chats.get(chat).title.startswith("a title x")
    assert len(history.chats.get(chat).title) <= 200


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.from_regex(r'[\[{]"?[a-z":\[\]{},0-9 ]*', fullmatch=True))
def test_no_bytes_fail_without_a_sentence(data: bytes | str) -> None:
    content = data if isinstance(data, bytes) else data.encode()
    try:
        importing.read_chats(content)
    except importing.Refusal as refused:
        assert str(refused)


# -- bounds --------------------------------------------------------------------------------------


def zipped(tmp_path: Path, members: dict[str, bytes]) -> Path:
    file = tmp_path / "export.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive_:
        for name, data in members.items():
            archive_.writestr(name, data)
    return file


def test_a_zip_that_unpacks_to_too_much_is_refused(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_BYTES", 5_000_000)
    bomb = zipped(tmp_path, {"conversations.json": b"[" + b" " * 6_000_000 + b"]"})
    assert bomb.stat().st_size < 50_000
    assert "holds more than 5 MB" in refusal(history, bomb)
    halves = {f"conversations-00{n}.json": b"[" + b" " * 3_000_000 + b"]" for n in (0, 1)}
    assert "holds more than 5 MB" in refusal(history, zipped(tmp_path, halves))
    assert "holds more" in refusal(history, write(tmp_path, b" " * 5_000_001))


def test_a_zip_of_something_else_is_refused(history: History, tmp_path: Path) -> None:
    file = zipped(tmp_path, {"photos/cat.jpg": b"", "my-conversations.json.txt": b"[]"})
    assert "no conversations.json in it" in refusal(history, file)


def test_a_damaged_zip_is_refused(history: History, tmp_path: Path) -> None:
    file = zipped(tmp_path, {"conversations.json": b"[" + b"1," * 5000 + b"1]"})
    data = bytearray(file.read_bytes())
    data[60:80] = b"\xff" * 20
    file.write_bytes(data)
    assert "damaged" in refusal(history, file)


# -- documents to read ---------------------------------------------------------------------------


def test_markdown_holds_the_selected_branch(history: History) -> None:
    chat = lived_in(history)
    text = as_markdown(history.chats.get(chat), history.messages.path(chat))
    assert text.startswith("# What is a tern?\n\n## You · ")
    assert "File notes.md (a part):\n```markdown\n# Terns\n```\n\nWhat is a tern?" in text
    assert "## Answer · demo · int4 · " in text
    assert "version 1 of 2\n\nA bird.\n" in text
    assert "A set of three." not in text


def test_a_document_of_an_empty_chat_has_a_title(temporary: History) -> None:
    chat = temporary.chats.create()
    assert as_markdown(chat, []) == "# A chat\n"
    assert "<title>A chat</title>" in html_page(chat, [])


def test_a_file_that_is_streamed_is_bounded() -> None:
    with pytest.raises(importing.Refusal):
        importing.read_bounded(io.BytesIO(b"x" * 11), 10)
    assert importing.read_bounded(io.BytesIO(b"x" * 10), 10) == b"x" * 10


def test_contents_survive_in_markdown(temporary: History) -> None:
    chat = temporary.chats.create("t")
    exchange(temporary, chat, "one", "`code`")
    text = as_markdown(chat, temporary.messages.path(chat.id))
    assert all(part in text for part in contents(temporary, chat))
