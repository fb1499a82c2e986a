"""Makers of the uniform widgets: text and buttons whose look the style sheet knows by name.

`label`, `button` and `check` look up the texts that they are given, so these are written down where
they are called (a test holds it). `plain_label` and `plain_button` show theirs as they are: what a
person or a model has written, and what has been looked up before.
"""

from collections.abc import Iterable
from typing import TypeVar

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from desktop.translation import tr

Some = TypeVar("Some", bound=QWidget)

_STEPS = 1000  # of a bar from its one end to the other


def styled(widget: Some, look: str) -> Some:
    """Give `widget` the look that the style sheet has under #`look`, and return it."""
    widget.setObjectName(look)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    return widget


def label(text: str = "", look: str = "plain", wraps: bool = False) -> QLabel:
    """Return a label with a text of Tern's own."""
    return plain_label(tr(text), look, wraps)


def plain_label(text: str, look: str = "plain", wraps: bool = False) -> QLabel:
    """Return a label; its text is never taken for markup."""
    made = styled(QLabel(text), look)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wraps)
    _begin_where_lines_do(made)
    return made


def _begin_where_lines_do(made: QLabel) -> None:
    if made.isRightToLeft():  # else a text in Latin letters would stand at the other side
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute
        made.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)


def button(text: str, look: str, explanation: str = "", spoken: str = "") -> QPushButton:
    """Return a button with texts of Tern's own; `spoken` is as in `plain_button`."""
    return plain_button(tr(text), look, tr(explanation), tr(spoken))


def plain_button(text: str, look: str, explanation: str = "", spoken: str = "") -> QPushButton:
    """Return a button; `spoken` is its name for screen readers where its text alone says little."""
    made = styled(QPushButton(text), look)
    made.setToolTip(explanation)
    made.setAccessibleName(spoken or text)
    made.setAccessibleDescription(explanation)
    return made


def check(text: str, explanation: str = "") -> QCheckBox:
    """Return a check box with texts of Tern's own, named by its text."""
    made = QCheckBox(tr(text))
    made.setToolTip(tr(explanation))
    made.setAccessibleName(made.text())
    made.setAccessibleDescription(tr(explanation))
    return made


class ThinBar(QProgressBar):
    """How far something is, without words."""

    def __init__(self, height: int = 4) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setFixedHeight(height)

    def show_progress(self, done: float, total: float) -> None:
        """Show `done` of `total` in any unit; move to and fro where the total is not known, 0."""
        # Bytes may be more than an int of Qt's holds.
        steps = _STEPS if total > 0 else 0
        self.setRange(0, steps)
        self.setValue(int(steps * done / (total or 1)))


class ElidedLabel(QLabel):
    """A line of text that ends in an ellipsis where it has no room; `whole` is all of it."""

    whole = ""

    def __init__(self, text: str, look: str) -> None:
        super().__init__()
        styled(self, look)
        self.setTextFormat(Qt.TextFormat.PlainText)
        _begin_where_lines_do(self)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show as much of `text` as there is room for."""
        self.whole = text
        elided = Qt.TextElideMode.ElideRight
        self.setText(self.fontMetrics().elidedText(text, elided, max(0, self.width())))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show more of it, or less."""
        super().resizeEvent(event)
        self.show_text(self.whole)

    def changeEvent(self, event: QEvent) -> None:
        """Letters of another size need another room."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.show_text(self.whole)


def segments(choices: Iterable[QPushButton], group: QButtonGroup) -> QFrame:
    """Return `choices` side by side in a frame, made one exclusive group."""
    frame = styled(QFrame(), "segments")
    row = QHBoxLayout(frame)
    row.setContentsMargins(2, 2, 2, 2)
    row.setSpacing(2)
    for choice in choices:
        choice.setCheckable(True)
        group.addButton(choice)
        row.addWidget(choice)
    return frame


def choose(choice: QAbstractButton) -> None:
    """Check one button of its exclusive group, and let Tab come to it rather than to another.

    Qt moves the group's place among the tab stops for the person's clicks and keys alone.
    """
    choice.setChecked(True)
    for other in choice.group().buttons():
        policy = Qt.FocusPolicy.StrongFocus if other is choice else Qt.FocusPolicy.ClickFocus
        other.setFocusPolicy(policy)
