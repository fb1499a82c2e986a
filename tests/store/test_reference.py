"""Names, addresses, revisions and files of strangers, as they are typed, pasted or sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadReference
from engine.store.reference import Reference, is_portable, parse_reference, stays_inside


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Qwen/Qwen3-0.6B", Reference("Qwen/Qwen3-0.6B")),
        (" Qwen/Qwen3-0.6B\n", Reference("Qwen/Qwen3-0.6B")),
        ("Qwen/Qwen3-0.6B@v1.0", Reference("Qwen/Qwen3-0.6B", "v1.0")),
        ("org/name@refs/pr/3", Reference("org/name", "refs/pr/3")),
        ("https://huggingface.co/org/name", Reference("org/name")),
        ("https://huggingface.co/org/name/", Reference("org/name")),
        ("http://www.huggingface.co/org/name?library=transformers#a", Reference("org/name")),
        ("huggingface.co/org/name", Reference("org/name")),
        ("https://hf.co/org/name", Reference("org/name")),
        ("https://huggingface.co/org/name/tree/dev", Reference("org/name", "dev")),
        ("https://huggingface.co/org/name/blob/dev/config.json", Reference("org/name", "dev")),
        (
            "https://huggingface.co/org/name/resolve/abc123/a/b.json",
            Reference("org/name", "abc123"),
        ),
        ("https://huggingface.co/org/name/tree/refs%2Fpr%2F1", Reference("org/name", "refs/pr/1")),
        ("https://huggingface.co/org/name/tree/refs/pr/1", Reference("org/name", "refs/pr/1")),
        ("https://huggingface.co/org/name/discussions/4", Reference("org/name")),
        ("https://hub.example:8080/org/name", Reference("org/name")),
    ],
)
def test_what_a_person_pastes_is_understood(
    text: str, expected: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example:8080/")
    assert parse_reference(text) == expected
    assert parse_reference(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no organisation"),
        ("gpt2", "no organisation"),
        ("a model for poems", "no organisation"),
        ("a/b/c", "no organisation"),
        ("../name", "no such name"),
        ("org/..", "no such name"),
        ("org/na--me", "no such name"),
        ("org/-name", "no such name"),
        ("org/" + "n" * 100, "no such name"),
        ("org/n\x00ame", "no such name"),
        ("org/name@../../x", "no such revision"),
        ("org/name@-x", "no such revision"),
        ("org/name@a b", "no such revision"),
        ("https://huggingface.co/datasets/org/name", "data set"),
        ("https://huggingface.co/spaces/org/name", "space"),
        ("https://huggingface.co/org", "no organisation"),
        ("https://example.com/org/name", "elsewhere"),
        ("https://huggingface.co.example.com/org/name", "elsewhere"),
        ("https://huggingface.co/..%2F..%2Fetc/name", "no organisation"),
        ("https://huggingface.co/../etc", "no such name"),
        ("http://[", "no address"),
    ],
)
def test_what_is_no_reference_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(BadReference, match=reason):
        parse_reference(text)


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_a_sentence(text: str) -> None:
    try:
        reference = parse_reference(text)
    except BadReference as error:
        assert len(str(error)) < 400
    else:
        assert stays_inside(reference.repo)
        assert stays_inside(reference.revision)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "..",
        "/etc/passwd",
        "a\\..\\x",
        "\\\\server\\x",
        "C:/x",
        "c:x",
        "a\x00b",
        "a\nb",
        "",
        ".",
        "./x",
        "a//b",
        "a/",
        "n" * 300,
        "\u202egpj.x",
    ],
)
def test_names_that_leave_the_folder_are_known(name: str) -> None:
    assert not stays_inside(name)


@pytest.mark.parametrize("name", ["config.json", "a/b/c.txt", "..a", "a..b", "模型.json", ".git"])
def test_names_that_stay_are_let_through(name: str) -> None:
    assert stays_inside(name)


@pytest.mark.parametrize("name", ["con", "NUL.json", "aux.safetensors", "a?", "a.", "a ", "x/com1"])
def test_names_that_windows_keeps_for_itself_are_known(name: str) -> None:
    assert not is_portable(name)
    assert is_portable("model-00001-of-00002.safetensors")
