"""The files of a question in the transcript: chips at the right, which open their text."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from desktop.attachments.attachment import Attachment
from desktop.attachments.chip import AttachmentChip
from desktop.attachments.preview import AttachmentPreview
from desktop.flow import Flow

_GAP = 6  # px to the text below


class AttachedFiles(QWidget):
    """Chips that wrap; as tall as they need."""

    def __init__(self, attachments: Sequence[Attachment], parent: QWidget) -> None:
        super().__init__(parent)
        self.attachments = tuple(attachments)
        self.chips: list[AttachmentChip] = []
        self._flow = flow = Flow(self, at_right=True)
        for attachment in attachments:
            chip = AttachmentChip(attachment)
            chip.opened.connect(lambda opened: AttachmentPreview(opened, self.window()).open())
            self.chips.append(chip)
            flow.addWidget(chip)
        self.show()

    def focus_chain(self) -> list[QWidget]:
        """Return what Tab reaches, in order."""
        return [chip.name for chip in self.chips]

    def place(self, left: int, top: int, width: int) -> int:
        """Take a place of `width` px; return where what is below begins."""
        height = self._flow.heightForWidth(width)
        self.setGeometry(left, top, width, height)
        return top + height + _GAP
