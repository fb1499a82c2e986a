"""Units of Markdown -> the end of a QTextDocument, which grows and may be taken back to a mark.

Writes with a cursor, never as HTML, so that no text can become markup. Knows nothing of widgets.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token
from PySide6.QtGui import (
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextListFormat,
)

from desktop.formula_object import CHARACTER, FormulaObject
from desktop.look import CODE_TOP, Look
from desktop.markdown.reader import Unit
from desktop.markdown.table import Table, read_table
from desktop.typesetter import Typesetter

LINE_BREAK = "\u2028"
INDENT = 26.0  # px of a list's level
_DEEPEST_INDENT = 6
_URL = re.compile(r"https?://[^\s<>\"'`]{1,2000}")
_URL_END = re.compile(r"[.,;:!?*_~)\]}]+$")
_TASK = re.compile(r"\[([ xX])\] ")
_BULLETS = (
    QTextListFormat.Style.ListDisc,
    QTextListFormat.Style.ListCircle,
    QTextListFormat.Style.ListSquare,
)
_STYLES = {"strong_open": "strong", "em_open": "em", "s_open": "s"}


@dataclass(frozen=True)
class CodeBox:
    """Code in the document, from the line with its language to its last: positions of blocks.

    block: where it begins in the message, the same for all pieces of one block of code.
    """

    first: int
    last: int
    block: int
    text: str
    begins: bool
    ends: bool


@dataclass
class Written:
    """What stands in a document, by position: its units, and what is painted behind them."""

    units: list[tuple[int, Unit]] = field(default_factory=list)
    boxes: list[CodeBox] = field(default_factory=list)
    quotes: list[tuple[int, int, int]] = field(default_factory=list)  # first, last, depth
    rules: list[int] = field(default_factory=list)

    def cut(self, position: int) -> None:
        """Forget what stands at `position` and after it."""
        self.units = [unit for unit in self.units if unit[0] < position]
        self.boxes = [box for box in self.boxes if box.first < position]
        self.quotes = [quote for quote in self.quotes if quote[0] < position]
        self.rules = [rule for rule in self.rules if rule < position]


@dataclass
class _List:
    ordered: bool
    number: int
    markup: str


class DocumentWriter:
    """Writes into `document`, whose last block is "fresh" while nothing stands in it.

    awaits: something that was written is shown plainly until the typesetter is ready.
    """

    def __init__(self, document: QTextDocument, look: Look, typesetter: Typesetter) -> None:
        self._document = document
        self._typesetter = typesetter
        self._cursor = QTextCursor(document)
        self._formulas: FormulaObject | None = None
        self._fresh = True
        self._mark: tuple[int, bool] = (0, True)
        self._depth = 0
        self._lists: list[_List] = []
        self._at_item = False
        self._heading = ""
        self.written = Written()
        self.awaits = False
        self.look = look

    def clear(self, look: Look) -> None:
        """Take everything away, and go on with another look."""
        self._document.clear()
        self._cursor = QTextCursor(self._document)
        self._document.setDefaultFont(look.font)
        self._document.setIndentWidth(look.px(INDENT))
        if self._formulas:
            self._formulas.clear()
        self._fresh, self._mark = True, (0, True)
        self.look, self.written, self.awaits = look, Written(), False
        self._letters: dict[tuple[frozenset[str], str, str], QTextCharFormat] = {}

    def write(self, settled: Sequence[Unit], still_open: Sequence[Unit]) -> None:
        """Put `settled` in place of what was still open before, and what is now after it."""
        self._cursor.beginEditBlock()
        self._rewind()
        for unit in settled:
            self._write(unit)
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        self._mark = (self._cursor.position(), self._fresh)
        for unit in still_open:
            self._write(unit)
        self._cursor.endEditBlock()

    def _rewind(self) -> None:
        position, self._fresh = self._mark
        cursor = self._cursor
        cursor.setPosition(position)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        if cursor.hasSelection():
            cursor.removeSelectedText()
        self.written.cut(position + (0 if self._fresh else 1))

    # -- blocks ----------------------------------------------------------------------------------

    def _begin(self, form: QTextBlockFormat) -> int:
        """Begin a block, and return its position. The first of an item gets the item's mark."""
        if self._cursor.position() == 0:
            form.setTopMargin(min(form.topMargin(), self.look.px(CODE_TOP)))
        if self._fresh:
            self._cursor.setBlockFormat(form)
            self._cursor.setBlockCharFormat(self._format())
        else:
            self._cursor.insertBlock(form, self._format())
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

    @property
    def _indent(self) -> int:
        return min(len(self._lists), _DEEPEST_INDENT)

    def _write(self, unit: Unit) -> None:
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        start = self._cursor.position() + (0 if self._fresh else 1)
        if not unit.tokens:
            self._begin(self.look.plain_block())
            self._cursor.insertText(unit.source.removesuffix("\n"), self._format())
        place = 0
        quotes: list[int] = []
        while place < len(unit.tokens):
            place += self._token(unit, place, quotes)
        self.written.units.append((start, unit))

    def _token(self, unit: Unit, place: int, quotes: list[int]) -> int:  # noqa: C901, PLR0912
        """Write the token at `place`; return how many were taken."""
        token = unit.tokens[place]
        match token.type:
            case "paragraph_open":
                self._begin(self.look.block(self._depth, self._indent, bool(self._lists)))
            case "heading_open":
                self._heading = token.tag
                self._begin(self.look.heading(token.tag, self._depth, self._indent))
            case "heading_close":
                self._heading = ""
            case "inline":
                self._inline(token)
            case "fence" | "code_block":
                self._code(token, unit)
            case "math_block":
                self._begin(self.look.formula_block(self._depth, self._indent))
                self._formula(token, display=True)
            case "hr":
                if self._cursor.position():
                    self._fresh = False  # Qt puts an empty line after a table beside it
                form = self.look.rule_block(self._depth, self._indent)
                self.written.rules.append(self._begin(form))
            case "blockquote_open":
                self._depth += 1
                quotes.append(self._next_position())
            case "blockquote_close":
                last = self._cursor.block().position()
                self.written.quotes.append((quotes.pop(), last, self._depth))
                self._depth -= 1
            case "bullet_list_open":
                self._lists.append(_List(False, 1, token.markup))
            case "ordered_list_open":
                start = int(token.attrs.get("start", 1))
                number = unit.number if not self._lists else start
                self._lists.append(_List(True, number, token.markup))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._at_item = True
            case "list_item_close":
                if self._at_item:  # an empty item
                    self._begin(self.look.block(self._depth, self._indent, tight=True))
            case "table_open":
                table, taken = read_table(unit.tokens, place)
                self._table(table)
                return taken
        return 1

    def _next_position(self) -> int:
        return self._cursor.position() + (0 if self._fresh else 1)

    def _code(self, token: Token, unit: Unit) -> None:
        indent = self._indent
        if self._at_item:
            self._begin(self.look.block(self._depth, indent, tight=True))
        language = token.info.split()[0] if token.info.strip() else ""
        text = token.content.removesuffix("\n") if unit.ends else token.content
        if not text and not unit.begins:
            return
        first = -1
        if unit.begins:
            first = self._begin(self.look.code_label(self._depth, indent))
            self._cursor.insertText(language[:40] or "text", self.look.label_letters)
        body = self._begin(self.look.code_block(self._depth, indent, unit.ends))
        spans = self._typesetter.code(text, language)
        if spans is None:
            self.awaits = True
            spans = self._typesetter.code_so_far(text, language)
        for piece, colour in spans:
            shown = piece.replace("\n", LINE_BREAK)
            self._cursor.insertText(shown, self.look.code_letters(colour))
        is_whole = unit.kind == "fence"
        self.written.boxes.append(
            CodeBox(
                first if first >= 0 else body,
                body,
                unit.block if is_whole else -1,
                token.content,
                unit.begins,
                unit.ends,
            )
        )

    def _table(self, table: Table) -> None:
        if self._at_item:
            self._begin(self.look.block(self._depth, self._indent, tight=True))
        if table.rows:
            self._cells(table)
        if table.rest:
            self._begin(self.look.block(self._depth, self._indent))
            self._cursor.insertText(table.rest.replace("\n", LINE_BREAK), self._format())

    def _cells(self, table: Table) -> None:
        cursor = self._cursor
        form = self.look.table(self._depth, self._indent)
        made = cursor.insertTable(len(table.rows), table.columns, form)
        for i, row in enumerate(table.rows):
            for j, token in enumerate(row):
                cell = made.cellAt(i, j)
                self._cursor = cell.firstCursorPosition()
                self._cursor.setBlockFormat(self.look.cell(table.alignments[j]))
                if i == 0:
                    cell.setFormat(self.look.head_cell)
                self._heading = "cell" if i == 0 else ""
                self._inline(token)
        self._heading = ""
        self._cursor = cursor
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.setBlockFormat(QTextBlockFormat())
        self._fresh = True

    # -- within a block --------------------------------------------------------------------------

    def _format(self, style: frozenset[str] = frozenset(), link: str = "") -> QTextCharFormat:
        key = (style, link, self._heading)
        if key not in self._letters:
            self._letters[key] = self.look.letters(style, link, self._heading)
        return self._letters[key]

    def _inline(self, token: Token) -> None:
        """Write the text of a paragraph, a heading or a cell."""
        plain = token.meta.get("plain")
        if plain is not None:
            self._cursor.insertText(plain.replace("\n", LINE_BREAK), self._format())
            return
        children = list(token.children or ())
        if self._lists and children and children[0].type == "text":
            children[0] = self._task(children[0])
        style: frozenset[str] = frozenset()
        link = ""
        for child in children:
            match child.type:
                case "text" | "text_special":
                    self._text(child.content, style, link)
                case "code_inline":
                    self._cursor.insertText(child.content, self._format(style | {"code"}, link))
                case "softbreak" | "hardbreak":
                    # Models break lines where they mean it, in verses and addresses.
                    self._cursor.insertText(LINE_BREAK, self._format())
                case "strong_open" | "em_open" | "s_open":
                    style |= {_STYLES[child.type]}
                case "strong_close" | "em_close" | "s_close":
                    style -= {_STYLES[child.type.replace("close", "open")]}
                case "link_open":
                    link = str(child.attrs.get("href", ""))
                case "link_close":
                    link = ""
                case "image":
                    target = link or str(child.attrs.get("src", ""))
                    name = f"[image: {child.content or target}]"
                    self._cursor.insertText(name, self._format(style, target))
                case "math_inline":
                    self._formula(child, display=child.block)

    def _text(self, text: str, style: frozenset[str], link: str) -> None:
        """Write `text`; an address in it becomes a link."""
        place = 0
        for match in _URL.finditer(text) if not link and "://" in text else ():
            url = _URL_END.sub("", match[0])
            self._cursor.insertText(text[place : match.start()], self._format(style))
            self._cursor.insertText(url, self._format(style, url))
            place = match.start() + len(url)
        self._cursor.insertText(text[place:], self._format(style, link))

    def _task(self, text: Token) -> Token:
        """Tick the item's box where `text` begins with one; return the rest of it."""
        found = _TASK.match(text.content)
        if not found or not self._cursor.block().textList() or self._cursor.block().length() > 1:
            return text
        marker = QTextBlockFormat.MarkerType
        form = QTextBlockFormat()
        form.setMarker(marker.Unchecked if found[1] == " " else marker.Checked)
        self._cursor.mergeBlockFormat(form)
        return text.copy(content=text.content[found.end() :])

    def _formula(self, token: Token, display: bool) -> None:
        """Write a formula: its picture, or its source while there is none."""
        drawn = self._typesetter.formula(
            token.content, self.look.formula_size, display
        )
        if drawn is None:
            self.awaits = True
        if not drawn:
            source = token.markup.replace("\n", LINE_BREAK)
            self._cursor.insertText(source, self._format(frozenset({"code"})))
            return
        if not self._formulas:
            self._formulas = FormulaObject(self._document)
        form = self._formulas.format_of(drawn, token.markup, self.look)
        self._cursor.insertText(CHARACTER, form)
