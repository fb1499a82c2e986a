"""The Find tab's list: what to search for, how to sort and filter, and what there is."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.models_page.finding import Filters
from desktop.models_page.fitting import Outlooks
from desktop.models_page.offers import Offer, row_of
from desktop.models_page.parts import NoticeBox
from desktop.rows import RowList, RowModel
from desktop.state import Notice
from desktop.theme import Palette
from desktop.translation import tr
from desktop.widgets import button, label, plain_button, plain_label


class FindView(QWidget):
    """Nothing is sent while one types: `search_wanted` comes with Enter or the button."""

    search_wanted = Signal(str)
    suggestions_wanted = Signal()
    filters_changed = Signal(object)  # Filters

    def __init__(self, host: str, palette: Palette, outlooks: Outlooks) -> None:
        super().__init__()
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Words, organisation/name, or a pasted address"))
        self.field.setAccessibleName(tr("Search the Hub"))
        self.field.setClearButtonEnabled(True)
        for clear in self.field.findChildren(QToolButton):
            clear.setAccessibleName(tr("Clear"))
        asks = tr("Ask {host}", host=host)
        self.search = plain_button(tr("Search"), "primary", asks, tr("Search the Hub"))
        promise = tr("Enter asks {host}; nothing is sent before.", host=host)
        self.hint = plain_label(promise, "hint", wraps=True)
        self.sort = QComboBox()
        self.sort.addItem(tr("By downloads"), "downloads")
        self.sort.addItem(tr("By likes"), "likes")
        self.sort.setAccessibleName(tr("Sort by"))
        self.sort.setToolTip(tr("What comes first: the most downloaded, or the most liked"))
        self.runnable = _filter(tr("Runs in Tern"))
        self.runnable.setChecked(True)
        self.free = _filter(tr("Not gated"))
        self.status = label("", "muted", wraps=True)
        self.back = button("Suggestions", "quiet", "Show the suggestions again")
        self.notice = NoticeBox()
        self.offers: RowModel[Offer] = RowModel(lambda offer: row_of(offer, outlooks))
        self.list = RowList(self.offers, tr("Models on the Hub"), palette)
        self._lay_out()
        self._connect()
        self.show_status("", False)

    def _lay_out(self) -> None:
        asking = QHBoxLayout()
        asking.setSpacing(8)
        asking.addWidget(self.field, 1)
        asking.addWidget(self.search)
        self.filters = QWidget()
        filters = QHBoxLayout(self.filters)
        filters.setContentsMargins(0, 0, 0, 0)
        filters.setSpacing(12)
        for choice in (self.sort, self.runnable, self.free):
            filters.addWidget(choice)
        filters.addStretch()
        told = QHBoxLayout()
        told.addWidget(self.status, 1)
        told.addWidget(self.back, 0, Qt.AlignmentFlag.AlignTop)
        top = QVBoxLayout()
        top.setContentsMargins(16, 14, 16, 6)
        top.setSpacing(8)
        top.addLayout(asking)
        top.addWidget(self.hint)
        top.addWidget(self.filters)
        top.addWidget(self.notice)
        top.addLayout(told)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.list, 1)

    def _connect(self) -> None:
        self.field.returnPressed.connect(self._ask)
        self.search.clicked.connect(self._ask)
        self.back.clicked.connect(self.suggestions_wanted)
        self.notice.acted.connect(self._ask)
        self.sort.currentIndexChanged.connect(self._tell_filters)
        self.runnable.toggled.connect(self._tell_filters)
        self.free.toggled.connect(self._tell_filters)

    @property
    def wanted(self) -> Filters:
        """The filters as they are set."""
        return Filters(self.sort.currentData(), self.runnable.isChecked(), self.free.isChecked())

    @Slot(object)
    def show_offers(self, offers: Sequence[Offer]) -> None:
        """List `offers`, with one of them marked."""
        self.offers.show(offers)
        if self.list.item is None and offers:
            self.list.setCurrentIndex(self.offers.index(0))

    @Slot(str, bool)
    def show_status(self, text: str, is_search: bool) -> None:
        """Say what the list holds; only results can be filtered."""
        self.status.setText(text)
        self.filters.setVisible(is_search)
        self.back.setVisible(is_search)

    @Slot(object)
    def show_trouble(self, notice: Notice | None) -> None:
        """Say why a search failed."""
        self.notice.show_notice(notice, tr("Try again"))

    @Slot(object)
    def show_hindrance(self, hindrance: Notice | None) -> None:
        """Allow a search only where something may connect."""
        self.search.setEnabled(hindrance is None)
        self.field.setEnabled(hindrance is None)
        self.hint.setVisible(hindrance is None)

    def _ask(self) -> None:
        if self.field.isEnabled() and self.field.text().strip():
            self.search_wanted.emit(self.field.text())

    def _tell_filters(self, *_change: object) -> None:
        self.filters_changed.emit(self.wanted)


def _filter(text: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setAccessibleName(tr("Show only: {text}", text=text))
    return box
