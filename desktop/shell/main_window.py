"""The window's layout: the pages and the way between them. Connects nothing; `app.py` does."""

from collections.abc import Callable

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QIcon, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from desktop.chat_page.page import ChatPage
from desktop.lab_page.page import LabPage
from desktop.models_page.fitting import Outlooks
from desktop.models_page.page import ModelsPage
from desktop.settings_page.page import SettingsPage
from desktop.shell.navigation import Navigation, Page
from desktop.shell.placement import place
from desktop.theme import Palette
from desktop.widgets import styled

_SIZE = (1060, 760)
_LEAST = (460, 480)
_ROOMY = 720  # px of width from which the pages' names are shown


class MainWindow(QMainWindow):
    """The navigation at the left, and the page that is chosen there.

    host: the Hub's name; outlooks: what a model needs here.
    """

    closing = Signal()
    page_shown = Signal(object)  # Page

    def __init__(self, icon: QIcon, palette: Palette, host: str, outlooks: Outlooks) -> None:
        super().__init__()
        self.setWindowTitle("Tern")
        self.setWindowIcon(icon)
        self.setMinimumSize(*_LEAST)
        self.hides: Callable[[], bool] = lambda: False  # whether closing only hides the window
        self._is_quitting = False
        self._zoom = 1.0
        self.navigation = Navigation(palette)
        self.chat = ChatPage(icon, palette)
        self.models = ModelsPage(host, palette, outlooks)
        self.lab = LabPage(palette)
        self.settings = SettingsPage(host)
        self.pages: dict[Page, ChatPage | ModelsPage | LabPage | SettingsPage] = {
            Page.CHAT: self.chat,
            Page.MODELS: self.models,
            Page.LAB: self.lab,
            Page.SETTINGS: self.settings,
        }
        self._stack = QStackedWidget()
        for page in self.pages.values():
            self._stack.addWidget(page)
        root = styled(QWidget(), "root")
        row = QHBoxLayout(root)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.navigation)
        row.addWidget(self._stack, 1)
        self.setCentralWidget(root)
        self.navigation.page_chosen.connect(self.show_page)

    @property
    def page(self) -> Page:
        """The page that is shown."""
        shown = self._stack.currentWidget()
        return next(page for page, widget in self.pages.items() if widget is shown)

    @Slot(object)
    def show_page(self, page: Page) -> None:
        """Show `page`, and let the keys go to it."""
        self._stack.setCurrentWidget(self.pages[page])
        self.navigation.show_page(page)
        self.pages[page].entry.setFocus(Qt.FocusReason.OtherFocusReason)
        self.page_shown.emit(page)

    @Slot()
    def quit(self) -> None:
        """Close for good, even where closing only hides the window."""
        self._is_quitting = True
        self.close()

    @Slot()
    def come_forward(self) -> None:
        """Appear in front, from the tray, from an icon or from behind other windows."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def place(self, geometry: tuple[int, int, int, int] | None, maximized: bool = False) -> None:
        """Take the remembered place as far as it is on a screen, else a size that suits."""
        screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
        found = place(QRect(*geometry), screens) if geometry else None
        if found:
            self.setGeometry(found)
        else:
            self.resize(*_SIZE)
        if maximized:
            self.setWindowState(Qt.WindowState.WindowMaximized)

    def placed(self) -> tuple[int, int, int, int]:
        """Return the place to remember."""
        here = self.normalGeometry() if self.isMaximized() else self.geometry()
        return here.x(), here.y(), here.width(), here.height()

    @Slot(int)
    def set_zoom(self, percent: int) -> None:
        """Give larger letters their room, as far as the screen has it."""
        self._zoom = percent / 100
        room = self.screen().availableSize()
        width, height = (round(length * max(1.0, self._zoom)) for length in _LEAST)
        self.setMinimumSize(min(width, room.width()), min(height, room.height()))
        self.navigation.set_zoom(percent)
        self.chat.header.set_zoom(percent)
        self.chat.composer.set_zoom(percent)
        self.chat.strip.set_zoom(percent)
        self.chat.transcript.set_zoom(percent)
        self._suit_width()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave a narrow window's width to the page."""
        super().resizeEvent(event)
        self._suit_width()

    def _suit_width(self) -> None:
        is_narrow = self.width() < _ROOMY * self._zoom
        self.navigation.set_compact(is_narrow)
        self.chat.side.set_narrow(is_narrow)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Vanish at once; what has to end ends after that, unless the window only hides."""
        self.hide()
        if self.hides() and not self._is_quitting and not _is_session_ending():
            event.ignore()
            return
        self.closing.emit()
        event.accept()


def _is_session_ending() -> bool:
    """Return whether the system asks all windows to close, which a hidden one would hold up."""
    app = QGuiApplication.instance()
    return isinstance(app, QGuiApplication) and app.isSavingSession()
