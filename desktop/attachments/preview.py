"""The text of an attached file as the model is given it, to be read and copied, not changed."""

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from desktop import wording
from desktop.attachments.attachment import Attachment
from desktop.translation import line, tr, trn
from desktop.widgets import button, plain_label, styled

_SIZE = (680, 560)


class AttachmentPreview(QDialog):
    """A window of its own that goes with the one it belongs to."""

    def __init__(self, attachment: Attachment, parent: QWidget) -> None:
        super().__init__(parent)
        styled(self, "root")
        self.setWindowTitle(attachment.name)
        self.resize(min(_SIZE[0], parent.width()), min(_SIZE[1], parent.height()))
        self.text = styled(QPlainTextEdit(attachment.text), "preview")
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(tr("Text of {name}", name=attachment.name))
        lines = attachment.text.count("\n") + 1
        parts = [
            wording.file_size(attachment.size),
            trn("{count} line", "{count} lines", lines),
            attachment.note,
        ]
        done = button("Close", "outlined")
        done.clicked.connect(self.accept)
        foot = QHBoxLayout()
        foot.addWidget(plain_label(line(parts), "muted", wraps=True), 1)
        foot.addWidget(done)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(10)
        column.addWidget(plain_label(attachment.name, "section", wraps=True))
        column.addWidget(self.text, 1)
        column.addLayout(foot)
        self.finished.connect(self.deleteLater)
