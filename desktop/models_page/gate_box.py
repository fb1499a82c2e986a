"""What a gated model asks for: its terms, on a page that opens on a click, and an access token."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QVBoxLayout

from desktop.state import Notice
from desktop.translation import tr
from desktop.widgets import button, label, styled


class GateBox(QFrame):
    """The way through the gate."""

    page_wanted = Signal()
    token_given = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        styled(self, "notice")
        self.sentence = label("", "strong", wraps=True)
        self.way_out = label("", wraps=True)
        self.page = button("Open its terms in the browser", "noticeButton")
        self.page.clicked.connect(self.page_wanted)
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText(tr("Access token (hf_…)"))
        self.token.setAccessibleName(tr("Access token of the Hugging Face Hub"))
        self.token.returnPressed.connect(self._give)
        self.keep = button(
            "Keep and try", "noticeButton", "The token is kept in this system's keyring."
        )
        self.keep.clicked.connect(self._give)
        self.said = label("", wraps=True)
        self._lay_out()
        self.hide()

    def _lay_out(self) -> None:
        pages = QHBoxLayout()
        pages.addWidget(self.page)
        pages.addStretch()
        tokens = QHBoxLayout()
        tokens.addWidget(self.token, 1)
        tokens.addWidget(self.keep)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(8)
        for line in (self.sentence, self.way_out):
            column.addWidget(line)
        column.addLayout(pages)
        column.addLayout(tokens)
        column.addWidget(self.said)
        self.said.hide()

    def show_gate(self, notice: Notice | None) -> None:
        """Show what is asked for, or disappear."""
        self.setVisible(notice is not None)
        if notice:
            self.sentence.setText(notice.sentence)
            self.way_out.setText(notice.way_out)
            self.setAccessibleName(notice.sentence)

    def show_kept(self, trouble: Notice | None) -> None:
        """Say whether the token could be kept; forget it where it was."""
        self.said.setVisible(trouble is not None)
        if trouble:
            self.said.setText(f"{trouble.sentence} {trouble.way_out}")
        else:
            self.token.clear()

    def _give(self) -> None:
        token = self.token.text().strip()
        if token:
            self.token_given.emit(token)
