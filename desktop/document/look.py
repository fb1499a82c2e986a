"""How text looks in the transcript: the formats of a document, made of a palette and a size."""

from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QTextBlockFormat,
    QTextCharFormat,
    QTextFormat,
    QTextTableCellFormat,
    QTextTableFormat,
)

from desktop.theme import Palette

_BASE = 15.0  # px at 100 %
_LINE_HEIGHT = 140.0  # per cent
_CODE_LINE_HEIGHT = 130.0
_HEADINGS = {"h1": 1.45, "h2": 1.25, "h3": 1.1}
_ALIGNMENTS = {
    "left": Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute,
}
_Proportional = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
_Fixed = QTextBlockFormat.LineHeightTypes.FixedHeight.value

INDENT = 26.0  # px at 100 % of a list's level
CODE_TOP = 5.0  # px at 100 % from the edge of a box to the name of its language
CODE_SIDE = 14.0  # from its edge to the code, left and right
CODE_BOTTOM = 12.0

DEPTH = QTextFormat.Property.UserProperty.value + 1  # of quotations, for copying


@dataclass(frozen=True)
class Look:
    """Colours and sizes; lengths are px of the screen. muted: for what is said on the side."""

    palette: Palette
    family: str
    zoom: float = 1.0
    muted: bool = False

    @property
    def size(self) -> float:
        """The height of letters in px."""
        return round(_BASE * self.zoom * (0.92 if self.muted else 1.0))

    @property
    def formula_size(self) -> float:
        """The size in px at which a formula's letters are as tall as those around it."""
        return self.size * 1.2

    @property
    def colour(self) -> QColor:
        """The colour of text."""
        return QColor(self.palette.muted if self.muted else self.palette.text)

    def px(self, length: float) -> float:
        """Return `length`, given at 100 %, at this zoom."""
        return length * self.zoom

    @cached_property
    def font(self) -> QFont:
        """The font of text."""
        font = QFont(self.family)
        font.setPixelSize(int(self.size))
        return font

    @cached_property
    def code_font(self) -> QFont:
        """The font of code."""
        font = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family())
        font.setPixelSize(max(1, round(self.size * 0.9)))
        font.setFixedPitch(True)
        font.setStyleHint(QFont.StyleHint.Monospace)
        return font

    def letters(
        self, style: frozenset[str] = frozenset(), link: str = "", heading: str = ""
    ) -> QTextCharFormat:
        """Return the format of text: any of "strong", "em", "s" and "code", a link, a heading."""
        font = QFont(self.code_font if "code" in style else self.font)
        if heading:
            font.setPixelSize(round(font.pixelSize() * _HEADINGS.get(heading, 1.0)))
        if "strong" in style or heading:
            font.setWeight(QFont.Weight.DemiBold)
        font.setItalic("em" in style)
        font.setStrikeOut("s" in style)
        made = QTextCharFormat()
        made.setFont(font)
        made.setForeground(self.colour)
        if "code" in style:
            made.setBackground(QColor(self.palette.code))
        if link:
            made.setAnchor(True)
            made.setAnchorHref(link)
            made.setToolTip(link if len(link) <= 300 else link[:299] + "…")
            made.setForeground(QColor(self.palette.link))
            made.setFontUnderline(True)
        return made

    def code_letters(self, colour: str) -> QTextCharFormat:
        """Return the format of code; `colour` is a field of the palette, or ""."""
        made = QTextCharFormat()
        made.setFont(self.code_font)
        made.setForeground(QColor(getattr(self.palette, colour)) if colour else self.colour)
        return made

    @cached_property
    def label_letters(self) -> QTextCharFormat:
        """The format of the language's name above code."""
        made = QTextCharFormat()
        font = QFont(self.font)
        font.setPixelSize(max(1, round(self.size * 0.8)))
        made.setFont(font)
        made.setForeground(QColor(self.palette.muted))
        return made

    def block(self, depth: int = 0, indent: int = 0, tight: bool = False) -> QTextBlockFormat:
        """Return the format of a paragraph within `depth` quotations and `indent` lists."""
        made = QTextBlockFormat()
        made.setLineHeight(_LINE_HEIGHT, _Proportional)
        made.setTopMargin(0 if tight else self.px(10))
        made.setBottomMargin(self.px(3 if tight else 10))
        made.setIndent(indent)
        made.setLeftMargin(self.px(16) * depth)
        made.setRightMargin(self.px(16) * depth)
        made.setProperty(DEPTH, depth)
        return made

    def plain_block(self) -> QTextBlockFormat:
        """Return the format of a line of text that is no Markdown."""
        made = self.block()
        made.setTopMargin(0)
        made.setBottomMargin(0)
        return made

    def cell(self, alignment: str) -> QTextBlockFormat:
        """Return the format of a table's cell: "left", "center", "right" or ""."""
        made = self.plain_block()
        made.setLineHeight(100, _Proportional)
        if alignment in _ALIGNMENTS:
            made.setAlignment(_ALIGNMENTS[alignment])
        return made

    def formula_block(self, depth: int, indent: int) -> QTextBlockFormat:
        """Return the format of a formula on a line of its own."""
        made = self.block(depth, indent)
        made.setLineHeight(100, _Proportional)
        made.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        return made

    def rule_block(self, depth: int, indent: int) -> QTextBlockFormat:
        """Return the format of the empty line that a rule is painted in."""
        made = self.block(depth, indent)
        made.setLineHeight(self.px(18), _Fixed)
        return made

    def heading(self, level: str, depth: int, indent: int) -> QTextBlockFormat:
        """Return the format of a heading: "h1" to "h6"."""
        made = self.block(depth, indent)
        made.setTopMargin(self.px({"h1": 18, "h2": 16}.get(level, 12)))
        made.setBottomMargin(self.px(6))
        made.setHeadingLevel(int(level[1]))
        return made

    def code_label(self, depth: int, indent: int) -> QTextBlockFormat:
        """Return the format of the line above code."""
        made = self.block(depth, indent)
        made.setLineHeight(self.px(24), _Fixed)
        made.setTopMargin(self.px(4 + CODE_TOP))
        made.setBottomMargin(0)
        made.setLeftMargin(made.leftMargin() + self.px(CODE_SIDE))
        made.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        return made

    def code_block(self, depth: int, indent: int, ends: bool) -> QTextBlockFormat:
        """Return the format of code, left to right whatever it says."""
        made = self.code_label(depth, indent)
        made.setLineHeight(_CODE_LINE_HEIGHT, _Proportional)
        made.setTopMargin(0)
        made.setBottomMargin(self.px(CODE_BOTTOM + 10) if ends else 0)
        made.setRightMargin(made.rightMargin() + self.px(CODE_SIDE))
        return made

    def table(self, depth: int, indent: int) -> QTextTableFormat:
        """Return the format of a table."""
        made = QTextTableFormat()
        made.setBorderCollapse(True)
        made.setBorder(1)
        made.setBorderBrush(QColor(self.palette.outline))
        made.setBorderStyle(QTextTableFormat.BorderStyle.BorderStyle_Solid)
        made.setCellPadding(self.px(6))
        made.setTopMargin(self.px(4))
        made.setBottomMargin(self.px(12))
        made.setLeftMargin(self.px(16) * depth + self.px(INDENT) * indent)
        return made

    @cached_property
    def head_cell(self) -> QTextTableCellFormat:
        """The format of a cell in a table's first row."""
        made = QTextTableCellFormat()
        made.setBackground(QColor(self.palette.code))
        return made
