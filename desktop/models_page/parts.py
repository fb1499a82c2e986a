"""The pieces of both detail panes: facts, memory per precision, a notice, a scroller."""

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop import wording
from desktop.icons import picture
from desktop.models_page.fitting import tone_of, words_of
from desktop.rows import Tone
from desktop.state import Notice
from desktop.theme import Palette
from desktop.translation import tr, trn
from desktop.widgets import button, label, plain_label, styled
from engine.preflight import Outlook

_LOOKS: dict[Tone, str] = {
    Tone.GOOD: "good",
    Tone.WARN: "warn",
    Tone.BAD: "bad",
    Tone.PLAIN: "muted",
}


class Facts(QWidget):
    """Names and values under each other."""

    def __init__(self) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(16)
        self._form.setVerticalSpacing(6)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignTop)
        self.shown: dict[str, str] = {}

    def show_facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Show `facts`; those without a value are left out."""
        kept = {name: value for name, value in facts if value}
        if kept == self.shown:
            return
        self.shown = kept
        while self._form.rowCount():
            self._form.removeRow(0)
        for name, value in kept.items():
            said = plain_label(value, "fact", wraps=True)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            said.setMinimumWidth(60)
            said.setAccessibleName(f"{name}: {value}")
            self._form.addRow(plain_label(name, "factName"), said)


class FitTable(QWidget):
    """What each precision needs at its peak, and whether that fits: as an icon and in words."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette
        self.outlooks: tuple[Outlook, ...] = ()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(3, 1)
        self._caption = label("", "muted", wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(label("Memory at its peak", "section"))
        column.addLayout(self._grid)
        column.addWidget(self._caption)

    def show_outlooks(self, outlooks: tuple[Outlook, ...]) -> None:
        """Show a row for each precision."""
        self.outlooks = outlooks
        self._fill()

    def recolour(self, palette: Palette) -> None:
        """Draw the icons in the new theme's colours."""
        self._palette = palette
        self._fill()

    def _fill(self) -> None:
        while item := self._grid.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for place, look in enumerate(self.outlooks):
            for column, cell in enumerate(self._cells(look)):
                self._grid.addWidget(cell, place, column)
        self._caption.setText(_caption(self.outlooks))
        self.setVisible(bool(self.outlooks))

    def _cells(self, look: Outlook) -> tuple[QLabel, ...]:
        tone, words = tone_of(look), words_of(look)
        size = wording.size(look.running) if look.fit else ""
        said = plain_label(words, _LOOKS[tone], wraps=True)
        said.setAccessibleName(f"{look.precision}: {size} {words}")
        mark = QLabel()
        if tone:
            colour = tone.colour(self._palette)
            mark.setPixmap(picture(tone, colour, 16, self.devicePixelRatio()))
        return plain_label(str(look.precision), "strong"), plain_label(size), mark, said


class NoticeBox(QFrame):
    """What went wrong and the way out, with one thing that can be done at once."""

    acted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "notice")
        self.sentence = label("", "strong", wraps=True)
        self.way_out = label("", wraps=True)
        for line in (self.sentence, self.way_out):
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.action = button("Try again", "noticeButton")
        self.action.clicked.connect(self.acted)
        row = QHBoxLayout()
        row.addWidget(self.action)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 10)
        column.setSpacing(4)
        column.addWidget(self.sentence)
        column.addWidget(self.way_out)
        column.addLayout(row)
        self.hide()

    def show_notice(self, notice: Notice | None, action: str = "") -> None:
        """Show `notice` with a button for `action`, or disappear."""
        self.setVisible(notice is not None)
        if notice is None:
            return
        self.sentence.setText(notice.sentence)
        self.way_out.setText(notice.way_out)
        self.way_out.setVisible(bool(notice.way_out))
        self.action.setText(action)
        self.action.setAccessibleName(action)
        self.action.setVisible(bool(action))
        self.setAccessibleName(notice.sentence)


class Scroller(QScrollArea):
    """A column that scrolls upright only."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = styled(QWidget(), "column")
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(20, 18, 20, 18)
        self.column.setSpacing(14)
        self.setWidget(inside)


def _caption(outlooks: tuple[Outlook, ...]) -> str:
    if not outlooks:
        return ""
    packing = max(look.packing for look in outlooks)
    first = outlooks[0]
    lines = [
        trn("With {count} token of context.", "With {count} tokens of context.", first.context)
    ]
    if packing:
        lines.append(tr("Quantising it once takes up to {size}.", size=wording.size(packing)))
    lines.append(tr("{size} is free now.", size=wording.size(first.free)))
    return " ".join(lines)
