"""The window's layout: the pages and the way between them. Connects nothing; `app.py` does."""

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QIcon, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from desktop.chat_page import ChatPage
from desktop.models_page.fitting import Outlooks
from desktop.models_page.page import ModelsPage
from desktop.navigation import Navigation, Page
from desktop.settings_page.page import SettingsPage
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
        self.navigation = Navigation(palette)
        self.chat = ChatPage(icon, palette)
        self.models = ModelsPage(host, palette, outlooks)
        self.settings = SettingsPage(host)
        self.pages: dict[Page, QWidget] = {
            Page.CHAT: self.chat,
            Page.MODELS: self.models,
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
        self.pages[page].setFocus(Qt.FocusReason.OtherFocusReason)
        self.page_shown.emit(page)

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave a narrow window's width to the page."""
        super().resizeEvent(event)
        self.navigation.set_compact(self.width() < _ROOMY)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Vanish at once; what has to end ends after that."""
        self.hide()
        self.closing.emit()
        event.accept()
