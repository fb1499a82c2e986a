"""Text to ids and back: streamed text is never torn, templates are never trusted."""

import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import BadChatTemplate, DamagedFile, NoChatTemplate, NotAModel
from engine.messages import ChatMessage
from engine.models import demo_model
from engine.tokenizer import ChatTokenizer, Detokenizer, StopStrings

TOKENIZER = ChatTokenizer.load(demo_model().folder)
SPECIAL = tuple(f"<|{name}|>" for name in ("pad", "bos", "system", "user", "assistant", "end"))

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(relaxed, max_examples=500)
words = st.sampled_from(
    (
        "🙂",
        "👨‍👩‍👧",
        "🏳️‍🌈",
        "e\u0301",
        "a\u0308\u0323",
        "مرحبا",
        "שָׁלוֹם",
        "中文字",
        "日本",
        "हिन्दी",
        "𝄞",
        " ",
        "\n",
        "the",
    )
)
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")
texts = st.lists(st.one_of(words, st.text(letters, max_size=8)), max_size=12).map("".join)


# -- the detokenizer -----------------------------------------------------------------------------


def streamed(ids: Sequence[int]) -> list[str]:
    detokenizer = Detokenizer(TOKENIZER.decode)
    return [*(detokenizer.add(token) for token in ids), detokenizer.flush()]


@relaxed
@given(texts)
def test_streamed_pieces_are_the_text_and_never_half_a_character(text: str) -> None:
    pieces = streamed(TOKENIZER.encode(text))
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


@relaxed
@given(texts)
def test_what_is_shown_is_never_taken_back(text: str) -> None:
    for shown in itertools.accumulate(streamed(TOKENIZER.encode(text))):
        assert text.startswith(shown)


@relaxed
@given(st.text(max_size=20).filter(lambda text: not any(s in text for s in SPECIAL)))
def test_a_replacement_character_of_the_text_itself_arrives(text: str) -> None:
    text = f"{text.encode('utf-8', 'replace').decode()}\ufffd"
    assert "".join(streamed(TOKENIZER.encode(text))) == text


@thorough
@given(st.lists(st.integers(0, 2047), max_size=40))
def test_any_ids_stream_to_what_they_decode_to(ids: list[int]) -> None:
    """Also those that no text has: lone bytes, special tokens in mid-character."""
    assert "".join(streamed(ids)) == TOKENIZER.decode(ids)


def test_a_character_of_several_tokens_comes_whole_with_its_last() -> None:
    ids = TOKENIZER.encode("🙂")
    assert len(ids) > 1, "the demo tokenizer has a token for this character: choose another"
    assert streamed(ids) == [*[""] * (len(ids) - 1), "🙂", ""]


# -- stop strings --------------------------------------------------------------------------------


def shown_before(text: str, stops: Sequence[str]) -> str:
    """What a person reading character by character sees: cut before the first whole stop."""
    for end in range(1, len(text) + 1):
        ended = [stop for stop in stops if stop and text[:end].endswith(stop)]
        if ended:
            return text[: end - max(map(len, ended))]
    return text


def filtered(pieces: Sequence[str], stops: Sequence[str]) -> list[str]:
    """Feed `pieces` as generation does: no more of them once a stop string was found."""
    watcher = StopStrings(stops)
    shown = []
    for piece in pieces:
        shown.append(watcher.add(piece))
        if watcher.found:
            break
    return [*shown, watcher.flush()]


# Few letters, so that stop strings overlap each other and themselves.
few_letters = st.text("abc", max_size=12)


@st.composite
def some_stops(draw: st.DrawFn, text: str) -> list[str]:
    """Stop strings, mostly such as occur in `text`."""
    places = st.integers(0, len(text))
    occurring = st.builds(lambda start, length: text[start:][:length], places, st.integers(0, 4))
    return draw(st.lists(st.one_of(occurring, st.text("abc", max_size=3)), max_size=3))


@thorough
@given(few_letters, st.data())
def test_text_ends_before_the_first_stop_string_however_it_is_chunked(text: str, data) -> None:
    stops = data.draw(some_stops(text))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    pieces = [text[a:b] for a, b in itertools.pairwise(cuts)]
    assert "".join(filtered(pieces, stops)) == shown_before(text, stops)


