"""What of a conversation is sent where the context has no room for all of it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.context import fit
from engine.errors import PromptTooLong
from engine.messages import ChatMessage, Role

CONTEXT = 100
SYSTEM = ChatMessage("system", "s" * 5)


def encode(messages: Sequence[ChatMessage]) -> list[int]:
    """A token for each character, one for each message, and one where the answer begins."""
    return [ord(c) for m in messages for c in f"{m.content}|"] + [0]


def conversation(*lengths: int) -> list[ChatMessage]:
    """Question, answer, question, … of so many characters, each of its own letter."""
    roles: tuple[Role, Role] = ("user", "assistant")
    return [ChatMessage(roles[i % 2], chr(97 + i % 26) * n) for i, n in enumerate(lengths)]


def test_what_fits_is_sent_whole() -> None:
    messages = [SYSTEM, *conversation(10, 10, 10)]
    for overflow in ("stop", "drop_oldest"):
        fitted = fit(messages, encode, CONTEXT, overflow)
        assert fitted.ids == encode(messages) and fitted.dropped == 0


def test_to_stop_is_a_sentence_before_anything_is_read() -> None:
    with pytest.raises(PromptTooLong, match=r"134 tokens.* holds 100"):
        fit(conversation(40, 40, 50), encode, CONTEXT)


def test_the_oldest_turns_go_and_the_system_message_stays() -> None:
    messages = [SYSTEM, *conversation(30, 30, 10, 10, 20)]
    fitted = fit(messages, encode, CONTEXT, "drop_oldest")
    assert fitted.dropped == 2
    assert fitted.ids == encode([SYSTEM, *messages[3:]])


def test_an_answer_gets_the_room_that_was_asked_for() -> None:
    messages = conversation(30, 30, 20)
    assert fit(messages, encode, CONTEXT, "drop_oldest", max_new_tokens=5).dropped == 0
    assert fit(messages, encode, CONTEXT, "drop_oldest", max_new_tokens=20).dropped == 2


@pytest.mark.parametrize("before", [(), (10, 10), (50, 50, 50, 50)])
def test_a_question_that_is_too_long_by_itself_is_refused(before: tuple[int, ...]) -> None:
    messages = [SYSTEM, *conversation(*before, 120)]
    with pytest.raises(PromptTooLong, match=r"128 tokens"):
        fit(messages, encode, CONTEXT, "drop_oldest")


def test_the_next_turns_begin_alike_and_find_the_cache() -> None:
    """Dropping anew each turn would have the whole prompt read again each turn."""
    lengths: list[int] = []
    beginnings = []
    for _ in range(40):
        lengths += [4]
        beginnings.append(fit(conversation(*lengths), encode, CONTEXT, "drop_oldest").dropped)
        lengths += [4]
    full = [dropped for dropped in beginnings if dropped]
    assert len(full) > 20
    assert len(set(full)) <= len(full) / 2


LENGTH = st.integers(1, 60)


@given(st.lists(st.tuples(LENGTH, LENGTH), max_size=15), LENGTH, st.booleans(), st.integers(1, 200))
def test_what_is_sent_always_fits_and_ends_with_the_newest_question(
    exchanges: list[tuple[int, int]], question: int, has_system: bool, new_tokens: int
) -> None:
    turns = conversation(*(length for exchange in exchanges for length in exchange), question)
    messages = [SYSTEM, *turns] if has_system else turns
    fitted = fit(messages, encode, CONTEXT, "drop_oldest", new_tokens)
    head = messages[:1] if has_system else []
    kept = turns[fitted.dropped :]
    assert fitted.ids == encode([*head, *kept])
    assert len(fitted.ids) < CONTEXT
    assert kept[-1] == turns[-1] and kept[0].role == "user"
