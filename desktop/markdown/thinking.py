"""The block of reasoning that some models write before their answer: <think>…</think>."""

import re
from dataclasses import dataclass

_NAMES = ("think", "thinking", "thought", "reasoning")
_OPENING = re.compile(rf"\s*<({'|'.join(_NAMES)})>", re.IGNORECASE)
# The opening tag may stand in the chat template, so that the answer has the closing one alone.
_CLOSING_ALONE = re.compile(r"^[ \t]*</think>[ \t]*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Parts:
    """A message's reasoning, "" where there is none, and its answer.

    is_open: the reasoning has not ended yet.
    """

    thinking: str
    answer: str
    is_open: bool = False


def split(text: str) -> Parts:
    """Return the reasoning at the start of `text` apart from the answer after it."""
    opening = _OPENING.match(text)
    if opening:
        closing = re.compile(rf"</{opening[1]}>", re.IGNORECASE).search(text, opening.end())
        if closing is None:
            return Parts(text[opening.end() :].lstrip(), "", is_open=True)
        thinking, answer = text[opening.end() : closing.start()], text[closing.end() :]
        return Parts(thinking.strip(), answer.lstrip("\r\n"))
    alone = _CLOSING_ALONE.search(text)
    if alone and "```" not in text[: alone.start()]:
        return Parts(text[: alone.start()].strip(), text[alone.end() :].lstrip("\r\n"))
    return Parts("", "" if _may_become_opening(text) else text)


def _may_become_opening(text: str) -> bool:
    start = text.strip().lower()
    return start.startswith("<") and any(f"<{name}>".startswith(start) for name in _NAMES)