@thorough
@given(few_letters, st.data())
def test_what_is_shown_before_a_stop_string_is_never_taken_back(text: str, data) -> None:
    stops = data.draw(some_stops(text))
    final = shown_before(text, stops)
    for shown in itertools.accumulate(filtered(list(text), stops)):
        assert final.startswith(shown)


def test_of_two_stop_strings_the_one_that_ends_first_counts_however_it_is_chunked() -> None:
    """ "bc" is whole before "abcd" is; a faster model must not change what is shown."""
    assert filtered(["abcd"], ["abcd", "bc"]) == ["a", ""]
    assert "".join(filtered("abcd", ["abcd", "bc"])) == "a"


def test_nothing_is_shown_after_a_stop_string() -> None:
    watcher = StopStrings(["STOP"])
    assert watcher.add("before STOP after") == "before "
    assert watcher.found
    assert watcher.flush() == ""


def test_a_stop_string_may_come_in_pieces_and_none_of_it_is_shown() -> None:
    assert filtered(["one ", "S", "T", "OP", "two"], ["STOP"]) == ["one ", "", "", "", ""]


def test_half_a_stop_string_at_the_end_is_shown_after_all() -> None:
    assert filtered(["one ", "STO"], ["STOP"]) == ["one ", "", "STO"]


def test_text_without_a_likeness_to_a_stop_string_is_not_held_back() -> None:
    assert filtered(["one ", "two"], ["STOP"]) == ["one ", "two", ""]


# -- chat templates ------------------------------------------------------------------------------


turns = st.lists(st.tuples(texts, texts), min_size=1, max_size=3)


@relaxed
@given(turns, st.booleans())
def test_each_turn_extends_the_ids_of_the_one_before(turns, with_system: bool) -> None:
    """So that the KV cache of a conversation serves its next turn."""
    history = [ChatMessage("system", "Be brief.")] if with_system else []
    before: list[int] = []
    for question, answer in turns:
        history.append(ChatMessage("user", question))
        ids = TOKENIZER.encode_chat(history)
        assert ids[: len(before)] == before
        before = ids
        history.append(ChatMessage("assistant", answer))


def test_a_conversation_ends_where_the_assistant_begins() -> None:
    ids = TOKENIZER.encode_chat([ChatMessage("user", "Hello")])
    answered = TOKENIZER.encode_chat(
        [ChatMessage("user", "Hello"), ChatMessage("assistant", "Hi"), ChatMessage("user", "Bye")]
    )
    assert answered[len(ids) :][: len(TOKENIZER.encode("Hi"))] == TOKENIZER.encode("Hi")


@relaxed
@given(texts)
def test_an_answer_that_is_continued_stays_open(beginning: str) -> None:
    question = ChatMessage("user", "Hello")
    open_ids = TOKENIZER.encode_chat([question, ChatMessage("assistant", beginning)], True)
    asked = TOKENIZER.encode_chat([question])
    assert open_ids == [*asked, *TOKENIZER.encode(beginning)]


def test_a_word_that_continues_a_text_keeps_its_space() -> None:
    """Some tokenizers take the space from whatever stands first."""

    def decode(ids: Sequence[int]) -> str:
        return "".join(f" word{i}" for i in ids).lstrip()

    assert Detokenizer(decode).add(7) == "word7"
    assert Detokenizer(decode, range(100)).add(7) == " word7"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo model's small files, to be changed."""
    source, target = demo_model().folder, tmp_path / "a model"
    target.mkdir()
    for file in source.glob("*.json"):
        shutil.copy(file, target)
    return target


def change(file: Path, **values: Any) -> None:
    """Set keys of a JSON file; None takes one away."""
    content = json.loads(file.read_text(encoding="utf-8")) | values
    kept = {key: value for key, value in content.items() if value is not None}
    file.write_text(json.dumps(kept), encoding="utf-8")


def with_template(folder: Path, template: str | None) -> ChatTokenizer:
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    change(folder / "tokenizer_config.json", chat_template=template)
    return ChatTokenizer.load(folder)


HELLO = [ChatMessage("user", "Hello")]


def test_a_model_without_a_template_says_so(folder: Path) -> None:
    with pytest.raises(NoChatTemplate, match="a model has no chat template"):
        with_template(folder, None).encode_chat(HELLO)


