"""Texts as they are stored and named; a chat's title is taken from its first message at once."""

import re

_LONGEST_TITLE = 60  # characters
_LONGEST_GIVEN = 200
_SEEN = 2000  # characters of the message that are looked at

# Control characters and line separators; marks that would turn the letters after them around.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FENCE = re.compile(r"^\s*(```|~~~)[^\n]*$", re.MULTILINE)
_PREFIX = re.compile(r"^\s*(#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+|\|)*")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_EMPHASIS = re.compile(r"(\*\*|__|~~|`+|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w))")
_TAG = re.compile(r"</?[a-zA-Z][^>\n]{0,200}>")
_SENTENCE = re.compile(r"^.{8,}?(?:[.!?…؟]+(?=\s)|[。！？]+)")


def clean(text: str) -> str:
    """Return `text` as it can be stored: half characters become the replacement character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str, longest: int = _LONGEST_GIVEN) -> str:
    """Return `text` on one line, without control characters, of at most `longest` characters."""
    line = " ".join(_CONTROLS.sub(" ", clean(text[: 10 * longest])).split())
    return line if len(line) <= longest else _cut(line, longest)


def title_of(text: str) -> str:
    """Return the first sentence or line of `text` without its Markdown, or "" where it is empty."""
    plain = _LINK.sub(r"\1", _FENCE.sub("", text[:_SEEN]))
    for line in plain.splitlines():
        bare = _EMPHASIS.sub("", _TAG.sub("", _PREFIX.sub("", line)))
        title = one_line(bare)
        if any(letter.isalnum() for letter in title):
            sentence = _SENTENCE.match(title)
            return one_line(sentence[0].rstrip(".。") if sentence else title, _LONGEST_TITLE)
    return one_line(text[:_SEEN], _LONGEST_TITLE)


def _cut(line: str, longest: int) -> str:
    """The line up to the last space that fits, or through a word where there is none near."""
    head = line[: longest - 1]
    words, _, rest = head.rpartition(" ")
    return (words if words and len(rest) < longest // 2 else head).rstrip(" ,;:-") + "…"
