"""Formulas within the text of a document: as tall as they are, and standing on its line."""

from PySide6.QtCore import QRect, QRectF, QSizeF
from PySide6.QtGui import (
    QFontMetricsF,
    QPainter,
    QPyTextObject,
    QTextCharFormat,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtSvg import QSvgRenderer

from desktop.document.look import Look
from desktop.markdown.formula import Formula

OBJECT_TYPE = QTextFormat.ObjectTypes.UserObject.value + 1
SOURCE = QTextFormat.Property.UserProperty.value + 2  # the formula's Markdown, for copying
_PLACE = QTextFormat.Property.UserProperty.value + 3  # in the list of those drawn
CHARACTER = "\ufffc"  # stands for the object in the text


class FormulaObject(QPyTextObject):
    """Draws the formulas of one document."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formulas: list[tuple[Formula, QSvgRenderer]] = []
        document.documentLayout().registerHandler(OBJECT_TYPE, self)

    def clear(self) -> None:
        """Forget the formulas of a document that is written anew."""
        self._formulas.clear()

    def format_of(self, formula: Formula, source: str, look: Look) -> QTextCharFormat:
        """Return the format of the character that stands for `formula`."""
        # ziamath draws in black, and in no other way writes that word.
        svg = formula.svg.replace(b'"black"', f'"{look.colour.name()}"'.encode())
        self._formulas.append((formula, QSvgRenderer(svg)))
        made = look.letters()
        made.setObjectType(OBJECT_TYPE)
        made.setProperty(SOURCE, source)
        made.setProperty(_PLACE, len(self._formulas) - 1)
        # The one alignment that leaves room below the line.
        made.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        return made

    def intrinsicSize(self, document: QTextDocument, _position: int, form: QTextFormat) -> QSizeF:
        """Return the room that a formula needs."""
        formula, _ = self._formulas[form.property(_PLACE)]
        scale = _scale(formula, document)
        half = _half_x(form)
        above, below = (formula.height - formula.depth) * scale, formula.depth * scale
        return QSizeF(formula.width * scale, max(2 * above - half, 2 * below + half))

    def drawObject(
        self,
        painter: QPainter,
        rect: QRectF | QRect,
        document: QTextDocument,
        _position: int,
        form: QTextFormat,
    ) -> None:
        """Draw a formula into the room it got."""
        formula, renderer = self._formulas[form.property(_PLACE)]
        scale = _scale(formula, document)
        ascent = (rect.height() + _half_x(form)) / 2
        top = rect.top() + ascent - (formula.height - formula.depth) * scale
        size = QSizeF(formula.width * scale, formula.height * scale)
        renderer.render(painter, QRectF(rect.left(), top, size.width(), size.height()))


def _half_x(form: QTextFormat) -> float:
    """Return half the height of an x: Qt centres an object on half of that above the line."""
    return QFontMetricsF(form.toCharFormat().font()).xHeight() / 2


def _scale(formula: Formula, document: QTextDocument) -> float:
    """Return how much a formula wider than the column is made smaller."""
    room = document.textWidth() - 16
    return min(1.0, room / formula.width) if room > 0 else 1.0
