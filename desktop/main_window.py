"""The window's layout: where the views stand. Connects nothing; `app.py` does."""

from itertools import pairwise

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QIcon
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from desktop.composer import Composer
from desktop.panels import DemoBanner, LoadingPanel, NoticePanel, Welcome
from desktop.pickers import Header
from desktop.telemetry_strip import TelemetryStrip
from desktop.theme import Palette
from desktop.transcript import COLUMN, Transcript
from desktop.widgets import styled

_SIZE = (980, 760)
_LEAST = (460, 480)


class MainWindow(QMainWindow):
    """Header, conversation, composer and figures, from top to bottom."""

    closing = Signal()

    def __init__(self, icon: QIcon, palette: Palette) -> None:
        super().__init__()
        self.setWindowTitle("Tern")
        self.setWindowIcon(icon)
        self.setMinimumSize(*_LEAST)
        self.header = Header()
        self.loading = LoadingPanel()
        self.demo = DemoBanner()
        self.welcome = Welcome(icon)
        self.transcript = Transcript(palette)
        self.notice = NoticePanel()
        self.composer = Composer()
        self.strip = TelemetryStrip()
        self.pages = QStackedWidget()
        self._lay_out()
        self._order_focus()

    def _lay_out(self) -> None:
        self.pages.addWidget(self.welcome)
        self.pages.addWidget(self.transcript)
        foot = QVBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.notice)
        foot.addWidget(self.composer)
        centre = QWidget()
        centre.setMaximumWidth(COLUMN + 28)
        foot.setContentsMargins(14, 0, 14, 14)
        centre.setLayout(foot)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(centre, 100)
        middle.addStretch(1)
        root = styled(QWidget(), "root")
        column = QVBoxLayout(root)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.loading)
        column.addWidget(self.demo)
        column.addWidget(self.pages, 1)
        column.addLayout(middle)
        column.addWidget(self.strip)
        self.setCentralWidget(root)

    def _order_focus(self) -> None:
        edit = self.composer.edit
        order: list[QWidget] = [edit, self.composer.button, self.header.models]
        order += [*self.header.precisions.buttons.values(), self.header.new_chat]
        for first, second in pairwise(order):
            QWidget.setTabOrder(first, second)
        edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_conversation(self, is_empty: bool) -> None:
        """Show the transcript, or the welcome where there is nothing in it."""
        self.pages.setCurrentWidget(self.welcome if is_empty else self.transcript)

    def place(self, geometry: tuple[int, int, int, int] | None) -> None:
        """Take the remembered place where it is on a screen, else a size that suits."""
        wanted = QRect(*geometry) if geometry else QRect()
        screens = (screen.availableGeometry() for screen in QGuiApplication.screens())
        if geometry and any(screen.intersects(wanted) for screen in screens):
            self.setGeometry(wanted)
        else:
            self.resize(*_SIZE)

    def placed(self) -> tuple[int, int, int, int]:
        """Return the place to remember."""
        place = self.normalGeometry() if self.isMaximized() else self.geometry()
        return place.x(), place.y(), place.width(), place.height()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Vanish at once; what has to end ends after that."""
        self.hide()
        self.closing.emit()
        event.accept()
