"""The Chat page's layout: the list of chats, and the one that is shown from header to figures."""

from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from desktop.chat_page.crash_banner import CrashBanner
from desktop.chat_page.panels import (
    DemoBanner,
    LoadingPanel,
    NoticePanel,
    TemporaryBanner,
    UnsavedBanner,
    Welcome,
)
from desktop.chat_page.pickers import Header
from desktop.composer.composer import Composer
from desktop.drawer import WithDrawer
from desktop.settings_panel.panel import SettingsPanel
from desktop.sidebar.pane import SidePane
from desktop.sidebar.sidebar import Sidebar
from desktop.telemetry.strip import TelemetryStrip
from desktop.theme import Palette
from desktop.transcript.transcript import COLUMN, Transcript

_LEAST = 90  # px of the conversation


class ChatPage(QWidget):
    """One conversation, what it is held with, and the others beside it."""

    def __init__(self, icon: QIcon, palette: Palette) -> None:
        super().__init__()
        self.sidebar = Sidebar(palette)
        self.header = Header(palette)
        self.loading = LoadingPanel()
        self.crash = CrashBanner()
        self.demo = DemoBanner()
        self.temporary = TemporaryBanner()
        self.welcome = Welcome(icon)
        self.transcript = Transcript(palette)
        self.unsaved = UnsavedBanner()
        self.notice = NoticePanel()
        self.composer = Composer()
        self.composer.recolour(palette)
        self.settings = SettingsPanel()
        self.strip = TelemetryStrip()
        self._centre = QStackedWidget()
        self._main = QWidget()
        self.side = SidePane(self.sidebar, self._main)
        self._lay_out()
        self._order_focus()

    def _lay_out(self) -> None:
        self._centre.addWidget(self.welcome)
        self._centre.addWidget(self.transcript)
        # The conversation scrolls: in a low window it gives way to what went wrong.
        self._centre.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self._centre.setMinimumHeight(_LEAST)
        foot = QVBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.unsaved)
        foot.addWidget(self.notice)
        foot.addWidget(self.composer)
        centre = QWidget()
        centre.setMaximumWidth(COLUMN + 28)
        foot.setContentsMargins(14, 6, 14, 14)
        centre.setLayout(foot)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(centre, 100)
        middle.addStretch(1)
        self.drawer = WithDrawer(self.side, self.settings)
        row = QVBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.drawer)
        column = QVBoxLayout(self._main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.loading)
        column.addWidget(self.crash)
        column.addWidget(self.demo)
        column.addWidget(self.temporary)
        column.addWidget(self._centre, 1)
        column.addLayout(middle)
        column.addWidget(self.strip)

    def _order_focus(self) -> None:
        composer, header = self.composer, self.header
        order: list[QWidget] = [composer.edit, composer.button, composer.attach, header.models]
        order += [*header.precisions.buttons.values(), header.new_chat, header.settings]
        order += [header.sidebar, self.sidebar.search, self.sidebar.more, self.sidebar.list]
        for first, second in pairwise(order):
            QWidget.setTabOrder(first, second)
        self.composer.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def entry(self) -> QWidget:
        """What the keys go to when the page is shown.

        No focus proxy: with one, Tab would come to it past all that stands before it.
        """
        return self.composer.edit

    def show_conversation(self, is_empty: bool) -> None:
        """Show the transcript, or the welcome where there is nothing in it."""
        self._centre.setCurrentWidget(self.welcome if is_empty else self.transcript)
