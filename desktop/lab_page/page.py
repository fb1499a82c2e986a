"""The Lab page's layout: three tabs and the model that they are about."""

from enum import StrEnum

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.chat_page.pickers import ModelPicker
from desktop.lab_page.progress import Progress
from desktop.lab_page.results import Results
from desktop.lab_page.setup import Setup
from desktop.lab_page.sizing_view import SizingView
from desktop.lab_page.threads_view import ThreadsView
from desktop.models_page.parts import NoticeBox, Scroller
from desktop.state import Notice
from desktop.theme import Palette
from desktop.translation import mark, tr
from desktop.widgets import button, choose, label, plain_button, plain_label, segments, styled
from engine.lab.records import Comparison, Plan

_ANSWERS = mark(
    "The lab runs your own prompts in bf16, int8 and int4, one after the other, and tells how much "
    "faster and smaller each is and how much of the quality it keeps. Everything is measured on "
    "this computer, with intervals that say how sure it is."
)


class LabTab(StrEnum):
    """The parts of the page; the value is what they are called."""

    COMPARE = mark("Compare")
    THREADS = mark("Threads")
    SIZING = mark("Sizing")


class Introduction(QWidget):
    """What the lab answers, before anything has run."""

    def __init__(self) -> None:
        super().__init__()
        styled(self, "card")
        self.demo = button(
            "Try it on the demo model", "outlined", "Three prompts in bf16, int8 and int4."
        )
        row = QHBoxLayout()
        row.addWidget(self.demo)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 16)
        column.setSpacing(10)
        column.addWidget(label("What do int8 and int4 cost you?", "heading", wraps=True))
        column.addWidget(plain_label(tr(_ANSWERS), "muted", wraps=True))
        column.addLayout(row)


class LabPage(QWidget):
    """Precisions side by side, the best number of threads, and what a service needs."""

    tab_shown = Signal(object)  # LabTab

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.models = ModelPicker()
        self.introduction = Introduction()
        self.setup = Setup()
        self.progress = Progress()
        self.results = Results(palette)
        self.threads = ThreadsView(palette)
        self.sizing = SizingView()
        self.notice = NoticeBox()
        self.told = label("", "good", wraps=True)
        self.told.hide()
        self.tabs: dict[LabTab, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._on_tab)
        self._lay_out()
        self.show_tab(LabTab.COMPARE)

    def _lay_out(self) -> None:
        self.compare = Scroller(tr(LabTab.COMPARE.value))
        for part in (self.introduction, self.setup, self.results):
            self.compare.column.addWidget(part)
        self.compare.column.addStretch()
        self._stack = QStackedWidget()
        for view in (self.compare, self.threads, self.sizing):
            self._stack.addWidget(view)
        self._banner = QWidget()
        banner = QVBoxLayout(self._banner)
        banner.setContentsMargins(16, 10, 16, 0)
        banner.addWidget(self.notice)
        banner.addWidget(self.told)
        self._banner.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header())
        column.addWidget(self.progress)
        column.addWidget(self._banner)
        column.addWidget(self._stack, 1)

    def _header(self) -> QWidget:
        header = styled(QWidget(), "header")
        self.tabs |= {tab: plain_button(tr(tab.value), "tab") for tab in LabTab}
        across = QHBoxLayout(header)
        across.setContentsMargins(16, 10, 16, 10)
        across.addWidget(segments(self.tabs.values(), self._group))
        across.addStretch()
        across.addWidget(self.models)
        return header

    @property
    def tab(self) -> LabTab:
        """The tab that is shown."""
        return next(tab for tab, choice in self.tabs.items() if choice.isChecked())

    @property
    def entry(self) -> QWidget:
        """What the keys go to when the page is shown.

        No focus proxy: with one, Tab would come to it past all that stands before it.
        """
        entries: dict[LabTab, QWidget] = {
            LabTab.COMPARE: self.setup.prompts,
            LabTab.THREADS: self.threads.tune,
            LabTab.SIZING: self.sizing.fields["sessions_per_hour"],
        }
        return entries[self.tab]

    def show_tab(self, tab: LabTab) -> None:
        """Show `tab`."""
        choose(self.tabs[tab])
        views = {
            LabTab.COMPARE: self.compare,
            LabTab.THREADS: self.threads,
            LabTab.SIZING: self.sizing,
        }
        self._stack.setCurrentWidget(views[tab])
        self.models.setVisible(tab is not LabTab.SIZING)
        self.tab_shown.emit(tab)

    # -- what happens ----------------------------------------------------------------------------

    @Slot(object)
    def begin(self, plan: Plan) -> None:
        """A comparison begins."""
        self.introduction.hide()
        self.show_tab(LabTab.COMPARE)
        self.results.begin(plan)
        self._show_results()

    @Slot(object)
    def end(self, comparison: Comparison | None) -> None:
        """A comparison has ended."""
        self.results.show_end(comparison)
        self.introduction.setVisible(comparison is None)
        self.sizing.show_comparison(comparison)
        self._show_results()

    def show_busy(self, is_busy: bool) -> None:
        """Let nothing be begun while something runs."""
        self.models.setEnabled(not is_busy)
        self.introduction.demo.setEnabled(not is_busy)
        self.setup.show_busy(is_busy)
        self.threads.show_busy(is_busy)
        if not is_busy:
            self.progress.hide()

    @Slot(object)
    def show_notice(self, notice: Notice | None) -> None:
        """Say what went wrong."""
        self.notice.show_notice(notice)
        self.told.hide()
        self._banner.setVisible(notice is not None)

    @Slot(str)
    def tell(self, text: str) -> None:
        """Say what was done."""
        self.notice.show_notice(None)
        self.told.setText(text)
        self.told.show()
        self._banner.show()

    def recolour(self, palette: Palette) -> None:
        """Paint what no style sheet reaches."""
        self.results.recolour(palette)
        self.threads.recolour(palette)

    def _show_results(self) -> None:
        """Scroll to where the results begin, once they are laid out."""
        bar = self.compare.verticalScrollBar()
        QTimer.singleShot(50, self, lambda: bar.setValue(max(0, self.results.y() - 18)))

    def _on_tab(self, clicked: QPushButton) -> None:
        self.show_tab(next(tab for tab, choice in self.tabs.items() if choice is clicked))
