"""A thin row that tells how far a comparison or a sweep is, and stops it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from desktop.translation import tr
from desktop.widgets import ThinBar, button, label, styled


class Progress(QFrame):
    """Hidden while nothing runs."""

    stop_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "panel")
        self.text = label("", wraps=True)
        self.bar = ThinBar()
        self.bar.setAccessibleName(tr("Progress"))
        self.stop = button("Stop", "outlined", "Keep what there is so far")
        self.stop.clicked.connect(self._on_stop)
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        row.addWidget(self.stop)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 8, 16, 8)
        column.addLayout(row)
        column.addWidget(self.bar)
        self._is_stopping = False
        self.hide()

    def begin(self, text: str) -> None:
        """Appear; something has begun."""
        self._is_stopping = False
        self.stop.setText(tr("Stop"))
        self.tell(text)
        self.show()

    def tell(self, text: str, done: int = 0, total: int = 0) -> None:
        """Say what is being done, `done` of `total` where that is known."""
        if not self._is_stopping:
            self.text.setText(text)
        self.bar.show_progress(done, total)

    def _on_stop(self) -> None:
        """Stop; the second time at once."""
        self._is_stopping = True
        self.text.setText(tr("Stopping…"))
        self.stop.setText(tr("Stop at once"))
        self.stop_wanted.emit()
