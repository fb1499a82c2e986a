"""The Chat page's layout: header, conversation, composer and figures, from top to bottom."""

from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from desktop.composer import Composer
from desktop.panels import DemoBanner, LoadingPanel, NoticePanel, Welcome
from desktop.pickers import Header
from desktop.telemetry_strip import TelemetryStrip
from desktop.theme import Palette
from desktop.transcript import COLUMN, Transcript


class ChatPage(QWidget):
    """One conversation, and what it is held with."""

    def __init__(self, icon: QIcon, palette: Palette) -> None:
        super().__init__()
        self.header = Header()
        self.loading = LoadingPanel()
        self.demo = DemoBanner()
        self.welcome = Welcome(icon)
        self.transcript = Transcript(palette)
        self.notice = NoticePanel()
        self.composer = Composer()
        self.strip = TelemetryStrip()
        self._centre = QStackedWidget()
        self._lay_out()
        self._order_focus()

    def _lay_out(self) -> None:
        self._centre.addWidget(self.welcome)
        self._centre.addWidget(self.transcript)
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
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.loading)
        column.addWidget(self.demo)
        column.addWidget(self._centre, 1)
        column.addLayout(middle)
        column.addWidget(self.strip)

    def _order_focus(self) -> None:
        order: list[QWidget] = [self.composer.edit, self.composer.button, self.header.models]
        order += [*self.header.precisions.buttons.values(), self.header.new_chat]
        for first, second in pairwise(order):
            QWidget.setTabOrder(first, second)
        self.setFocusProxy(self.composer.edit)
        self.composer.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_conversation(self, is_empty: bool) -> None:
        """Show the transcript, or the welcome where there is nothing in it."""
        self._centre.setCurrentWidget(self.welcome if is_empty else self.transcript)
