"""The list of chats: titles, pins, folders, settings, and deleting in two steps."""

from pathlib import Path

import pytest

from desktop.history import ChatSettings, History, title_of
from engine.errors import ChatGone, FolderExists
from engine.messages import Precision, SamplingSettings
from tests.history.conftest import contents, exchange, is_sound


def titles(history: History) -> list[str]:
    return [chat.title for chat in history.chats.all()]


# -- titles --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Why is the sky blue? I wonder.", "Why is the sky blue?"),
        ("  \n\n# A *plan* for `today`\nfirst", "A plan for today"),
        ("- [Tern](https://example.org) is **fast**", "Tern is fast"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("> quoted\n\nreply", "quoted"),
        ("> - 1. nested", "nested"),
        ("Version 3.5 is out. Tell me more", "Version 3.5 is out"),
        ("snake_case and 2*3*4 stay", "snake_case and 2*3*4 stay"),
        ("<b>bold</b> claim", "bold claim"),
        ("为什么天空是蓝色的？请解释一下这个现象。", "为什么天空是蓝色的？"),
        ("لماذا السماء زرقاء؟ اشرح لي", "لماذا السماء زرقاء؟"),
        ("👨‍👩‍👧 family", "👨‍👩‍👧 family"),
        ("???", "???"),
        ("evil\u202etxt.exe", "evil txt.exe"),
        ("a\0b", "a b"),
        ("", ""),
        (" \n\t", ""),
    ],
)
def test_the_title_is_the_first_sentence_without_markdown(text: str, title: str) -> None:
    assert title_of(text) == title


def test_a_title_is_short_and_ends_between_words() -> None:
    title = title_of("word " * 1000)
    assert len(title) <= 60
    assert title.endswith("word…")
    assert len(title_of("x" * 1_000_000)) == 60


def test_a_chat_has_a_title_from_its_first_question_on(history: History) -> None:
    chat = history.chats.create()
    assert titles(history) == [""]
    history.messages.ask(chat.id, "How old is the sea?")
    history.messages.ask(chat.id, "And the sky?")
    assert titles(history) == ["How old is the sea?"]


def test_the_persons_title_stays_until_it_is_given_up(history: History) -> None:
    chat = history.chats.create()
    history.chats.rename(chat.id, "  Mine\nalone ")
    history.messages.ask(chat.id, "How old is the sea?")
    assert titles(history) == ["Mine alone"]
    history.chats.rename(chat.id, " ")
    assert titles(history) == ["How old is the sea?"]


# -- order, folders, settings --------------------------------------------------------------------


def test_pinned_chats_come_first_then_the_latest(history: History) -> None:
    old, pinned, new = (history.chats.create(title) for title in ("old", "pinned", "new"))
    history.chats.pin(pinned.id)
    assert titles(history) == ["pinned", "new", "old"]
    history.messages.ask(old.id, "again")
    assert titles(history) == ["pinned", "old", "new"]
    history.chats.pin(pinned.id, False)
    history.chats.rename(new.id, "newer")
    assert titles(history) == ["old", "newer", "pinned"]


def test_a_dissolved_folder_leaves_its_chats(history: History) -> None:
    work = history.chats.add_folder("Work")
    chat = history.chats.create("plan", folder=work.id)
    assert history.chats.get(chat.id).folder == work.id
    history.chats.rename_folder(work.id, "Arbeit")
    assert [folder.name for folder in history.chats.folders()] == ["Arbeit"]
    history.chats.remove_folder(work.id)
    assert history.chats.folders() == []
    assert history.chats.get(chat.id).folder is None


def test_two_folders_of_one_name_are_refused(history: History) -> None:
    history.chats.add_folder("Work")
    home = history.chats.add_folder("Home")
    for act in (
        lambda: history.chats.add_folder("Work"),
        lambda: history.chats.rename_folder(home.id, "Work"),
    ):
        with pytest.raises(FolderExists, match="There is a folder named Work already"):
            act()


def test_a_chat_keeps_its_settings(history: History) -> None:
    chat = history.chats.create()
    assert chat.settings == ChatSettings()
    chosen = ChatSettings(
        model="org/name",
        precision=Precision.INT4,
        persona="Poet",
        system_prompt="Rhyme.\ud800",
        sampling=SamplingSettings(temperature=0.0, stop=("\n\n",), seed=7),
    )
    history.chats.configure(chat.id, chosen)
    kept = history.chats.get(chat.id).settings
    assert kept.system_prompt == "Rhyme.\ufffd"
    assert (kept.model, kept.precision, kept.sampling) == ("org/name", "int4", chosen.sampling)


# -- deleting ------------------------------------------------------------------------------------


def test_a_deleted_chat_is_hidden_until_it_is_restored(history: History) -> None:
    chat = history.chats.create()
    exchange(history, chat, "a kestrel", "flies")
    history.chats.delete(chat.id)
    assert history.chats.all() == []
    assert history.search("kestrel") == []
    with pytest.raises(ChatGone):
        history.messages.ask(chat.id, "more")
    history.chats.restore(chat.id)
    assert titles(history) == ["a kestrel"]
    assert contents(history, chat) == ["a kestrel", "flies"]


def test_a_purged_chat_is_gone_for_good(history: History) -> None:
    kept, gone = history.chats.create("kept"), history.chats.create("gone")
    exchange(history, gone, "a kestrel", "flies")
    history.chats.delete(gone.id)
    assert history.chats.purge(older_than=3600) == 0
    assert history.chats.purge() == 1
    assert history.chats.purge() == 0
    assert titles(history) == [kept.title]
    with pytest.raises(ChatGone):
        history.chats.restore(gone.id)


@pytest.mark.parametrize("how", ["purge", "remove"])
def test_deleted_text_cannot_be_read_in_the_files(history: History, file: Path, how: str) -> None:
    chat = history.chats.create()
    secret = "Zebrafink verrät 龘靐齉爨"
    asked, answer = exchange(history, chat, secret, f"{secret}!")
    exchange(history, history.chats.create(), "kept", "text")
    traces = [word.encode() for word in ("Zebrafink", "zebrafink", "verrat", "靐齉")]
    assert all(trace in everything(file) for trace in traces)
    if how == "purge":
        history.chats.delete(chat.id)
        history.chats.purge()
    else:
        history.messages.remove(asked.id)
        history.chats.rename(chat.id, "")
        history.chats.delete(chat.id)
        history.chats.purge()
    assert [trace for trace in traces if trace in everything(file)] == []
    assert answer.id not in [found.message for found in history.search("kept")]
    history.close()
    assert is_sound(file)


def test_the_file_shrinks_when_much_is_deleted(history: History, file: Path) -> None:
    chat = history.chats.create()
    exchange(history, chat, "long", "word " * 500_000)
    history.chats.delete(chat.id)
    size = len(everything(file))
    history.chats.purge()
    assert len(everything(file)) < size / 10


def test_a_temporary_history_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    history = History.temporary()
    chat = history.chats.create()
    exchange(history, chat, "a secret", "kept to myself")
    assert [found.chat.title for found in history.search("secret")] == ["a secret"]
    assert list(tmp_path.iterdir()) == []
    history.close()
    assert list(tmp_path.iterdir()) == []


def everything(file: Path) -> bytes:
    """The bytes of the file and of its log."""
    return b"".join(part.read_bytes() for part in sorted(file.parent.iterdir()))
