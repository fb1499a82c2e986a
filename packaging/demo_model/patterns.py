"""Topics: the ways to ask one thing, and its answers.

A question is a pattern: `[a|b|]` stands for any one of its alternatives, and `expand` gives all of
them.
"""

import re
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Topic:
    """The ways to ask one thing, and its answers."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]


def expand(pattern: str) -> list[str]:
    """All texts that a pattern stands for."""
    parts = [part.split("|") for part in re.split(r"[\[\]]", pattern)]
    return [" ".join("".join(choice).split()) for choice in product(*parts)]


def topic(questions: str, *answers: str) -> Topic:
    """A topic from its question patterns, one a line."""
    lines = [line.strip() for line in questions.strip().splitlines()]
    expanded = [text for line in lines for text in expand(line)]
    return Topic(tuple(dict.fromkeys(expanded)), answers)
