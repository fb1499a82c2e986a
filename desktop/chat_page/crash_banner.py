"""Says once that the window crashed the last time, and offers what helps to find out why."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from desktop.widgets import button, label, styled


class CrashBanner(QFrame):
    """Hidden until `show` is called."""

    log_wanted = Signal()
    archive_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "panel")
        self.text = label(
            "Tern's window crashed the last time. Your chats are as they were.", "muted", wraps=True
        )
        self.log = button("Open log", "link")
        self.archive = button("Support archive…", "link")
        self.dismiss = button("Dismiss", "link")
        self.setAccessibleName(self.text.text())
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for choice in (self.log, self.archive, self.dismiss):
            row.addWidget(choice)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 8, 16, 6)
        column.setSpacing(2)
        column.addWidget(self.text)
        column.addLayout(row)
        self.log.clicked.connect(self.log_wanted)
        self.archive.clicked.connect(self.archive_wanted)
        self.dismiss.clicked.connect(self.hide)
        self.hide()
