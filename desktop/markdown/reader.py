"""Growing text -> units: the top-level blocks of Markdown, of which only the last may still change.

A message is read in slices of bounded length, so that neither a long message nor a long block in
it ever takes long; while it grows, only what may still change is parsed again.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from markdown_it import MarkdownIt
from markdown_it.token import Token

_SLICE = 3_000  # characters parsed at a time
_CODE_PIECE = 1_500  # characters of growing code that stay open, for its colours' sake
_MOST_DEFINITIONS = 200
_DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]{1,100}\]:[ \t]*\S.{0,2000}$", re.MULTILINE)
_UNSHOWABLE = re.compile("[\x00\ud800-\udfff\ufdd0\ufdd1\ufffc]")
_LISTS = ("bullet_list_open", "ordered_list_open")


@dataclass(frozen=True)
class Unit:
    """A top-level block, an item of a top-level list, or a piece of a long code block.

    source: its Markdown with the empty lines after it, which stands at `start` in the text.
    number: an ordered item's. block: where the block begins, the same for all pieces of one.
    begins, ends: whether the code block begins and ends with this piece.
    """

    tokens: tuple[Token, ...]
    source: str
    start: int
    block: int
    number: int = 0
    begins: bool = True
    ends: bool = True

    @property
    def kind(self) -> str:
        """The type of its first token, "plain" for text that is no Markdown."""
        return self.tokens[0].type if self.tokens else "plain"


@dataclass(frozen=True)
class Step:
    """What a reading brought: settled units for good, open ones until the next reading.

    more: the text goes on beyond this step.
    """

    settled: Sequence[Unit]
    open: Sequence[Unit] = ()
    more: bool = False


def clean(text: str) -> str:
    """Return `text` with lines ended by "\\n" and without what no document can hold."""
    return _UNSHOWABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


class Reader:
    """Reads one message, step by step.

    parser: None for text that is no Markdown.
    """

    def __init__(self, parser: MarkdownIt | None) -> None:
        self._parser = parser
        self._settled = 0  # characters
        self._last: Unit | None = None  # the last settled unit
        self._prefix = ""  # the line that the rest of a cut block needs before it
        self._definitions: dict[str, object] | None = None

    def read(self, text: str, growing: bool) -> Step:
        """Read on in `text`, which begins with what was settled before.

        growing: more may be added to the text.
        """
        if self._definitions is None:
            self._definitions = self._find_definitions(text)
        end = _slice_end(text, self._settled)
        units = self._units(text, end)
        if end < len(text):
            return self._step_on(units, end)
        if not growing:
            self._settle(units, end)
            return Step(units)
        settled, still_open = _divide(units, text)
        self._settle(settled, still_open[0].start if still_open else self._settled)
        return Step(settled, still_open)

    def is_outdated(self, text: str) -> bool:
        """Return whether `text` now defines links that what was settled could not know."""
        return self._definitions is not None and self._definitions != self._find_definitions(text)

    def _step_on(self, units: list[Unit], end: int) -> Step:
        """Settle all but the last unit of a slice; where it is the only one, it is cut here."""
        if len(units) > 1:
            end = units.pop().start
        elif units:
            units = [replace(units[0], ends=not _can_go_on(units[0]))]
        self._settle(units, end)
        return Step(units, more=True)

    def _settle(self, units: Sequence[Unit], position: int) -> None:
        self._settled = position
        if not units:
            return
        self._last = last = units[-1]
        if last.ends:
            self._prefix = ""
        else:
            head = 1 if last.kind == "fence" else 2
            self._prefix = _first_lines(self._prefix + last.source, head)

    def _units(self, text: str, end: int) -> list[Unit]:
        """Parse from what is settled to `end`."""
        start = self._settled
        source = text[start:end]
        if not self._parser:
            return [Unit((), source, start, start)] if source else []
        # A table that was cut at its end has no more rows to repeat its head for.
        prefix = "" if self._is_table_over(source) else self._prefix
        environment = {"references": dict(self._definitions or {})}
        groups = list(_groups(self._parser.parse(prefix + source, environment)))
        lines = [0] * prefix.count("\n") + _line_starts(source)
        places = [start + lines[group[0].map[0]] for group in groups if group[0].map]
        places = [start, *places[1:], end]
        units = [
            Unit(tuple(group), text[first:last], first, first)
            for group, first, last in zip(groups, places, places[1:], strict=False)
        ]
        if units and prefix and self._last:
            continues = units[0].kind == "fence"
            units[0] = replace(units[0], block=self._last.block, begins=not continues)
        return list(self._numbered(units))

    def _is_table_over(self, source: str) -> bool:
        return self._last is not None and self._last.kind == "table_open" and source[:1] == "\n"

    def _numbered(self, units: list[Unit]) -> Iterator[Unit]:
        """Give ordered items their numbers: counted on, as Markdown has it."""
        last = self._last
        for unit in units:
            token = unit.tokens[0]
            if token.type == "ordered_list_open":
                goes_on = last and last.number and last.tokens[0].markup == token.markup
                number = last.number + 1 if last and goes_on else int(token.attrs.get("start", 1))
                unit = replace(unit, number=number)  # noqa: PLW2901
            last = unit
            yield unit

    def _find_definitions(self, text: str) -> dict[str, object]:
        found = [match[0] for match in islice(_DEFINITION.finditer(text), _MOST_DEFINITIONS)]
        environment: dict[str, dict[str, object]] = {}
        if self._parser and found:
            self._parser.parse("\n".join(found), environment)
        return environment.get("references", {})


def _slice_end(text: str, start: int) -> int:
    """Return where a slice from `start` ends: with the text, with a line, or within a long line."""
    if len(text) - start <= _SLICE:
        return len(text)
    return text.rfind("\n", start, start + _SLICE) + 1 or start + _SLICE


def _divide(units: list[Unit], text: str) -> tuple[list[Unit], list[Unit]]:
    """Return the units that cannot change any more, and those that can."""
    if not units:
        return [], []
    # A line that is not complete may yet turn into anything: "1" into the next item of a list.
    last_line = text.rfind("\n") + 1
    sure = max(0, len(units) - 1 - (units[-1].start >= last_line))
    settled, still_open = units[:sure], units[sure:]
    if len(still_open) == 1 and still_open[0].kind == "fence" and not _is_closed(still_open[0]):
        head, rest = _cut_code(still_open[0])
        return settled + head, rest
    return settled, still_open


def _cut_code(unit: Unit) -> tuple[list[Unit], list[Unit]]:
    """Settle the beginning of long code, up to a line where colouring can begin anew."""
    token = unit.tokens[0]
    old = token.content[:-_CODE_PIECE]
    cut = old.rfind("\n\n") + 2 if "\n\n" in old else old.rfind("\n") + 1
    if cut < _CODE_PIECE:
        return [], [unit]
    lines = token.content.count("\n", 0, cut) + unit.begins
    place = _line_starts(unit.source)[lines]
    head = replace(
        unit,
        tokens=(token.copy(content=token.content[:cut]),),
        source=unit.source[:place],
        ends=False,
    )
    rest = replace(
        unit,
        tokens=(token.copy(content=token.content[cut:]),),
        source=unit.source[place:],
        start=unit.start + place,
        begins=False,
    )
    return [head], [rest]


def _can_go_on(unit: Unit) -> bool:
    """Return whether the rest of a block that is cut needs its first lines again."""
    return unit.kind == "table_open" or (unit.kind == "fence" and not _is_closed(unit))


def _is_closed(unit: Unit) -> bool:
    """Return whether a fence has its closing line."""
    token = unit.tokens[0]
    height = token.map[1] - token.map[0] if token.map else 0
    has_whole_lines = not token.content or token.content.endswith("\n")
    return has_whole_lines and height == token.content.count("\n") + 2


def _groups(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of each top-level block, and of each item of a top-level list."""
    group: list[Token] = []
    for token in tokens:
        if group and group[0].type in _LISTS and token.level == 1 and token.nesting == 1:
            if len(group) > 1:
                yield [*group, _closing(group[0])]
            group = [group[0].copy(map=token.map)]
        group.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield group
            group = []


def _closing(opening: Token) -> Token:
    return opening.copy(type=opening.type.replace("_open", "_close"), nesting=-1)


def _line_starts(text: str) -> list[int]:
    """Return where each line of `text` starts, and where it ends."""
    return [0, *(match.end() for match in re.finditer("\n", text)), len(text)]


def _first_lines(text: str, count: int) -> str:
    return "".join(line + "\n" for line in text.split("\n", count)[:count])
