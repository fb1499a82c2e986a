"""The text within a paragraph, a heading or a cell -> formatted pieces at a cursor."""

import re

from markdown_it.token import Token
from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor, QTextDocument

from desktop.document.formula_object import CHARACTER, FormulaObject
from desktop.document.look import Look
from desktop.document.typesetter import Typesetter
from desktop.translation import tr

LINE_BREAK = "\u2028"
_URL = re.compile(r"https?://[^\s<>\"'`]{1,2000}")
_URL_END = re.compile(r"[.,;:!?*_~)\]}]+$")
_TASK = re.compile(r"\[([ xX])\] ")
_STYLES = {"strong": "strong", "em": "em", "s": "s"}
_PLAIN: frozenset[str] = frozenset()


class InlineWriter:
    """Writes with formats that it keeps.

    awaits: a formula was written as its source until the typesetter is ready.
    """

    def __init__(self, document: QTextDocument, look: Look, typesetter: Typesetter) -> None:
        self._document = document
        self._typesetter = typesetter
        self._formulas: FormulaObject | None = None
        self._letters: dict[tuple[frozenset[str], str, str], QTextCharFormat] = {}
        self.look = look
        self.awaits = False
        self.heading = ""  # "h1" to "h6", "cell" for a table's head, "" for other text

    def clear(self, look: Look) -> None:
        """Begin anew in an emptied document, with another look."""
        self.look = look
        self._letters.clear()
        if self._formulas:
            self._formulas.clear()

    def letters(self, style: frozenset[str] = _PLAIN, link: str = "") -> QTextCharFormat:
        """Return the format of text: any of "strong", "em", "s" and "code"; `link` is an URL."""
        key = (style, link, self.heading)
        if key not in self._letters:
            self._letters[key] = self.look.letters(style, link, self.heading)
        return self._letters[key]

    def plain(self, cursor: QTextCursor, text: str) -> None:
        """Write `text` as it is."""
        cursor.insertText(text.replace("\n", LINE_BREAK), self.letters())

    def write(self, cursor: QTextCursor, token: Token, in_list: bool) -> None:
        """Write the content of an inline token."""
        if "plain" in token.meta:
            self.plain(cursor, token.meta["plain"])
            return
        children = list(token.children or ())
        if in_list and children and children[0].type == "text":
            children[0] = _tick(cursor, children[0])
        style, link = _PLAIN, ""
        for child in children:
            if child.tag in _STYLES:
                style ^= {child.tag}
            elif child.tag == "a":
                link = str(child.attrs.get("href", ""))  # none in the closing one
            else:
                self._piece(cursor, child, style, link)

    def formula(self, cursor: QTextCursor, token: Token, display: bool) -> None:
        """Write a formula: its picture, or its source while there is none."""
        size = self.look.formula_size
        drawn = self._typesetter.formula(token.content, size, display)
        self.awaits |= drawn is None
        if not drawn:
            source = token.markup.replace("\n", LINE_BREAK)
            cursor.insertText(source, self.letters(frozenset({"code"})))
            return
        if not self._formulas:
            self._formulas = FormulaObject(self._document)
        form = self._formulas.format_of(drawn, token.markup, self.look)
        cursor.insertText(CHARACTER, form)

    def _piece(self, cursor: QTextCursor, token: Token, style: frozenset[str], link: str) -> None:
        match token.type:
            case "code_inline":
                cursor.insertText(token.content, self.letters(style | {"code"}, link))
            case "softbreak" | "hardbreak":
                # Models break lines where they mean it, in verses and addresses.
                cursor.insertText(LINE_BREAK, self.letters())
            case "image":
                target = link or str(token.attrs.get("src", ""))
                name = tr("[image: {name}]", name=token.content or target)
                cursor.insertText(name, self.letters(style, target))
            case "math_inline":
                self.formula(cursor, token, display=token.block)
            case _:
                self._text(cursor, token.content, style, link)

    def _text(self, cursor: QTextCursor, text: str, style: frozenset[str], link: str) -> None:
        """Write `text`; an address in it becomes a link."""
        place = 0
        for match in _URL.finditer(text) if not link and "://" in text else ():
            url = _URL_END.sub("", match[0])
            cursor.insertText(text[place : match.start()], self.letters(style))
            cursor.insertText(url, self.letters(style, url))
            place = match.start() + len(url)
        cursor.insertText(text[place:], self.letters(style, link))


def _tick(cursor: QTextCursor, text: Token) -> Token:
    """Give the item a box where `text` begins with one; return the rest of it."""
    block = cursor.block()
    found = _TASK.match(text.content)
    if not found or not block.textList() or block.length() > 1:
        return text
    marker = QTextBlockFormat.MarkerType
    form = QTextBlockFormat()
    form.setMarker(marker.Unchecked if found[1] == " " else marker.Checked)
    cursor.mergeBlockFormat(form)
    return text.copy(content=text.content[found.end() :])
