"""Lists the models on this computer in a thread: the scan reads the disk, and may read a lot."""

from PySide6.QtCore import QObject, QThread, Signal

from engine.models import local_models


class ModelScan(QThread):
    """One scan at a time; `found` carries the list of `engine.models.LocalModel`."""

    found = Signal(object)

    def __init__(self, folders: tuple[str, ...] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folders = folders

    def run(self) -> None:
        """Scan. Runs in the thread."""
        self.found.emit(local_models(self.folders))
