"""The support archive before it is written: what is in it, file by file, and where it goes."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, Signal, Slot
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from desktop import wording
from desktop.state import Notice
from desktop.translation import mark, tr
from desktop.widgets import button, label, plain_label, styled
from engine.support import file_name

_PROMISE = mark(
    "It helps to find a fault. Your chats, prompts, answers, files and access tokens are not in "
    "it, and nothing is sent: read it here, save it, and give it to whom you want."
)


class SupportDialog(QDialog):
    """Shows the files of an archive, and asks where to save it."""

    files_wanted = Signal()
    save_wanted = Signal(object, object)  # Path, and the files by name

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        styled(self, "root")
        self.setWindowTitle(tr("Support archive"))
        self.files: Mapping[str, str] = {}
        self.names = styled(QListWidget(), "supportFiles")
        self.names.setAccessibleName(tr("Files in the archive"))
        self.text = styled(QPlainTextEdit(), "supportText")
        self.text.setAccessibleName(tr("What is in the file"))
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.told = label("", "muted", wraps=True)
        self.save = button("Save…", "primary", spoken="Save the support archive")
        self.close_it = button("Close", "outlined")
        self._lay_out()
        self.names.currentRowChanged.connect(self._show_file)
        self.save.clicked.connect(self._choose)
        self.close_it.clicked.connect(self.close)

    def _lay_out(self) -> None:
        across, acts = QHBoxLayout(), QHBoxLayout()
        across.setSpacing(12)
        self.names.setFixedWidth(230)
        across.addWidget(self.names)
        across.addWidget(self.text, 1)
        acts.addWidget(self.told, 1)
        acts.addWidget(self.close_it)
        acts.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(12)
        column.addWidget(plain_label(tr(_PROMISE), wraps=True))
        column.addLayout(across, 1)
        column.addLayout(acts)
        self.resize(820, 560)

    @Slot()
    def come_forward(self) -> None:
        """Appear, and ask for the files as they are now."""
        self.show_files({})
        self.tell(tr("Looking at this computer…"))
        self.show()
        self.raise_()
        self.activateWindow()
        self.files_wanted.emit()

    @Slot(object)
    def show_files(self, files: Mapping[str, str]) -> None:
        """Show what would be saved."""
        self.files = files
        self.names.clear()
        self.text.clear()
        for name, text in files.items():
            self.names.addItem(f"{name}  ·  {wording.size(len(text.encode()))}")
        self.names.setCurrentRow(0)
        self.save.setEnabled(bool(files))
        self.tell("")

    @Slot(object)
    def show_notice(self, notice: Notice) -> None:
        """Say what went wrong."""
        self.tell(f"{notice.sentence} {notice.way_out}")

    def tell(self, text: str) -> None:
        """Say what was done, or is being done."""
        self.told.setText(text)

    def _show_file(self, place: int) -> None:
        texts = list(self.files.values())
        self.text.setPlainText(texts[place] if 0 <= place < len(texts) else "")

    def _choose(self) -> None:
        documents = QStandardPaths.StandardLocation.DocumentsLocation
        folder = Path(QStandardPaths.writableLocation(documents) or Path.home())
        suggested = str(folder / file_name(datetime.now()))
        chosen, _ = QFileDialog.getSaveFileName(
            self, tr("Save the support archive"), suggested, tr("Zip archive (*.zip)")
        )
        if chosen:
            self.save_wanted.emit(Path(chosen), self.files)
