"""What stands where in a document that a DocumentWriter wrote. Positions are the document's."""

from dataclasses import dataclass, field

from PySide6.QtGui import QTextLength, QTextTable

from desktop.markdown.reader import Unit

_PADDING = 2.0  # characters, as wide as what is left and right of a cell's text


@dataclass(frozen=True)
class CodeBox:
    """Code in the document, from the line with its language to its last: positions of blocks.

    block: where it begins in the message, the same for all pieces of one block of code; -1 for
    code within a list or a quotation, which is never in pieces.
    """

    first: int
    last: int
    block: int
    text: str
    begins: bool
    ends: bool


@dataclass(frozen=True)
class FittedTable:
    """A table whose columns get the width that their words need. Lengths are in characters.

    words, cells: the longest word and the longest cell of each column.
    """

    position: int
    table: QTextTable
    words: tuple[int, ...]
    cells: tuple[int, ...]

    def fit(self, characters: float) -> None:
        """Share `characters` of room between the columns, where the cells do not fit as they are.

        Qt alone would make columns of equal width, and break words in the narrow ones.
        """
        form = self.table.format()
        form.clearColumnWidthConstraints()
        form.setWidth(QTextLength())
        need, least = sum(self.cells), sum(self.words)
        if need > characters:
            spread = min(1.0, max(0.0, (characters - least) / max(1, need - least)))
            pairs = zip(self.words, self.cells, strict=True)
            widths = [word + (cell - word) * spread + _PADDING for word, cell in pairs]
            percent = QTextLength.Type.PercentageLength
            form.setWidth(QTextLength(percent, 100))
            form.setColumnWidthConstraints(
                [QTextLength(percent, 100 * width / max(1, sum(widths))) for width in widths]
            )
        if form != self.table.format():
            self.table.setFormat(form)


@dataclass
class Written:
    """What stands in a document: its units, and what is painted behind or fitted to a width."""

    units: list[tuple[int, Unit]] = field(default_factory=list)
    boxes: list[CodeBox] = field(default_factory=list)
    tables: list[FittedTable] = field(default_factory=list)
    quotes: list[tuple[int, int, int]] = field(default_factory=list)  # first, last, depth
    rules: list[int] = field(default_factory=list)

    def cut(self, position: int) -> None:
        """Forget what stands at `position` and after it."""
        self.units = [unit for unit in self.units if unit[0] < position]
        self.boxes = [box for box in self.boxes if box.first < position]
        self.tables = [table for table in self.tables if table.position < position]
        self.quotes = [quote for quote in self.quotes if quote[0] < position]
        self.rules = [rule for rule in self.rules if rule < position]
