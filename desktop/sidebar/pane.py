"""A side beside the main part of a page, or over it where there is no room for both."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QWidget

_LEAST, _MOST = 200, 420  # px
_LEFT_OPEN = 60  # px of the main part that stay in sight beside a side that lies over it
_SHADE = QColor(0, 0, 0, 90)


class _Shade(QWidget):
    """Darkens what cannot be used now; a click on it ends that."""

    clicked = Signal()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Darken."""
        QPainter(self).fillRect(self.rect(), _SHADE)

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        """Take the click."""
        self.clicked.emit()


class SidePane(QWidget):
    """`side` at the left of `main`. In a narrow window it is hidden until it is asked for."""

    def __init__(self, side: QWidget, main: QWidget) -> None:
        super().__init__()
        self._side = side
        self._is_narrow = False
        self._is_wanted = True  # in a wide window
        self._wide = 280
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(side)
        self._splitter.addWidget(main)
        self._splitter.setStretchFactor(0, 0)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.splitterMoved.connect(self._on_moved)
        self._shade = _Shade(self)
        self._shade.hide()
        self._shade.clicked.connect(self.close_over)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._splitter)
        side.setMinimumWidth(_LEAST)
        side.setMaximumWidth(_MOST)

    @property
    def is_open(self) -> bool:
        """Whether the side can be seen."""
        return not self._side.isHidden()

    def state(self) -> tuple[int, bool]:
        """Return what to remember: the side's width in px, and whether wide windows show it."""
        return self._wide, self._is_wanted

    def restore(self, width: int, is_wanted: bool) -> None:
        """Be as it was remembered."""
        self._wide = min(max(width, _LEAST), _MOST)
        self._is_wanted = is_wanted
        self._arrange()

    def set_narrow(self, is_narrow: bool) -> None:
        """Take the window to be narrow or wide."""
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self._arrange()

    @Slot()
    def toggle(self) -> None:
        """Show the side, or hide it."""
        if self.is_open:
            self._hide()
        else:
            self.open_side()

    def open_side(self) -> None:
        """Show the side."""
        if self._is_narrow:
            self._shade.show()
            self._shade.raise_()
            self._side.show()
            self._side.raise_()
            self._cover()
        else:
            self._is_wanted = True
            self._arrange()

    @Slot()
    def close_over(self) -> None:
        """Hide the side where it lies over the main part."""
        if self._is_narrow:
            self._hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let what lies over the main part keep its place."""
        super().resizeEvent(event)
        self._cover()

    def _hide(self) -> None:
        if not self._is_narrow:
            self._is_wanted = False
        self._shade.hide()
        self._side.hide()

    def _arrange(self) -> None:
        self._shade.hide()
        if self._is_narrow:
            self._side.hide()
            self._side.setParent(self)
            self._side.hide()
            return
        self._splitter.insertWidget(0, self._side)
        self._splitter.setStretchFactor(0, 0)
        self._side.setVisible(self._is_wanted)
        self._splitter.setSizes([self._wide, max(1, self.width() - self._wide)])

    def _cover(self) -> None:
        self._shade.setGeometry(self.rect())
        if self._is_narrow:
            width = min(max(_LEAST, self._wide), self.width() - _LEFT_OPEN)
            left = self.width() - width if self.isRightToLeft() else 0
            self._side.setGeometry(left, 0, width, self.height())

    def _on_moved(self, _place: int, _handle: int) -> None:
        self._wide = min(max(self._side.width(), _LEAST), _MOST)
