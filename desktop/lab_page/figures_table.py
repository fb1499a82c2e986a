"""The figures of a comparison: a line each, a column a variant; below, how one is computed."""

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop.lab_page.figures import Cell, Line, lines
from desktop.theme import Palette
from desktop.translation import tr
from desktop.widgets import label, styled
from engine.lab.records import Comparison

_APART = 8  # px


class FiguresTable(QWidget):
    """The table, and what the chosen cell says of itself."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette
        self._lines: list[Line] = []
        self.table = _Table()
        self.how = label("", "hint", wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.table)
        column.addWidget(self.how)
        self.table.currentCellChanged.connect(self._explain)

    def show_comparison(self, comparison: Comparison) -> None:
        """Show the figures of `comparison`."""
        self._lines = lines(comparison)
        self.table.clear()
        self.table.setRowCount(len(self._lines))
        self.table.setColumnCount(1 + len(comparison.rows))
        names = [row.label for row in comparison.rows]
        self.table.setHorizontalHeaderLabels([tr("Figure"), *names])
        for place, line in enumerate(self._lines):
            self.table.put(place, 0, Cell(tr(line.figure.name)), _how(line, None))
            for column, cell in enumerate(line.cells, 1):
                self.table.put(place, column, cell, _how(line, cell))
        self.recolour(self._palette)
        self.table.fit()
        self.table.setCurrentCell(0, 0)
        self._explain(0, 0)

    def recolour(self, palette: Palette) -> None:
        """Show what does not count in the muted colour."""
        self._palette = palette
        for place, line in enumerate(self._lines):
            for column, cell in enumerate(line.cells, 1):
                colour = palette.muted if cell.is_invalid else palette.text
                if item := self.table.item(place, column):
                    item.setForeground(QColor(colour))

    @Slot(int, int)
    def _explain(self, row: int, column: int, *_before: int) -> None:
        item = self.table.item(row, column) if row >= 0 else None
        self.how.setText(item.toolTip() if item else "")


class _Table(QTableWidget):
    """Read-only, as tall as its lines; scrolls sideways where it has too little room."""

    def __init__(self) -> None:
        super().__init__()
        styled(self, "figures")
        self.setAccessibleName(tr("Figures of the comparison"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)

    def put(self, row: int, column: int, cell: Cell, how: str) -> None:
        """Show `cell`; `how` on hovering and to screen readers."""
        item = QTableWidgetItem()
        under = cell.interval or (tr("invalid") if cell.is_invalid else "")
        item.setText(f"{cell.text}\n{under}" if under else cell.text)
        item.setToolTip(how)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, cell.whole)
        item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, how)
        item.setTextAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)
        font = item.font()
        font.setItalic(cell.is_invalid)
        item.setFont(font)
        self.setItem(row, column, item)

    def fit(self) -> None:
        """Give each column its share of the width, and the table the height of its lines."""
        others = self.columnCount() - 1
        if others < 1:
            return
        room = self.viewport().width()
        name = max(self.sizeHintForColumn(0), room // (others + 2))
        self.setColumnWidth(0, name)
        for column in range(1, others + 1):
            least = self.sizeHintForColumn(column) + _APART
            self.setColumnWidth(column, max(least, (room - name) // others))
        self.resizeRowsToContents()
        self.setFixedHeight(self.sizeHint().height())

    def sizeHint(self) -> QSize:
        """As tall as all lines."""
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        bar = self.horizontalScrollBar().sizeHint().height()
        is_wide = self.horizontalHeader().length() > self.viewport().width()
        height = self.horizontalHeader().sizeHint().height() + rows + 4 + (bar if is_wide else 0)
        return QSize(super().sizeHint().width(), height)

    def minimumSizeHint(self) -> QSize:
        """It scrolls sideways."""
        return QSize(120, 60)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width anew."""
        super().resizeEvent(event)
        self.fit()


def _how(line: Line, cell: Cell | None) -> str:
    said = f"{tr(line.figure.name)}: {tr(line.figure.how)}"
    return f"{said} {cell.how}" if cell and cell.how else said
