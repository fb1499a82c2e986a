"""The menu bar and its keys. Emits what was chosen; does nothing itself."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from desktop import wording
from desktop.navigation import SHORTCUTS, Page
from engine.messages import KernelChoice


class Menus(QObject):
    """Chat, Engine and View."""

    new_chat_wanted = Signal()
    stop_wanted = Signal()
    write_wanted = Signal()
    kernel_chosen = Signal(str)
    theme_chosen = Signal(str)
    log_wanted = Signal()
    page_chosen = Signal(object)  # Page

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        bar = window.menuBar()
        self._fill_chat(bar.addMenu("&Chat"), window)
        engine = bar.addMenu("&Engine")
        kernels = engine.addMenu("&Kernels")
        kernels.setToolTipsVisible(True)
        self.kernels = {
            name: _choice(kernels, wording.KERNEL_HELP[name], name)
            for name in get_args(KernelChoice)
        }
        self._exclusive(self.kernels, self.kernel_chosen.emit)
        engine.addAction("Open the engine's &log", self.log_wanted.emit)
        view = bar.addMenu("&View")
        self.pages = {page: self._page(view, page) for page in Page}
        view.addSeparator()
        self.themes = {name: _choice(view, text, name) for name, text in wording.THEMES.items()}
        self._exclusive(self.themes, self.theme_chosen.emit)

    def _fill_chat(self, menu: QMenu, window: QMainWindow) -> None:
        def add(text: str, keys: str | QKeySequence.StandardKey) -> QAction:
            action = menu.addAction(text)
            action.setShortcut(QKeySequence(keys))
            return action

        add("&New chat", "Ctrl+N").triggered.connect(self.new_chat_wanted)
        add("&Write a message", "Ctrl+L").triggered.connect(self.write_wanted)
        add("&Stop the answer", "Esc").triggered.connect(self.stop_wanted)
        menu.addSeparator()
        add("&Quit", QKeySequence.StandardKey.Quit).triggered.connect(window.close)

    def _page(self, menu: QMenu, page: Page) -> QAction:
        action = menu.addAction(page.value)
        action.setShortcut(QKeySequence(SHORTCUTS[page]))
        action.triggered.connect(lambda: self.page_chosen.emit(page))
        return action

    def _exclusive(self, actions: Mapping[Any, QAction], choose: Callable[[str], object]) -> None:
        group = QActionGroup(self)
        for action in actions.values():
            group.addAction(action)
        group.triggered.connect(lambda action: choose(action.data()))


def _choice(menu: QMenu, text: str, value: str) -> QAction:
    action = menu.addAction(text)
    action.setCheckable(True)
    action.setData(value)
    return action
