"""The tokens of a table -> its rows, as many as can be laid out at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

_MOST_CELLS = 200
_MOST_COLUMNS = 20
_LONGEST_WORD = 12  # characters
_LONGEST_CELL = 60


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first one the head. rest: what is too much for a table, as text.

    alignments: "left", "center" or "right", or "" where the text's direction decides.
    """

    rows: Sequence[Sequence[Token]]
    alignments: Sequence[str]
    rest: str

    def widths(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the longest word and the longest cell of each column, in characters.

        Beyond a measure a word is broken and a cell wrapped in any case.
        """
        columns = [[row[j].content for row in self.rows] for j in range(len(self.alignments))]
        words = (
            max((len(word) for cell in column for word in cell.split()), default=1)
            for column in columns
        )
        cells = (max(len(cell) for cell in column) for column in columns)
        return (
            tuple(min(width, _LONGEST_WORD) for width in words),
            tuple(min(width, _LONGEST_CELL) for width in cells),
        )


def read_table(tokens: Sequence[Token], start: int) -> tuple[Table, int]:
    """Return the table whose opening is at `start`, and how many tokens it has."""
    rows: list[list[Token]] = []
    alignments: list[str] = []
    taken = 0
    for token in tokens[start:]:
        taken += 1
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            alignments.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
        elif token.type == "inline":
            rows[-1].append(token)
        elif token.type == "table_close":
            break
    shown = _MOST_CELLS // len(alignments) if len(alignments) <= _MOST_COLUMNS else 0
    rest = "\n".join(" | ".join(cell.content for cell in row) for row in rows[shown:])
    return Table(rows[:shown], alignments, rest), taken
