"""A bar that says what was done, for a while, and may offer to take it back."""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout

from desktop.widgets import button, label, styled

_SHOWN_MS = 8000


class Toast(QFrame):
    """One sentence, and at most one thing that can be done about it."""

    def __init__(self) -> None:
        super().__init__()
        styled(self, "toast")
        self._act: Callable[[], object] = lambda: None
        self.sentence = label("", wraps=True)
        self.button = button("Undo", "link")
        self.button.clicked.connect(self._on_clicked)
        self._timer = QTimer(self, interval=_SHOWN_MS, singleShot=True)
        self._timer.timeout.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.button)
        self.hide()

    def tell(self, sentence: str, offer: str = "", act: Callable[[], object] | None = None) -> None:
        """Say `sentence`, and offer to `act`."""
        self.sentence.setText(sentence)
        self.setAccessibleName(sentence)
        self._act = act or (lambda: None)
        self.button.setText(offer)
        self.button.setAccessibleName(f"{offer}: {sentence}")
        self.button.setVisible(bool(offer))
        self.show()
        self._timer.start()

    def _on_clicked(self) -> None:
        self.hide()
        self._act()
