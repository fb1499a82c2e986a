"""One setting each: a title, an editor, a sentence, and the way back to the default.

A field's `value` is None where the person leaves it to the model. Emits `changed` for what the
person does, never for what is shown.
"""

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from desktop.settings_panel.terms import Term
from desktop.translation import tr
from desktop.widgets import label, plain_button, plain_label, styled

_EDITOR = 96  # px
_TYPING = 500  # ms without a key after which a text is taken


class Field(QWidget):
    """A title with its editor at the right or below, and a sentence under both.

    title, explanation: marked for translation.
    """

    changed = Signal()

    def __init__(self, title: str, explanation: str, editor: QWidget, below: bool = False) -> None:
        super().__init__()
        title, explanation = tr(title), tr(explanation)
        self.editor = editor
        editor.setAccessibleName(title)
        editor.setAccessibleDescription(explanation)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(plain_label(title, "settingTitle", wraps=True), 1)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(4)
        self.column.addLayout(head)
        if below:
            self.column.addWidget(editor)
        else:
            head.addWidget(editor)
        self._explanation = explanation
        self._sentence = plain_label(explanation, "settingHelp", wraps=True)
        self.column.addWidget(self._sentence)

    def explain(self, more: str) -> None:
        """Say `more` after the explanation."""
        self._sentence.setText(f"{self._explanation} {more}")


class NumberBox(QDoubleSpinBox):
    """A number that the wheel leaves alone while the panel scrolls under it."""

    def __init__(self) -> None:
        super().__init__()
        self.setKeyboardTracking(False)  # a number is taken once it is typed
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(_EDITOR)

    def textFromValue(self, value: float) -> str:
        """Without zeros that say nothing."""
        text = super().textFromValue(value)
        point = self.locale().decimalPoint()
        return text.rstrip("0").rstrip(point) if point in text else text

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Count only where the person is editing."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class NumberField(Field):
    """A number, or what the model or Tern makes of it where none is set."""

    def __init__(self, term: Term) -> None:
        self.box = NumberBox()
        super().__init__(term.title, term.explanation, self.box)
        self.term = term
        self._value: float | None = None
        self._default: float | None = None
        self._fallback = label("", "settingHelp", wraps=True)
        self.reset = plain_button(
            tr("Reset"),
            "reset",
            spoken=tr("Reset {setting} to the model's default", setting=tr(term.title)),
        )
        self.reset.clicked.connect(self._on_reset)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self._fallback, 1)
        foot.addWidget(self.reset)
        self.column.addLayout(foot)
        self._prepare(term)
        self.box.valueChanged.connect(self._on_changed)
        self.show_value(None, None)

    def _prepare(self, term: Term) -> None:
        low = term.low - term.step if term.unset else term.low
        self.box.setDecimals(term.decimals)
        self.box.setRange(min(low, term.low - 1) if term.unset else low, term.high)
        self.box.setSingleStep(term.step)
        self.box.setSpecialValueText(tr(term.unset))
        self.box.setGroupSeparatorShown(term.high > 10_000 and term.name != "seed")

    @property
    def value(self) -> float | int | None:
        """What the person has set."""
        if self._value is None:
            return None
        return self._value if self.term.decimals else int(self._value)

    def limit(self, high: float) -> None:
        """Allow no more than `high`."""
        with QSignalBlocker(self.box):
            self.box.setMaximum(high)
        self._show()

    def show_value(self, value: float | None, default: float | None) -> None:
        """Show what is set, and what it is otherwise; None where that is not known."""
        self._value, self._default = value, default
        self._show()

    def _show(self) -> None:
        shown = self._value
        if shown is None:
            unset = self.box.minimum() if self.term.unset else self.term.neutral
            shown = unset if self._default is None or self.term.unset else self._default
        with QSignalBlocker(self.box):
            self.box.setValue(shown)
        self._fallback.setText(self._default_text())
        self.reset.setVisible(self._value is not None)
        self._fallback.setVisible(bool(self._fallback.text()) or self._value is not None)

    def _default_text(self) -> str:
        if self._default is not None:
            return tr("Default: {value}", value=self.box.textFromValue(self._default))
        return tr("Default: {value}", value=tr(self.term.unset)) if self.term.unset else ""

    def _on_changed(self, number: float) -> None:
        is_unset = bool(self.term.unset) and number < self.term.low
        self._value = None if is_unset else round(number, self.term.decimals)
        self._show()
        self.changed.emit()

    def _on_reset(self) -> None:
        self._value = None
        self._show()
        self.box.setFocus()
        self.changed.emit()


class ChoiceBox(QComboBox):
    """A choice that the wheel leaves alone while the panel scrolls under it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumContentsLength(6)
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.setSizeAdjustPolicy(policy)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave it to the panel."""
        event.ignore()


class ChoiceField(Field):
    """One of a few."""

    def __init__(self, words: tuple[str, str], choices: Iterable[tuple[Any, str]]) -> None:
        self.box = ChoiceBox()
        super().__init__(*words, self.box, below=True)
        for value, text in choices:
            self.box.addItem(text, value)
        self.box.activated.connect(lambda _place: self.changed.emit())

    @property
    def value(self) -> Any:
        """What is chosen."""
        return self.box.currentData()

    def show_value(self, value: object) -> None:
        """Show what is chosen."""
        self.box.setCurrentIndex(self.box.findData(value))


class TextBox(QPlainTextEdit):
    """A few lines of text; Tab leaves it."""

    left = Signal()

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self._lines = lines

    def sizeHint(self) -> QSize:
        """As tall as its lines."""
        return QSize(120, self._lines * self.fontMetrics().lineSpacing() + 20)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell that the person has moved on."""
        super().focusOutEvent(event)
        self.left.emit()


class TextField(Field):
    """Text that is taken once the person stops typing."""

    def __init__(self, words: tuple[str, str], lines: int) -> None:
        self.box = styled(TextBox(lines), "textField")
        super().__init__(*words, self.box, below=True)
        self.box.setFixedHeight(self.box.sizeHint().height())
        self._pause = QTimer(self, interval=_TYPING, singleShot=True)
        self._pause.timeout.connect(self.changed)
        self.box.textChanged.connect(self._pause.start)
        self.box.left.connect(self._settle)

    @property
    def value(self) -> str:
        """The text."""
        return self.box.toPlainText()

    def show_value(self, text: str) -> None:
        """Show `text`, unless the person is typing another one."""
        if text != self.value and not self._pause.isActive():
            with QSignalBlocker(self.box):
                self.box.setPlainText(text)

    def _settle(self) -> None:
        if self._pause.isActive():
            self._pause.stop()
            self.changed.emit()