@pytest.mark.parametrize(
    "template",
    [
        "{% for message in messages %}",
        "{{ messages[0]['content' }}",
        "{{ raise_exception('Only one turn.') }}",
        "{{ messages[0].content.missing.attribute }}",
        "{{ messages + 1 }}",
        "{{ 1 // 0 }}",
        "{{ messages[7].content }}",
        "{{ range(10**9) | list }}",
        "{{ 'x' * 10**9 }}",
        "{{ [0] * 10**9 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{% for i in range(90000) %}{{ 'x' * 90000 }}{% endfor %}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_a_broken_template_is_an_explained_failure(folder: Path, template: str) -> None:
    tokenizer = with_template(folder, template)
    with pytest.raises(BadChatTemplate) as caught:
        tokenizer.encode_chat(HELLO)
    assert "template could not be applied" in caught.value.said
    assert "Traceback" not in caught.value.said


@pytest.mark.parametrize(
    "body",
    [
        "{% for j in n %}{% for k in n %}{% endfor %}{% endfor %}",
        "{% for j in n %}{% for k in n %}{{ '' }}{% endfor %}{% endfor %}",
        "{% for j in n %}{% for k in n %}{% set s.x = k %}{% endfor %}{% endfor %}",
        "{% macro m(d) %}{{ m(d - 1) ~ m(d - 1) if d else '' }}{% endmacro %}{{ m(60) }}",
    ],
)
def test_a_template_that_goes_on_and_on_is_ended(
    folder: Path, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.template_bounds._CPU_S", 0.2)
    preface = "{% set n = range(90000) %}{% set s = namespace(x=0) %}"
    tokenizer = with_template(folder, preface + body)
    with pytest.raises(BadChatTemplate, match="seconds"):
        tokenizer.encode_chat(HELLO)


def test_a_template_may_take_its_time_again_at_each_turn(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.template_bounds._CPU_S", 0.5)
    tokenizer = with_template(folder, "{% for i in range(90000) %}{% endfor %}Hello")
    for _ in range(10):
        assert tokenizer.encode_chat(HELLO) == tokenizer.encode("Hello")


def test_a_template_of_absurd_length_is_refused(folder: Path) -> None:
    with pytest.raises(BadChatTemplate, match="characters"):
        with_template(folder, "x" * 1_500_000).encode_chat(HELLO)


def test_a_template_cannot_reach_python(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "reached"
    walk = "''.__class__.__mro__[1].__subclasses__()"
    for template in (
        "{{ ''.__class__.__mro__ }}",
        f"{{% for c in {walk} %}}{{{{ c }}}}{{% endfor %}}",
        f"{{{{ cycler.__init__.__globals__.os.system('touch {proof}') }}}}",
        f"{{{{ raise_exception.__globals__['__builtins__']['open']('{proof}', 'w') }}}}",
        f"{{{{ messages.__class__.__base__.__subclasses__()[0]('{proof}') }}}}",
    ):
        with pytest.raises(BadChatTemplate):
            with_template(folder, template).encode_chat(HELLO)
    assert not proof.exists()


def test_a_template_cannot_change_the_conversation(folder: Path) -> None:
    with pytest.raises(BadChatTemplate):
        with_template(folder, "{{ messages.append(1) }}").encode_chat(HELLO)


# -- files ---------------------------------------------------------------------------------------


def test_a_folder_without_a_tokenizer_is_no_model(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(NotAModel, match="it holds no tokenizer"):
        ChatTokenizer.load(folder)


@pytest.mark.parametrize("damage", ["empty", "half", "garbage", "another object"])
def test_a_damaged_tokenizer_names_its_file(folder: Path, damage: str) -> None:
    file = folder / "tokenizer.json"
    content = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "half": content[: len(content) // 2],
            "garbage": b"\x00\xff\xfe" * 100,
            "another object": b'{"version": "1.0"}',
        }[damage]
    )
    with pytest.raises(DamagedFile, match=r"tokenizer\.json") as caught:
        ChatTokenizer.load(folder)
    assert "\n" not in caught.value.said
    assert not caught.value.said.endswith("..")


def test_a_damaged_tokenizer_configuration_is_an_explained_failure(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(DamagedFile):
        ChatTokenizer.load(folder)


@pytest.mark.parametrize("value", [[5, 2], 5])
def test_every_id_that_ends_a_turn_is_known(folder: Path, value: object) -> None:
    change(folder / "generation_config.json", eos_token_id=value)
    change(folder / "config.json", eos_token_id=3)
    expected = {3, 5} | (set(value) if isinstance(value, list) else {value})
    assert ChatTokenizer.load(folder).end_ids == expected
