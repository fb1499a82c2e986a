"""The samples behind the curves as a table, for those who read rather than look."""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from desktop import wording
from desktop.telemetry import figures
from desktop.telemetry.answer_record import AnswerRecord
from desktop.translation import tr

Index = QModelIndex | QPersistentModelIndex
_NONE = QModelIndex()


class SamplesTable(QAbstractTableModel):
    """A row for each sample of the speed: its time, the speed, the memory known then."""

    def __init__(self, record: AnswerRecord) -> None:
        super().__init__()
        self._record = record
        self._shown = 0

    def refresh(self) -> None:
        """Show what the record holds now."""
        self.beginResetModel()
        self._shown = len(self._record.speed)
        self.endResetModel()

    def rowCount(self, parent: Index = _NONE) -> int:
        """One a sample."""
        return 0 if parent.isValid() else self._shown

    def columnCount(self, parent: Index = _NONE) -> int:
        """Time, speed, memory."""
        return 0 if parent.isValid() else 3

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Name the columns."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (tr("Time"), tr(figures.SPEED_NOW.name), tr(figures.MEMORY.name))[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a value in words."""
        if role != Qt.ItemDataRole.DisplayRole or index.row() >= len(self._record.speed):
            return None
        time, speed = self._record.speed[index.row()]
        resident = self._record.memory_at(time)
        memory = wording.UNKNOWN if resident is None else wording.size(round(resident))
        return (wording.seconds(time), wording.speed(speed), memory)[index.column()]
