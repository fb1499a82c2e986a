"""Storage: where the models lie, and what packed weights take."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from desktop import wording
from desktop.library_controller import Storage
from desktop.translation import mark, tr
from desktop.widgets import button, label

_PACKED = mark(
    "Weights in the form that this CPU reads fastest: made when a model is loaded first, and made "
    "again where they are missing."
)


class StorageSection(QWidget):
    """The disk."""

    folder_wanted = Signal()  # to be opened
    move_wanted = Signal(object)  # Path to move to
    reclaim_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.root = label("", wraps=True)
        self.free = label("", "muted")
        self.packed = label("", "muted", wraps=True)
        self.open = button("Open folder", "outlined", spoken="Open the folder of models")
        self.move_to = button("Move…", "outlined", "Move all models to another folder or disk")
        self.reclaim = button("Reclaim", "outlined")
        self.reclaim.hide()
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
        self.free.setText(tr("{size} are free there.", size=wording.size(storage.free)))
        unused = wording.size(storage.unused_bytes)
        packed = wording.size(storage.packed)
        lines = [tr(_PACKED)]
        lines += [tr("They take {size}.", size=packed) if storage.packed else tr("None yet.")]
        if storage.unused:
            lines += [tr("{size} of that belong to no model.", size=unused)]
        self.packed.setText(" ".join(lines))
        self.reclaim.setText(tr("Reclaim {size}", size=unused))
        self.reclaim.setAccessibleName(self.reclaim.text())
        self.reclaim.setVisible(bool(storage.unused))

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.window(), tr("Move the models to"))
        if folder:
            self.move_wanted.emit(Path(folder))
