"""The Models page's layout: three tabs, the list at the left, the detail beside it or over it."""

from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.job_strip import JobStrip
from desktop.models_page.downloads_view import DownloadsView
from desktop.models_page.find_view import FindView
from desktop.models_page.fitting import Outlooks
from desktop.models_page.local_detail import LocalDetail
from desktop.models_page.local_view import LocalView
from desktop.models_page.offer_detail import OfferDetail
from desktop.models_page.parts import NoticeBox
from desktop.state import Notice
from desktop.theme import Palette
from desktop.translation import mark, tr
from desktop.widgets import button, choose, plain_button, segments, styled

_BESIDE = 760  # px of width from which list and detail stand beside each other
_LIST = 460  # px at most


class Tab(StrEnum):
    """The parts of the page; the value is what they are called."""

    LOCAL = mark("On this computer")
    FIND = mark("Find")
    DOWNLOADS = mark("Downloads")


class ModelsPage(QWidget):
    """Where models are found, fetched and kept."""

    folder_dropped = Signal(object)  # Path
    settings_wanted = Signal()

    def __init__(self, host: str, palette: Palette, outlooks: Outlooks) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.local = LocalView(palette)
        self.finder = FindView(host, palette, outlooks)
        self.downloads = DownloadsView()
        self.local_detail = LocalDetail(palette, outlooks)
        self.offer_detail = OfferDetail(host, palette, outlooks)
        self.job = JobStrip()
        self.hindrance = NoticeBox()
        self.hindrance.acted.connect(self.settings_wanted)
        self.tabs: dict[Tab, QPushButton] = {}
        self.back = button("‹  All models", "link", spoken="Back to the list")
        self.back.clicked.connect(lambda: self.show_detail(False))
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._on_tab)
        self._detail_open = False
        self._lay_out()
        self.local.list.chosen.connect(lambda _item: self.show_detail(True))
        self.finder.list.chosen.connect(lambda _item: self.show_detail(True))
        self.show_tab(Tab.LOCAL)

    def _lay_out(self) -> None:
        self._lists = QStackedWidget()
        self._details = QStackedWidget()
        for view in (self.local, self.finder, self.downloads):
            self._lists.addWidget(view)
        for detail in (self.local_detail, self.offer_detail):
            self._details.addWidget(detail)
        self._right = styled(QFrame(), "right")
        right = QVBoxLayout(self._right)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        ways = QHBoxLayout()
        ways.setContentsMargins(10, 8, 10, 0)
        ways.addWidget(self.back)
        ways.addStretch()
        right.addLayout(ways)
        right.addWidget(self._details, 1)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self._lists, 9)
        body.addWidget(self._right, 10)
        self._banner = QWidget()
        banner = QHBoxLayout(self._banner)
        banner.setContentsMargins(16, 12, 16, 0)
        banner.addWidget(self.hindrance)
        self._banner.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header())
        column.addWidget(self.job)
        column.addWidget(self._banner)
        column.addLayout(body, 1)

    def _header(self) -> QWidget:
        header = styled(QWidget(), "header")
        self.tabs |= {tab: plain_button(tr(tab.value), "tab") for tab in Tab}
        across = QHBoxLayout(header)
        across.setContentsMargins(16, 10, 16, 10)
        across.addWidget(segments(self.tabs.values(), self._group))
        across.addStretch()
        return header

    @property
    def tab(self) -> Tab:
        """The tab that is shown."""
        return next(tab for tab, choice in self.tabs.items() if choice.isChecked())

    @property
    def _view(self) -> LocalView | FindView:
        """What the detail belongs to."""
        return self.finder if self.tab is Tab.FIND else self.local

    @property
    def entry(self) -> QWidget:
        """What the keys go to when the page is shown.

        No focus proxy: with one, Tab would come to it past all that stands before it.
        """
        return {Tab.LOCAL: self.local.list, Tab.FIND: self.finder.field}.get(
            self.tab, self.downloads
        )

    def show_tab(self, tab: Tab) -> None:
        """Show `tab`."""
        choose(self.tabs[tab])
        views: dict[Tab, QWidget] = {
            Tab.LOCAL: self.local,
            Tab.FIND: self.finder,
            Tab.DOWNLOADS: self.downloads,
        }
        self._lists.setCurrentWidget(views[tab])
        self._details.setCurrentWidget(self.offer_detail if tab is Tab.FIND else self.local_detail)
        self.show_detail(False)

    def show_detail(self, is_open: bool) -> None:
        """In a narrow window, show the detail in place of the list, or the list again."""
        self._detail_open = is_open
        before = QApplication.focusWidget()
        self.arrange()
        if before and self.isAncestorOf(before) and not before.isVisible():
            (self.back if is_open else self._view.list).setFocus()

    @Slot(object)
    def show_hindrance(self, notice: Notice | None) -> None:
        """Say that nothing may connect, and why."""
        self.hindrance.show_notice(notice, tr("Open the settings"))
        self._banner.setVisible(notice is not None)

    @Slot(object)
    def show_count(self, states: tuple[object, ...]) -> None:
        """Say in the tab how many downloads there are."""
        name = tr(Tab.DOWNLOADS)
        text = f"{name} ({len(states)})" if states else name
        self.tabs[Tab.DOWNLOADS].setText(text)
        self.tabs[Tab.DOWNLOADS].setAccessibleName(text)

    def recolour(self, palette: Palette) -> None:
        """Paint what no style sheet reaches."""
        for view in (self.local, self.finder):
            view.list.recolour(palette)
        for detail in (self.local_detail, self.offer_detail):
            detail.fit.recolour(palette)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the detail beside the list where there is room."""
        super().resizeEvent(event)
        self.arrange()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders of this computer."""
        if event.mimeData().hasUrls() and event.mimeData().urls()[0].isLocalFile():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Offer to import what was dropped."""
        event.acceptProposedAction()
        self.folder_dropped.emit(Path(event.mimeData().urls()[0].toLocalFile()))

    @Slot(object)
    def arrange(self, _change: object = None) -> None:
        """Show list and detail beside each other, or the one that is wanted."""
        if not self.tabs:
            return
        has_detail = self.tab is not Tab.DOWNLOADS and self._view.list.item is not None
        is_beside = self.width() >= _BESIDE
        self._right.setVisible(has_detail and (is_beside or self._detail_open))
        self._lists.setVisible(is_beside or not (has_detail and self._detail_open))
        self._lists.setMaximumWidth(_LIST if is_beside and has_detail else 16_777_215)
        self.back.setVisible(not is_beside)

    def _on_tab(self, clicked: QPushButton) -> None:
        self.show_tab(next(tab for tab, choice in self.tabs.items() if choice is clicked))
