"""The reference's answer, its tokens coloured by how far a variant departs from it in each place.

Never by colour alone: where the variant would write another token, it is underlined, and the first
of these bears a mark. The pointer or the arrow keys choose a token.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, Qt, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QKeyEvent,
    QMouseEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QTextEdit

from desktop.lab_page.tokens import plain
from desktop.theme import Palette
from desktop.translation import mark, tr
from desktop.widgets import styled
from engine.lab.table import shade
from engine.messages import ForcedToken

FIRST = "▼"
_TALLEST = 320  # px


class TokenText(QTextEdit):
    """Plain text in pieces, one a token; `chosen` tells the place of the one that is looked at."""

    KEYS = (
        ("Left", mark("Token before")),
        ("Right", mark("Next token")),
        ("Up", mark("Token before at which the variant departs")),
        ("Down", mark("Next token at which the variant departs")),
    )
    chosen = Signal(int)

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        styled(self, "tokens")
        self._palette = palette
        self._tokens: Sequence[ForcedToken] = ()
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.place = -1
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setTabChangesFocus(True)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName(tr("The reference's answer, token by token"))

    def show_tokens(self, tokens: Sequence[ForcedToken]) -> None:
        """Show `tokens`, the first that departs chosen, or else the one that is furthest off."""
        self._tokens = tokens
        self._write()
        departed = [place for place, token in enumerate(tokens) if not token.agrees]
        furthest = max(range(len(tokens)), key=lambda i: tokens[i].kl, default=-1)
        self.choose(departed[0] if departed else furthest)

    def recolour(self, palette: Palette) -> None:
        """Colour the tokens for another theme."""
        self._palette = palette
        self._write()
        self._frame()

    def choose(self, place: int) -> None:
        """Look at the token at `place`, -1 at none."""
        self.place = place
        self._frame()
        self.chosen.emit(place)

    def tell(self, sentence: str) -> None:
        """Let screen readers say `sentence` of the token that is chosen."""
        hint = tr("The arrow keys go from token to token.")
        self.setAccessibleDescription(f"{sentence} {hint}")
        if self.hasFocus():
            QAccessible.updateAccessibility(
                QAccessibleEvent(self, QAccessible.Event.DescriptionChanged)
            )

    # -- choosing --------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Look at the token under the pointer."""
        super().mouseMoveEvent(event)
        letter = self._letter_at(event.position().toPoint())
        if letter is not None and self._tokens:
            place = max(0, bisect_right(self._starts, letter) - 1)
            if place != self.place:
                self.choose(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from token to token."""
        key, last = event.key(), len(self._tokens) - 1
        departed = [i for i, token in enumerate(self._tokens) if not token.agrees]
        match key:
            case _ if last < 0 or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                super().keyPressEvent(event)
                return
            case Qt.Key.Key_Left:
                place = self.place - 1
            case Qt.Key.Key_Right:
                place = self.place + 1
            case Qt.Key.Key_Up:
                place = next((i for i in reversed(departed) if i < self.place), self.place)
            case Qt.Key.Key_Down:
                place = next((i for i in departed if i > self.place), self.place)
            case Qt.Key.Key_Home:
                place = 0
            case Qt.Key.Key_End:
                place = last
            case _:
                super().keyPressEvent(event)
                return
        self.choose(min(max(place, 0), last))
        self._scroll_to(self.place)

    def _letter_at(self, point: QPoint) -> int | None:
        """Return the place of the letter at `point`, or None where no line is."""
        cursor = self.cursorForPosition(point)  # the gap between two letters that is nearest
        gap = self.cursorRect(cursor)
        if abs(gap.center().y() - point.y()) > self.fontMetrics().lineSpacing():
            return None
        is_mirrored = cursor.block().textDirection() is Qt.LayoutDirection.RightToLeft
        is_before = point.x() > gap.x() if is_mirrored else point.x() < gap.x()
        return cursor.position() - is_before

    # -- painting --------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Be as tall as the text."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Letters of another size need another room."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _write(self) -> None:
        self.clear()
        self._starts, self._ends = [], []
        cursor = QTextCursor(self.document())
        is_first = True
        for token in self._tokens:
            if not token.agrees and is_first:
                is_first = False
                cursor.insertText(FIRST, self._mark_look())
            self._starts.append(cursor.position())
            # A line break is to be seen, and coloured, as any token.
            cursor.insertText(plain(token.text).replace("\n", "⏎\n"), self._look(token))
            self._ends.append(cursor.position())
        self._fit()

    def _look(self, token: ForcedToken) -> QTextCharFormat:
        look = QTextCharFormat()
        look.setForeground(QColor(self._palette.text))
        if step := shade(token.kl):
            look.setBackground(QColor(getattr(self._palette, f"shade{step}")))
        if not token.agrees:
            look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            look.setUnderlineColor(QColor(self._palette.text))
        return look

    def _mark_look(self) -> QTextCharFormat:
        look = QTextCharFormat()
        look.setForeground(QColor(self._palette.bad))
        return look

    def _span(self, place: int) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._starts[place])
        cursor.setPosition(self._ends[place], QTextCursor.MoveMode.KeepAnchor)
        return cursor

    def _frame(self) -> None:
        """Show which token is chosen."""
        if not 0 <= self.place < len(self._starts):
            self.setExtraSelections([])
            return
        selection = QTextEdit.ExtraSelection()
        selection.cursor = self._span(self.place)
        selection.format.setBackground(QColor(self._palette.selection))
        self.setExtraSelections([selection])

    def _scroll_to(self, place: int) -> None:
        cursor = self._span(place)
        cursor.clearSelection()
        self.setTextCursor(cursor)
        self.ensureCursorVisible()

    @Slot()
    def _fit(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        least = self.fontMetrics().lineSpacing() + 24
        around = self.height() - self.viewport().height()
        height = math.ceil(self.document().size().height()) + around
        self.setFixedHeight(max(least, min(height, _TALLEST)))
