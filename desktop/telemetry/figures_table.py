"""Figures in a table of three columns: name, value, and how it is computed."""

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from desktop.telemetry.figures import Row
from desktop.translation import tr
from desktop.widgets import styled

_SHARE = 0.26  # of the width, for the name and for the value


class FiguresTable(QTableWidget):
    """Read-only; the explanations wrap."""

    def __init__(self) -> None:
        super().__init__(0, 3)
        styled(self, "figures")
        self.setAccessibleName(tr("Figures of the answer"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.setHorizontalHeaderLabels([tr("Figure"), tr("Value"), tr("How it is computed")])

    def show_rows(self, rows: Iterable[Row]) -> None:
        """Show `rows` in place of those before."""
        listed = list(rows)
        if self.rowCount() != len(listed):
            self.setRowCount(len(listed))
        for i, row in enumerate(listed):
            for column, text in enumerate((tr(row.figure.name), row.value, tr(row.figure.how))):
                self._put(i, column, text)
        self.resizeRowsToContents()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap anew."""
        super().resizeEvent(event)
        for column in (0, 1):
            self.setColumnWidth(column, round(self.viewport().width() * _SHARE))
        self.resizeRowsToContents()

    def _put(self, row: int, column: int, text: str) -> None:
        cell = self.item(row, column)
        if cell is None:
            cell = QTableWidgetItem()
            cell.setTextAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)
            self.setItem(row, column, cell)
        if cell.text() != text:
            cell.setText(text)
