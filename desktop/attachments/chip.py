"""An attached file as a chip: its name, its size, and what may be done with it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from desktop import wording
from desktop.attachments.attachment import Attachment
from desktop.translation import line, tr
from desktop.widgets import button, label, plain_button, styled

_NAME = 190  # px at most


class AttachmentChip(QFrame):
    """A button that opens the file's text, its figures, and a button that removes it."""

    opened = Signal(object)  # Attachment
    removed = Signal(object)  # Attachment

    def __init__(self, attachment: Attachment, can_be_removed: bool = False) -> None:
        super().__init__()
        styled(self, "chip")
        self.attachment = attachment
        self.name = button("", "chipName", "Show the text that the model is given")
        self.name.setText(_elided(self.name, attachment.name))
        self.name.setAccessibleName(tr("Attached file {name}: show its text", name=attachment.name))
        self.figures = label("", "chipFigures")
        self.remove = plain_button(
            "✕", "chipRemove", spoken=tr("Remove {name}", name=attachment.name)
        )
        self.remove.setToolTip(tr("Remove"))
        self.remove.setVisible(can_be_removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 2, 4 if can_be_removed else 10, 2)
        row.setSpacing(2)
        for part in (self.name, self.figures, self.remove):
            row.addWidget(part)
        self.name.clicked.connect(lambda: self.opened.emit(attachment))
        self.remove.clicked.connect(lambda: self.removed.emit(attachment))
        self.show_tokens(None)

    def show_tokens(self, tokens: int | None) -> None:
        """Show how many tokens it takes, once that is known."""
        about = wording.file_size(self.attachment.size)
        parts = [about, wording.tokens(tokens)] if tokens is not None else [about]
        self.figures.setText(line(parts))
        self.setAccessibleName(f"{self.attachment.name}, {', '.join(parts)}")
        self.setToolTip(self.attachment.note)


def _elided(shown: QPushButton, name: str) -> str:
    text = shown.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, _NAME)
    return text.replace("&", "&&")
