"""The tree of a chat: versions beside each other, branches, and what the engine is sent."""

import pytest

from desktop.attachments.attachment import Attachment
from desktop.history import History, engine_messages
from engine.errors import ChatGone
from engine.messages import ChatMessage, Kernel, Precision
from tests.history.conftest import answered, contents, exchange

NOTES = Attachment(name="notes.md", text="# Notes", size=7)


def test_a_chat_is_read_from_its_root_to_its_leaf(history: History) -> None:
    chat = history.chats.create()
    exchange(history, chat, "one", "1")
    exchange(history, chat, "two", "2")
    path = history.messages.path(chat.id)
    assert [message.content for message in path] == ["one", "1", "two", "2"]
    assert [message.role for message in path] == ["user", "assistant"] * 2
    assert [message.parent for message in path] == [None, *(m.id for m in path[:-1])]


def test_a_regenerated_answer_stands_beside_the_old_one(history: History) -> None:
    chat = history.chats.create()
    question, first = exchange(history, chat, "one", "old")
    second = answered(history, question, "new")
    answer = history.messages.path(chat.id)[1]
    assert (answer.content, answer.place, answer.siblings) == ("new", 2, (first.id, second.id))
    history.messages.select(first.id)
    answer = history.messages.path(chat.id)[1]
    assert (answer.content, answer.place) == ("old", 1)


def test_an_edited_question_begins_a_branch(history: History) -> None:
    chat = history.chats.create()
    question, _ = exchange(history, chat, "one", "1")
    exchange(history, chat, "two", "2")
    edited = history.messages.edit(question.id, "ONE")
    assert contents(history, chat) == ["ONE"]
    assert (edited.place, len(edited.siblings), edited.parent) == (2, 2, None)
    answered(history, edited, "I")
    history.messages.select(question.id)
    assert contents(history, chat) == ["one", "1", "two", "2"]
    history.messages.select(edited.id)
    assert contents(history, chat) == ["ONE", "I"]


def test_a_switch_finds_the_leaf_that_was_chosen_below(history: History) -> None:
    chat = history.chats.create()
    question, _ = exchange(history, chat, "one", "1a")
    second = answered(history, question, "1b")
    follow, _ = exchange(history, chat, "two", "2a")
    answered(history, follow, "2b")
    first = history.messages.path(chat.id)[1].siblings[0]
    history.messages.select(first)
    assert contents(history, chat) == ["one", "1a"]
    history.messages.select(second.id)
    assert contents(history, chat) == ["one", "1b", "two", "2b"]


def test_a_message_deep_in_another_branch_is_shown_with_all_above_it(history: History) -> None:
    chat = history.chats.create()
    question, _ = exchange(history, chat, "one", "1")
    _, deep = exchange(history, chat, "two", "2")
    history.messages.edit(question.id, "other")
    history.messages.select(deep.id)
    assert contents(history, chat) == ["one", "1", "two", "2"]


def test_an_answer_can_be_edited_too(history: History) -> None:
    chat = history.chats.create()
    _, answer = exchange(history, chat, "one", "wrong")
    edited = history.messages.edit(answer.id, "right")
    assert (edited.role, edited.state, edited.model) == ("assistant", "whole", "")
    assert contents(history, chat) == ["one", "right"]


def test_what_answered_is_kept_with_the_answer(history: History) -> None:
    chat = history.chats.create()
    question = history.messages.ask(chat.id, "one")
    history.journal.begin_answer(
        question.id, model="org/name", precision=Precision.INT4, kernel=Kernel.NATIVE
    )
    answer = history.messages.path(chat.id)[1]
    assert (answer.model, answer.precision, answer.kernel) == (
        "org/name",
        Precision.INT4,
        Kernel.NATIVE,
    )


def test_attachments_are_kept_apart_from_what_was_typed(history: History) -> None:
    chat = history.chats.create()
    asked = history.messages.ask(chat.id, "Sum this up", [NOTES])
    assert history.messages.path(chat.id) == [asked]
    assert (asked.content, asked.attachments) == ("Sum this up", (NOTES,))
    edited = history.messages.edit(asked.id, "Translate this")
    assert edited.attachments == (NOTES,)
    assert history.messages.edit(asked.id, "Hello", []).attachments == ()


