"""Lists the models on this computer in a thread: the scan reads the disk, and may read a lot."""

from PySide6.QtCore import QObject, QThread, Signal

from engine.paths import Paths
from engine.settings import Settings
from engine.store.local import list_models


class ModelScan(QThread):
    """One scan at a time; `found` carries a list of `engine.store.local.StoredModel`."""

    found = Signal(object)

    def __init__(self, settings: Settings, paths: Paths, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self._paths = paths

    def run(self) -> None:
        """Scan. Runs in the thread."""
        models = list_models(self.settings, self._paths)
        self.found.emit([model for model in models if model.can_run])
