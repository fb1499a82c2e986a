"""Storage: where the models lie, and what packed weights take."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from desktop import wording
from desktop.library_controller import Storage
from desktop.widgets import button, label


class StorageSection(QWidget):
    """The disk."""

    folder_wanted = Signal()  # to be opened
    move_wanted = Signal(str)  # to this folder
    reclaim_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.root = label("", wraps=True)
        self.free = label("", "muted")
        self.packed = label("", "muted", wraps=True)
        self.open = button("Open folder", "outlined", spoken="Open the folder of models")
        self.move_to = button("Move…", "outlined", "Move all models to another folder or disk")
        self.reclaim = button("Reclaim", "outlined")
        places, sizes = QHBoxLayout(), QHBoxLayout()
        places.addWidget(self.open)
        places.addWidget(self.move_to)
        places.addStretch()
        sizes.addWidget(self.reclaim)
        sizes.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(label("Models are stored in", "section"))
        column.addWidget(self.root)
        column.addWidget(self.free)
        column.addLayout(places)
        column.addSpacing(8)
        column.addWidget(label("Packed weights", "section"))
        column.addWidget(self.packed)
        column.addLayout(sizes)
        self.open.clicked.connect(self.folder_wanted)
        self.move_to.clicked.connect(self._choose)
        self.reclaim.clicked.connect(self.reclaim_wanted)

    @Slot(object)
    def show_storage(self, storage: Storage) -> None:
        """Show what is where."""
        self.root.setText(str(storage.root))
        self.free.setText(f"{wording.size(storage.free)} are free there.")
        self.packed.setText(
            f"{wording.size(storage.packed)}: weights in the form that the CPU reads fastest, made "
            "when a model is loaded first and made again where they are missing. "
            + (
                f"{wording.size(storage.unused_bytes)} of them belong to no model."
                if storage.unused
                else "All of them belong to a model."
            )
        )
        self.reclaim.setText(f"Reclaim {wording.size(storage.unused_bytes)}")
        self.reclaim.setAccessibleName(self.reclaim.text())
        self.reclaim.setVisible(bool(storage.unused))

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.window(), "Move the models to")
        if folder:
            self.move_wanted.emit(folder)
