"""What a model's tokenizer may do with a text: grow it, take its time, fail; each within bounds.

The `tokenizers` library holds Python's lock while it works, so that nothing here can interrupt it:
the system ends the process where a regular expression goes on and on.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tokenizers import Tokenizer

from engine.bounds import cpu_bound, memory_bound
from engine.errors import TernError, TokenizerFailed, reason_of

_LEAST_S = 20.0  # CPU time for any text
_PER_SECOND = 30_000  # characters; an honest tokenizer reads a million
_LEAST_MEMORY = 1 << 30  # bytes for any text
_PER_CHARACTER = 2_000  # bytes; an honest tokenizer takes 200
_GROWTH = 256  # times that replacements may lengthen a text
_OURS = (MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit)


@contextlib.contextmanager
def bounded(characters: int) -> Iterator[None]:
    """Bound what the library does with so many characters. Raises TokenizerFailed."""
    seconds, memory = _LEAST_S + characters / _PER_SECOND, _PER_CHARACTER * characters
    with explained(), cpu_bound(seconds), memory_bound(_LEAST_MEMORY + memory):
        yield


@contextlib.contextmanager
def decoding() -> Iterator[None]:
    """Bound the time of what is done for each token, whose memory `check_growth` has bounded."""
    with explained(), cpu_bound(_LEAST_S):
        yield


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Raise TokenizerFailed for whatever the library raises."""
    try:
        yield
    except (*_OURS, TernError):
        raise
    except BaseException as error:  # a panic of the library's is no Exception
        raise TokenizerFailed(reason=reason_of(error)) from error


def check_growth(backend: Tokenizer) -> None:
    """Raise ValueError where replacements, one after another, would make a text far longer."""
    for part in (backend.normalizer, backend.decoder):
        if part is not None and (growth := _growth([json.loads(part.__getstate__())])) > _GROWTH:
            raise ValueError(f"it makes texts up to {growth:.3g} times as long")


def _growth(rest: list[Any]) -> float:
    """Return how many times as long the replacements below `rest` can make a text."""
    growth = 1.0
    while rest:
        part = rest.pop()
        if isinstance(part, list):
            rest += part
        elif isinstance(part, dict) and part.get("type") == "Replace":
            growth *= _replacement(part["pattern"], part["content"])
        elif isinstance(part, dict):
            rest += part.values()
    return growth


def _replacement(pattern: dict[str, str], content: str) -> float:
    if "String" in pattern:
        return max(1.0, len(content) / max(1, len(pattern["String"])))
    return 1.0 + len(content)  # it may match the nothing between two characters
