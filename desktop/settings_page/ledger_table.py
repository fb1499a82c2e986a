"""The ledger of connections as a Qt model: one line a connection, the newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QDateTime,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
)

from desktop.translation import mark, tr
from engine.network import Connection

Index = QModelIndex | QPersistentModelIndex

COLUMNS = (mark("When"), mark("Where to"), mark("Why"), mark("Outcome"))


class LedgerModel(QAbstractTableModel):
    """When, where to, why, and whether it was allowed."""

    def __init__(self) -> None:
        super().__init__()
        self._connections: Sequence[Connection] = ()

    def show(self, connections: Sequence[Connection]) -> None:
        """Show `connections`."""
        self.beginResetModel()
        self._connections = connections
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many connections there are."""
        return 0 if parent.isValid() else len(self._connections)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many things are told of each."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return a column's name."""
        if orientation is Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return tr(COLUMNS[section])
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what stands in a cell; hovering shows all of it."""
        if not index.isValid():
            return None
        connection = self._connections[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cells_of(connection)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{connection.at}\n{connection.host} ({connection.address}), {connection.why}"
        return None


def cells_of(connection: Connection) -> tuple[str, str, str, str]:
    """Return what is told of a connection; the time in this computer's own zone."""
    try:
        moment = round(datetime.fromisoformat(connection.at).timestamp())
        when = QLocale().toString(QDateTime.fromSecsSinceEpoch(moment), "dd MMM HH:mm")
    except ValueError:
        when = connection.at
    why = connection.why or tr("nobody asked for it")
    outcome = tr("allowed") if connection.allowed else tr("refused")
    return when, connection.host, why, outcome
