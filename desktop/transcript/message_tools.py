"""The row below a message: its other versions, and what may be done with it."""

from collections.abc import Set

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from desktop.transcript.shown_message import HELP, SPOKEN, Act, ShownMessage
from desktop.translation import tr
from desktop.widgets import button, label, plain_button

_COPIED_MS = 1500


class MessageTools(QWidget):
    """Says by signals what is wanted. The arrows are always there, the rest when revealed."""

    act_wanted = Signal(object)  # Act
    sibling_wanted = Signal(int)  # the other version's id

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._message: ShownMessage | None = None
        self._revealed = False
        self.previous = button("‹", "quiet", "The version before this one", "Previous version")
        self.next = button("›", "quiet", "The version after this one", "Next version")
        self.place = label("", "caption")
        self.acts: dict[Act, QPushButton] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        for widget in (self.previous, self.place, self.next):
            self._row.addWidget(widget)
        for arrow in (self.previous, self.next):
            arrow.setObjectName("arrow")
        self.previous.clicked.connect(lambda: self._go(-1))
        self.next.clicked.connect(lambda: self._go(1))

    def show_message(self, message: ShownMessage, offers: Set[Act], revealed: bool) -> None:
        """Offer what suits `message`, as far as it is offered at all."""
        self._message = message
        self._revealed = revealed
        count = len(message.siblings)
        self.place.setText(f"{message.place}/{count}")
        self.previous.setEnabled(message.place > 1)
        self.next.setEnabled(message.place < count)
        for widget in (self.previous, self.place, self.next):
            widget.setVisible(count > 1)
        for act in Act:
            wanted = revealed and act in offers and message.suits(act)
            if wanted and act not in self.acts:
                self._add(act)
            if act in self.acts:
                self.acts[act].setVisible(wanted)
        self.fit()

    def fit(self) -> None:
        """Take the room that the buttons need."""
        for child in self.findChildren(QWidget):
            child.ensurePolished()  # the style sheet brings fonts and paddings
        self._row.invalidate()
        self.resize(self._row.sizeHint())

    def focus_chain(self) -> list[QWidget]:
        """Return what Tab reaches, in order."""
        return [self.previous, self.next, *(self.acts[act] for act in Act if act in self.acts)]

    def tell_copied(self) -> None:
        """Say that the message was copied."""
        tell_copied(self.acts[Act.COPY])

    def _add(self, act: Act) -> None:
        made = plain_button(tr(act.value), "quiet", tr(HELP[act]), tr(SPOKEN[act]))
        made.clicked.connect(lambda: self.act_wanted.emit(act))
        self.acts[act] = made
        for other in Act:  # in their order, whichever came first
            if other in self.acts:
                self._row.addWidget(self.acts[other])

    def _go(self, step: int) -> None:
        other = self._message.sibling(step) if self._message else None
        if other is not None:
            self.sibling_wanted.emit(other)


def tell_copied(copier: QPushButton) -> None:
    """Say on a button that something was copied, for a moment."""

    def say(text: str) -> None:
        copier.setText(text)
        copier.adjustSize()

    say(tr("Copied"))
    QTimer.singleShot(_COPIED_MS, copier, lambda: say(tr("Copy")))
