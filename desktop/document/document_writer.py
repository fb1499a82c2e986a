"""Units of Markdown -> the end of a QTextDocument, which grows and may be taken back to a mark.

Writes with a cursor, never as HTML, so that no text can become markup. Knows nothing of widgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token
from PySide6.QtGui import QTextBlockFormat, QTextCursor, QTextDocument, QTextListFormat

from desktop.document.inline_writer import LINE_BREAK, InlineWriter
from desktop.document.look import CODE_TOP, INDENT, Look
from desktop.document.typesetter import Typesetter
from desktop.document.written import CodeBox, FittedTable, Written
from desktop.markdown.reader import Unit
from desktop.markdown.table import Table, read_table

_DEEPEST_INDENT = 6
_BULLETS = (
    QTextListFormat.Style.ListDisc,
    QTextListFormat.Style.ListCircle,
    QTextListFormat.Style.ListSquare,
)


@dataclass
class _List:
    """An open list, and the number of its next item."""

    ordered: bool
    number: int
    markup: str


class DocumentWriter:
    """Writes into `document`, whose last block is "fresh" while nothing stands in it.

    is_stale: something settled is shown plainly until the typesetter is ready.
    """

    def __init__(self, document: QTextDocument, look: Look, typesetter: Typesetter) -> None:
        self._document = document
        self._typesetter = typesetter
        self._cursor = QTextCursor(document)
        self._inline = InlineWriter(document, look, typesetter)
        self._fresh = True
        self._mark: tuple[int, bool] = (0, True)
        self._depth = 0  # of quotations
        self._lists: list[_List] = []
        self._at_item = False
        self._quotes: list[int] = []  # where the open ones begin
        self._awaits_colours = False
        self.is_stale = False
        self.written = Written()
        self.look = look

    def clear(self, look: Look) -> None:
        """Take everything away, and go on with another look."""
        self._document.clear()
        self._cursor = QTextCursor(self._document)
        self._document.setDefaultFont(look.font)
        self._document.setIndentWidth(look.px(INDENT))
        self._inline.clear(look)
        self._fresh, self._mark = True, (0, True)
        self.look, self.written, self.is_stale = look, Written(), False

    def write(self, settled: Sequence[Unit], still_open: Sequence[Unit]) -> None:
        """Put `settled` in place of what was still open before, and what is now after it."""
        self._cursor.beginEditBlock()
        self._rewind()
        self._awaits_colours = self._inline.awaits = False
        for unit in settled:
            self._write(unit)
        self.is_stale |= self._awaits_colours or self._inline.awaits
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        self._mark = (self._cursor.position(), self._fresh)
        for unit in still_open:
            self._write(unit)
        self._cursor.endEditBlock()

    def _rewind(self) -> None:
        """Take away what was still open."""
        position, self._fresh = self._mark
        cursor = self._cursor
        cursor.setPosition(position)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        if cursor.hasSelection():
            cursor.removeSelectedText()
        self.written.cut(self._next_position())

    # -- blocks ----------------------------------------------------------------------------------

    @property
    def _indent(self) -> int:
        return min(len(self._lists), _DEEPEST_INDENT)

    def _next_position(self) -> int:
        return self._cursor.position() + (0 if self._fresh else 1)

    def _begin(self, form: QTextBlockFormat) -> int:
        """Begin a block, and return its position. The first of an item gets the item's mark."""
        if self._cursor.position() == 0:
            form.setTopMargin(min(form.topMargin(), self.look.px(CODE_TOP)))
        if self._fresh:
            self._cursor.setBlockFormat(form)
            self._cursor.setBlockCharFormat(self._inline.letters())
        else:
            self._cursor.insertBlock(form, self._inline.letters())
        self._fresh = False
        if self._at_item:
            self._at_item = False
            self._mark_item(form)
        return self._cursor.block().position()

    def _mark_item(self, form: QTextBlockFormat) -> None:
        of = self._lists[-1]
        made = QTextListFormat()
        made.setIndent(self._indent)
        if of.ordered:
            made.setStyle(QTextListFormat.Style.ListDecimal)
            made.setNumberSuffix(of.markup)
            made.setStart(of.number)
            of.number += 1
        else:
            made.setStyle(_BULLETS[min(len(self._lists), len(_BULLETS)) - 1])
        form.setIndent(0)  # the list's own is added to it
        self._cursor.setBlockFormat(form)
        self._cursor.createList(made)

    def _end_item(self) -> None:
        """Write the mark of an item that has no text of its own before what comes now."""
        if self._at_item:
            self._begin(self.look.block(self._depth, self._indent, tight=True))

    def _write(self, unit: Unit) -> None:
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        start = self._next_position()
        if not unit.tokens:
            self._begin(self.look.plain_block())
            self._cursor.insertText(unit.source.removesuffix("\n"), self._inline.letters())
        place = 0
        while place < len(unit.tokens):
            if unit.tokens[place].type == "table_open":
                table, taken = read_table(unit.tokens, place)
                self._table(table)
                place += taken
            else:
                self._token(unit.tokens[place], unit)
                place += 1
        self.written.units.append((start, unit))

    def _token(self, token: Token, unit: Unit) -> None:
        look, depth, indent = self.look, self._depth, self._indent
        match token.type:
            case "paragraph_open":
                self._begin(look.block(depth, indent, tight=bool(self._lists)))
            case "heading_open":
                self._inline.heading = token.tag
                self._begin(look.heading(token.tag, depth, indent))
            case "heading_close":
                self._inline.heading = ""
            case "inline":
                self._inline.write(self._cursor, token, bool(self._lists))
            case "fence" | "code_block":
                self._code(token, unit)
            case "math_block":
                self._begin(look.formula_block(depth, indent))
                self._inline.formula(self._cursor, token, display=True)
            case "hr":
                if self._cursor.position():
                    self._fresh = False  # Qt puts an empty line after a table beside it
                self.written.rules.append(self._begin(look.rule_block(depth, indent)))
            case _:
                self._nest(token, unit)

    def _nest(self, token: Token, unit: Unit) -> None:
        """Enter or leave a list or a quotation."""
        match token.type:
            case "blockquote_open":
                self._end_item()
                self._depth += 1
                self._quotes.append(self._next_position())
            case "blockquote_close":
                last = self._cursor.block().position()
                self.written.quotes.append((self._quotes.pop(), last, self._depth))
                self._depth -= 1
            case "bullet_list_open":
                self._end_item()
                self._lists.append(_List(False, 1, token.markup))
            case "ordered_list_open":
                self._end_item()
                start = int(token.attrs.get("start", 1))
                number = start if self._lists or self._depth else unit.number
                self._lists.append(_List(True, number, token.markup))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._at_item = True
            case "list_item_close":
                self._end_item()

    def _code(self, token: Token, unit: Unit) -> None:
        self._end_item()
        language = token.info.split()[0] if token.info.strip() else ""
        text = token.content.removesuffix("\n") if unit.ends else token.content
        if not text and not unit.begins:
            return
        first = self._next_position()
        if unit.begins:
            self._begin(self.look.code_label(self._depth, self._indent))
            self._cursor.insertText(language[:40] or "text", self.look.label_letters)
        body = self._begin(self.look.code_block(self._depth, self._indent, unit.ends))
        spans = self._typesetter.code(text, language)
        if spans is None:
            self._awaits_colours = True
            spans = self._typesetter.code_so_far(text, language)
        for piece, colour in spans:
            letters = self.look.code_letters(colour)
            self._cursor.insertText(piece.replace("\n", LINE_BREAK), letters)
        block = unit.block if unit.kind == "fence" else -1
        self.written.boxes.append(
            CodeBox(first, body, block, token.content, unit.begins, unit.ends)
        )

    # -- tables ----------------------------------------------------------------------------------

    def _table(self, table: Table) -> None:
        self._end_item()
        if table.rows:
            self._cells(table)
        if table.rest:
            self._begin(self.look.block(self._depth, self._indent))
            self._inline.plain(self._cursor, table.rest)

    def _cells(self, table: Table) -> None:
        cursor = self._cursor
        position = self._next_position()
        form = self.look.table(self._depth, self._indent)
        made = cursor.insertTable(len(table.rows), len(table.alignments), form)
        for i, row in enumerate(table.rows):
            self._inline.heading = "cell" if i == 0 else ""
            for j, token in enumerate(row):
                cell = made.cellAt(i, j)
                inside = cell.firstCursorPosition()
                inside.setBlockFormat(self.look.cell(table.alignments[j]))
                if i == 0:
                    cell.setFormat(self.look.head_cell)
                self._inline.write(inside, token, in_list=False)
        self._inline.heading = ""
        self.written.tables.append(FittedTable(position, made, *table.widths()))
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.setBlockFormat(QTextBlockFormat())
        self._fresh = True
