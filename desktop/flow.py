"""A layout that puts widgets in rows, as words stand in lines."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class Flow(QLayout):
    """Rows from the left, or from the right where `at_right` and in right-to-left windows."""

    def __init__(self, parent: QWidget, gap: int = 6, at_right: bool = False) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self._at_right = at_right
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        """Put `item` last."""
        self._items.append(item)

    def count(self) -> int:
        """Return how many there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return the item at `index`."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Remove and return the item at `index`."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """No more room than it needs."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """The narrower, the taller."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all rows in `width` px."""
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def sizeHint(self) -> QSize:
        """As small as it can be: the width is given by what is around it."""
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        """The widest and the tallest of the items."""
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def setGeometry(self, area: QRect) -> None:
        """Put the items into `area`."""
        super().setGeometry(area)
        self._arrange(area, move=True)

    def _arrange(self, area: QRect, move: bool) -> int:
        """Lay out in `area` and return the height."""
        rows: list[list[tuple[QLayoutItem, QSize]]] = []
        left = area.width() + 1  # so that the first item begins a row
        for item in self._items:
            if item.isEmpty():  # hidden
                continue
            size = item.sizeHint().boundedTo(QSize(area.width(), 10_000))
            if left + size.width() > area.width():
                rows.append([])
                left = 0
            rows[-1].append((item, size))
            left += size.width() + self._gap
        top = area.y()
        for row in rows:
            if move:
                self._place(row, area, top)
            top += max(size.height() for _, size in row) + self._gap
        return max(0, top - area.y() - self._gap)

    def _place(self, row: list[tuple[QLayoutItem, QSize]], area: QRect, top: int) -> None:
        parent = self.parentWidget()
        mirrored = parent is not None and parent.layoutDirection() is (
            Qt.LayoutDirection.RightToLeft
        )
        total = sum(size.width() + self._gap for _, size in row) - self._gap
        left = area.width() - total if self._at_right else 0
        for item, size in row:
            x = area.right() + 1 - left - size.width() if mirrored else area.x() + left
            item.setGeometry(QRect(QPoint(x, top), size))
            left += size.width() + self._gap