def test_removing_takes_the_subtree_and_shows_the_newest_version_left(history: History) -> None:
    chat = history.chats.create()
    question, first = exchange(history, chat, "one", "1a")
    second = answered(history, question, "1b")
    exchange(history, chat, "two", "2")
    assert history.messages.count_below(second.id) == 2
    history.messages.remove(second.id)
    assert contents(history, chat) == ["one", "1a"]
    assert history.messages.path(chat.id)[1].siblings == (first.id,)
    history.messages.remove(question.id)
    assert contents(history, chat) == []


def test_a_chat_of_thousands_of_messages_is_read_and_removed(history: History) -> None:
    """SQLite ends cascades, unlike these, after 1,000 levels."""
    chat = history.chats.create()
    with history.database.writing() as connection:
        connection.executemany(
            "INSERT INTO message (chat, parent, role, content, state, selected, created)"
            " VALUES (?, (SELECT max(id) FROM message), 'user', ?, 'whole', 1, 0)",
            [(chat.id, str(number)) for number in range(3000)],
        )
    path = history.messages.path(chat.id)
    assert [message.content for message in path] == [str(number) for number in range(3000)]
    history.messages.remove(path[1].id)
    assert contents(history, chat) == ["0"]


def test_the_branches_of_another_chat_stay_as_they_are(history: History) -> None:
    chat, other = history.chats.create(), history.chats.create()
    exchange(history, other, "theirs", "a")
    question, _ = exchange(history, chat, "ours", "b")
    history.messages.edit(question.id, "edited")
    assert contents(history, other) == ["theirs", "a"]


def test_half_characters_and_nul_are_stored(history: History) -> None:
    chat = history.chats.create()
    history.messages.ask(chat.id, "a\ud83d b\0c \udc00 \U0001f600")
    assert contents(history, chat) == ["a\ufffd b\0c \ufffd \U0001f600"]


def test_what_was_deleted_meanwhile_is_explained(history: History) -> None:
    chat = history.chats.create()
    question = history.messages.ask(chat.id, "one")
    history.messages.remove(question.id)
    for act in (
        lambda: history.messages.select(question.id),
        lambda: history.messages.edit(question.id, "x"),
        lambda: history.messages.remove(question.id),
        lambda: history.journal.begin_answer(question.id, model="demo"),
        lambda: history.messages.ask(chat.id + 1, "x"),
        lambda: history.chats.move(chat.id, 7),
        lambda: history.chats.get(chat.id + 1),
    ):
        with pytest.raises(ChatGone, match="not there any more"):
            act()


def test_a_path_costs_one_query_whatever_its_length(history: History) -> None:
    chat = history.chats.create()
    for number in range(20):
        exchange(history, chat, str(number), "answer")
    statements: list[str] = []
    history.database._connection.set_trace_callback(statements.append)
    history.messages.path(chat.id)
    assert len(statements) == 1
    history.chats.all()
    assert len(statements) == 2


def test_the_engine_is_sent_turns_with_the_attached_files(history: History) -> None:
    chat = history.chats.create()
    first = history.messages.ask(chat.id, "Sum this up", [NOTES])
    answered(history, first, "They are short.")
    history.messages.ask(chat.id, "Thanks")
    sent = engine_messages(history.messages.path(chat.id), "Be brief.")
    assert sent == (
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "File notes.md:\n```markdown\n# Notes\n```\n\nSum this up"),
        ChatMessage("assistant", "They are short."),
        ChatMessage("user", "Thanks"),
    )


def test_roles_take_turns_whatever_the_path_holds(history: History) -> None:
    chat = history.chats.create()
    exchange(history, chat, "unanswered", "")
    _, partial = exchange(history, chat, "two", "one half,")
    answered(history, partial, "the other half")
    question = history.messages.ask(chat.id, "three")
    history.journal.begin_answer(question.id, model="demo")
    assert engine_messages(history.messages.path(chat.id)) == (
        ChatMessage("user", "two"),
        ChatMessage("assistant", "one half,\n\nthe other half"),
        ChatMessage("user", "three"),
    )
