"""The slim row of pages at the window's left; emits which page was asked for."""

from enum import StrEnum

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetrics, QKeySequence
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout

from desktop import wording
from desktop.icons import icon
from desktop.theme import Palette
from desktop.translation import mark, tr
from desktop.widgets import ThinBar, choose, styled

_WIDE, _COMPACT = 84, 52  # px
_BESIDE = 20  # px beside a name


class Page(StrEnum):
    """The pages of the window; the value is what they are called."""

    CHAT = mark("Chat")
    MODELS = mark("Models")
    LAB = mark("Lab")
    SETTINGS = mark("Settings")


SHORTCUTS: dict[Page, str] = {
    Page.CHAT: "Ctrl+1",
    Page.MODELS: "Ctrl+2",
    Page.LAB: "Ctrl+3",
    Page.SETTINGS: "Ctrl+,",
}


class Navigation(QFrame):
    """A button for each page, and under Models how far the downloads are."""

    page_chosen = Signal(object)  # Page

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        styled(self, "navigation")
        self.setAccessibleName(tr("Pages"))
        self.buttons: dict[Page, QToolButton] = {}
        self.progress = ThinBar()
        self.progress.hide()
        self._group = QButtonGroup(self)
        self._zoom = 1.0
        self._compact = False
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 10, 6, 10)
        column.setSpacing(4)
        for page in Page:
            if page is Page.SETTINGS:
                column.addStretch()
            column.addWidget(self._button(page))
            if page is Page.MODELS:
                column.addWidget(self.progress)
        self._group.buttonClicked.connect(self._on_clicked)
        self.recolour(palette)
        self.show_page(Page.CHAT)
        self.set_compact(False)

    def _button(self, page: Page) -> QToolButton:
        made = styled(QToolButton(), "page")
        keys = QKeySequence(SHORTCUTS[page]).toString(QKeySequence.SequenceFormat.NativeText)
        made.setText(tr(page.value))
        made.setCheckable(True)
        made.setIconSize(QSize(22, 22))
        made.setToolTip(f"{made.text()} ({keys})")
        made.setAccessibleName(made.text())
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._group.addButton(made)
        self.buttons[page] = made
        return made

    def show_page(self, page: Page) -> None:
        """Mark `page` as the one that is shown."""
        choose(self.buttons[page])

    def show_progress(self, share: float | None) -> None:
        """Show how far the downloads are, 0 to 1; None where none is under way."""
        self.progress.setVisible(share is not None)
        if share is not None:
            self.progress.show_progress(share, 1)
        spoken = "" if share is None else tr("Downloads: {share}", share=wording.percent(share))
        self.progress.setAccessibleName(spoken)
        self.progress.setToolTip(spoken)
        self.buttons[Page.MODELS].setAccessibleDescription(spoken)

    def set_compact(self, compact: bool) -> None:
        """Show icons alone, or with their names."""
        self._compact = compact
        style = Qt.ToolButtonStyle
        width = round(_COMPACT * self._zoom) if compact else self._wide()
        height = round((40 if compact else 54) * self._zoom)
        for choice in self.buttons.values():
            choice.setToolButtonStyle(
                style.ToolButtonIconOnly if compact else style.ToolButtonTextUnderIcon
            )
            choice.setIconSize(QSize(22, 22) * self._zoom)
            choice.setFixedSize(width - 12, height)
        self.setFixedWidth(width)

    def _wide(self) -> int:
        """Return the width in px that the names need in this language."""
        self.buttons[Page.CHAT].ensurePolished()  # the style sheet brings its font
        font = QFont(self.buttons[Page.CHAT].font())
        font.setBold(True)  # as that of the page which is shown
        names = (choice.text() for choice in self.buttons.values())
        widest = max(map(QFontMetrics(font).horizontalAdvance, names))
        return max(round(_WIDE * self._zoom), widest + _BESIDE)

    @Slot(int)
    def set_zoom(self, percent: int) -> None:
        """Give larger letters their room."""
        self._zoom = percent / 100
        self.set_compact(self._compact)

    @Slot(object)
    def recolour(self, palette: Palette) -> None:
        """Draw the icons in the text's colour."""
        for page, choice in self.buttons.items():
            choice.setIcon(icon(page.name.lower(), palette.text))

    def _on_clicked(self, clicked: QToolButton) -> None:
        self.page_chosen.emit(next(p for p, choice in self.buttons.items() if choice is clicked))
