"""The catalogue of failures: each can happen, is worded plainly, gets its facts, and has a test."""

import ast
import functools
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import TernError, catalogue, showable

ROOT = Path(__file__).resolve().parents[2]
KINDS = catalogue()
FOR_THE_WINDOW = {"fitting"}  # the precision that a button offers
# Words of programmers, that a sentence for everybody does without.
JARGON = re.compile(r"(?i)\b(exception|traceback|stack|errno|null|none|invalid|abort|fatal|oops)\b")


@functools.cache
def calls() -> list[tuple[str, ast.Call]]:
    """Where the program makes a failure."""
    return list(_calls())


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for folder in ("engine", "desktop"):
        for source in sorted((ROOT / folder).rglob("*.py")):
            if source.name == "errors.py":
                continue
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = ast.unparse(node.func).rpartition(".")[2]
                    if name in KINDS:
                        yield f"{source.relative_to(ROOT)}:{node.lineno}", node


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_each_failure_can_happen() -> None:
    raised = {ast.unparse(node.func).rpartition(".")[2] for _, node in calls()}
    assert set(KINDS) - raised == set()


def test_each_gets_the_facts_that_its_words_name() -> None:
    seen = 0
    for place, node in calls():
        kind = KINDS[ast.unparse(node.func).rpartition(".")[2]]
        given = {keyword.arg for keyword in node.keywords}
        if None not in given:  # **facts
            seen += 1
            assert fields(kind.sentence) | fields(kind.way_out) == given - FOR_THE_WINDOW, place
    assert seen > 100


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_is_a_plain_sentence_and_a_way_out(kind: type[TernError]) -> None:
    for text in (kind.sentence, kind.way_out):
        if re.fullmatch(r"\{\w+\}", text):
            continue  # it is worded where it is raised
        assert text[0].isupper() or text[0] == "{", text
        assert text.endswith("."), text
        assert not JARGON.search(text), text
        assert len(text) < 170, text
    assert kind.exit_code in (2, 3)


def test_each_is_provoked_by_a_test() -> None:
    tests = "\n".join(
        file.read_text(encoding="utf-8")
        for file in (ROOT / "tests").rglob("test_*.py")
        if file != Path(__file__)
    )
    assert [kind for kind in KINDS if not re.search(rf"\b{kind}\b", tests)] == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\u202egpj.exe", "a\ufffdgpj.exe"),  # turns what follows it about
        ("a\x1b[2J\nb", "a\ufffd[2J b"),
        ("\udcff", "\ufffd"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
        ("\U00018d09", "\U00018d09"),  # of a newer Unicode than Python's
    ],
)
def test_what_a_name_holds_cannot_disturb_the_sentence(name: str, shown: str) -> None:
    assert showable(name) == shown
