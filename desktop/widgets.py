"""Makers of the uniform widgets: text and buttons whose look the style sheet knows by name."""

from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QLabel, QPushButton, QWidget

Some = TypeVar("Some", bound=QWidget)


def styled(widget: Some, look: str) -> Some:
    """Give `widget` the look that the style sheet has under #`look`, and return it."""
    widget.setObjectName(look)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    return widget


def label(text: str = "", look: str = "plain", wraps: bool = False) -> QLabel:
    """Return a label; its text is never taken for markup."""
    made = styled(QLabel(text), look)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wraps)
    return made


def button(text: str, look: str, explanation: str = "", spoken: str = "") -> QPushButton:
    """Return a button; `spoken` is its name for screen readers where its text alone says little."""
    made = styled(QPushButton(text), look)
    made.setToolTip(explanation)
    made.setAccessibleName(spoken or text)
    made.setAccessibleDescription(explanation)
    return made


def check(text: str, explanation: str = "") -> QCheckBox:
    """Return a check box, named by its text."""
    made = QCheckBox(text)
    made.setToolTip(explanation)
    made.setAccessibleName(text)
    made.setAccessibleDescription(explanation)
    return made


def choose(choice: QAbstractButton) -> None:
    """Check one button of its exclusive group, and let Tab come to it rather than to another.

    Qt moves the group's place among the tab stops for the person's clicks and keys alone.
    """
    choice.setChecked(True)
    for other in choice.group().buttons():
        policy = Qt.FocusPolicy.StrongFocus if other is choice else Qt.FocusPolicy.ClickFocus
        other.setFocusPolicy(policy)
