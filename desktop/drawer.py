"""A panel at the right of a page: beside it where there is room, over it where there is not."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

_WIDTH = 330  # px of the panel
_LEAST = 500  # px that the page must keep for the panel to stand beside it
_ANY = 16_777_215  # px: what Qt takes for no limit


class WithDrawer(QWidget):
    """`page` with `panel`, which is closed at first."""

    toggled = Signal(bool)

    def __init__(self, page: QWidget, panel: QWidget) -> None:
        super().__init__()
        self._panel = panel
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(page, 1)
        panel.setParent(self)
        panel.hide()

    @property
    def is_open(self) -> bool:
        """Whether the panel is shown."""
        return not self._panel.isHidden()

    @property
    def is_over(self) -> bool:
        """Whether the panel covers the page."""
        return self.width() < _WIDTH + _LEAST

    def set_open(self, is_open: bool) -> None:
        """Show or hide the panel."""
        if is_open != self.is_open:
            self._panel.setVisible(is_open)
            self._arrange()
            self.toggled.emit(is_open)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the panel where it has room now."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        if self.is_over:
            self._row.removeWidget(self._panel)
            self._panel.setMinimumWidth(0)
            self._panel.setMaximumWidth(_ANY)
            width = min(self.width(), _WIDTH + 80)
            left = 0 if self.isRightToLeft() else self.width() - width
            self._panel.setGeometry(left, 0, width, self.height())
            self._panel.raise_()
        else:
            self._panel.setFixedWidth(_WIDTH)
            self._row.addWidget(self._panel)
