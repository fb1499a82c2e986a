"""The turns of a conversation, without a window."""

from desktop import wording
from desktop.conversation import Conversation
from engine.messages import ChatMessage, Precision


def test_a_partial_answer_stays_in_the_conversation() -> None:
    talk = Conversation()
    _, answer = talk.ask("hello", Precision.INT4)
    answer.text = "Good mor"
    assert talk.cut(answer) == ""
    talk.ask("go on", Precision.INT4)
    assert talk.messages() == (
        ChatMessage("user", "hello"),
        ChatMessage("assistant", "Good mor"),
        ChatMessage("user", "go on"),
    )
    assert wording.caption(answer) == "int4 · cut short"


def test_a_question_without_an_answer_comes_back() -> None:
    talk = Conversation()
    _, answer = talk.ask("hello", Precision.BF16)
    assert talk.cut(answer) == "hello"
    assert not talk


def test_roles_alternate_after_an_answer_stopped_before_its_first_word() -> None:
    talk = Conversation()
    _, answer = talk.ask("hello", Precision.BF16)
    answer.ending = "complete"
    talk.ask("again", Precision.BF16)
    assert talk.messages() == (ChatMessage("user", "again"),)


def test_figures_read_well() -> None:
    assert wording.size(812_345_678) == "812 MB"
    assert wording.size(1_234_567_890) == "1.23 GB"
    assert wording.size(2_345_678) == "2.3 MB"
    assert wording.speed(0) == "–"
    assert wording.speed(1234.5) == "1,234"
    assert wording.seconds(0.0854) == "85 ms"
    assert wording.count(1, "token") == "1 token"
