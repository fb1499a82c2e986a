"""Text as it is searched: without case, accents or vowel points, every letter in one form.

`fold` works letter by letter, so fold(a + b) == fold(a) + fold(b), and a place in the folded text
can be led back to one in the text itself.
"""

import unicodedata
from collections.abc import Sequence

import msgspec

_BLOCK = 4096  # characters folded at a time while a place is looked for
_TATWEEL = "\u0640"  # lengthens an Arabic word and says nothing
_CONTROLS = dict.fromkeys(range(32), " ")  # SQLite's text functions end at a NUL


def fold(text: str) -> str:
    """Return `text` as it is compared: "Größe" and "GROSSE" are the same."""
    if text.isascii():
        return text.translate(_CONTROLS).lower()
    parts = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in parts if not unicodedata.combining(c) and c != _TATWEEL)
    again = unicodedata.normalize("NFKD", bare.casefold())
    return "".join(c for c in again if not unicodedata.combining(c)).translate(_CONTROLS)


def findable(content: str, attachments: str) -> str:
    """Return what a message is found by: its folded content and its attachments' names.

    attachments: JSON, as the message table holds it.
    """
    names = [named.name for named in msgspec.json.decode(attachments, type=list[_Named])]
    return fold("\n".join([content, *names]))


class _Named(msgspec.Struct, frozen=True):
    name: str


def spans(text: str, terms: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return where the folded `terms` stand in `text`: sorted (start, end) that do not overlap."""
    origins: list[int] = []
    folded = ""
    for place, letter in enumerate(text):
        form = fold(letter)
        folded += form
        origins += [place] * len(form)
    found: list[tuple[int, int]] = []
    for term in terms:
        start = folded.find(term)
        while start >= 0:
            last = start + len(term) - 1
            found.append((origins[start], origins[last] + 1))
            start = folded.find(term, last + 1)
    return _merged(found)


def place_of(text: str, terms: Sequence[str]) -> int:
    """Return where in `text` the first of the folded `terms` begins, 0 where none does."""
    folded = fold(text)
    places = [place for term in terms if (place := folded.find(term)) >= 0]
    if not places:
        return 0
    wanted = min(places)
    if text.isascii():
        return wanted
    done = start = 0
    while done + len(fold(text[start : start + _BLOCK])) <= wanted:
        done += len(fold(text[start : start + _BLOCK]))
        start += _BLOCK
    while done + len(fold(text[start])) <= wanted:
        done += len(fold(text[start]))
        start += 1
    return start


def _merged(found: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    apart: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return tuple(apart)
