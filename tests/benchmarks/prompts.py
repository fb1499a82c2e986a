"""Prompts of an exact number of tokens, known both as text and as ids.

Tern is given the text and tokenises it, llama.cpp the ids. The words are such that each is one
token of the demo model's tokenizer, whose ids every shape's vocabulary has.
"""

import random
from dataclasses import dataclass

from tokenizers import Tokenizer  # type: ignore[import-untyped]

from engine.models import demo_model

_SPACE = "Ġ"  # how byte-level BPE writes a leading space


@dataclass(frozen=True)
class Prompt:
    """The same prompt twice."""

    text: str
    ids: list[int]


class PromptMaker:
    """Makes prompts, the same ones in each run, that all begin with different tokens.

    So that the KV cache of one is of no use to the next.
    """

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_file(str(demo_model().folder / "tokenizer.json"))
        vocabulary = self._tokenizer.get_vocab()
        words = sorted(t.replace(_SPACE, " ") for t in vocabulary if t[1:].isalpha())
        self._words = [w for w in words if w[0] == " " and len(self._encode(w)) == 1]
        self._random = random.Random(0)
        self._openers = iter(self._random.sample(self._words, len(self._words)))

    def prompt(self, tokens: int) -> Prompt:
        """Return a prompt of `tokens` tokens, at least one."""
        text = "".join((next(self._openers), *self._random.choices(self._words, k=tokens - 1)))
        ids = self._encode(text)
        if len(ids) != tokens:
            raise ValueError(f"a prompt of {tokens} tokens came out as {len(ids)}")
        return Prompt(text, ids)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids
