"""The menu bar and its keys. Emits what was chosen; does nothing itself."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from desktop import wording
from desktop.shell.main_window import MainWindow
from desktop.shell.navigation import SHORTCUTS, Page
from desktop.translation import tr
from engine.messages import KernelChoice


class Menus(QObject):
    """Chat, Engine, View and Help."""

    new_chat_wanted = Signal()
    temporary_chat_wanted = Signal()
    search_wanted = Signal()
    rename_wanted = Signal()
    step_wanted = Signal(int)  # -1 to the chat above, 1 to the one below
    sidebar_wanted = Signal()
    stop_wanted = Signal()
    write_wanted = Signal()
    kernel_chosen = Signal(str)
    theme_chosen = Signal(str)
    log_wanted = Signal()
    page_chosen = Signal(object)  # Page
    figures_wanted = Signal()
    zoom_stepped = Signal(int)  # 1 larger, -1 smaller, 0 the usual size
    shortcuts_wanted = Signal()
    support_wanted = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        bar = window.menuBar()
        self._fill_chat(bar.addMenu(tr("&Chat")), window)
        engine = bar.addMenu(tr("&Engine"))
        kernels = engine.addMenu(tr("&Kernels"))
        kernels.setToolTipsVisible(True)
        self.kernels = {
            name: _choice(kernels, tr(wording.KERNEL_HELP[name]), name)
            for name in get_args(KernelChoice)
        }
        self._exclusive(self.kernels, self.kernel_chosen.emit)
        engine.addAction(tr("Open the engine's &log"), self.log_wanted.emit)
        view = bar.addMenu(tr("&View"))
        self.pages = {page: self._page(view, page) for page in Page}
        sidebar = view.addAction(tr("&List of chats"))
        sidebar.setShortcut(QKeySequence("Ctrl+B"))
        sidebar.triggered.connect(self.sidebar_wanted)
        figures = view.addAction(tr("&Figures in full"))
        figures.setShortcut(QKeySequence("Ctrl+T"))
        figures.triggered.connect(self.figures_wanted)
        view.addSeparator()
        self.themes = {name: _choice(view, tr(text), name) for name, text in wording.THEMES.items()}
        self._exclusive(self.themes, self.theme_chosen.emit)
        self._fill_zoom(view)
        self._fill_help(bar.addMenu(tr("&Help")))

    def _fill_help(self, menu: QMenu) -> None:
        shortcuts = menu.addAction(tr("&Keyboard shortcuts"))
        shortcuts.setShortcuts([QKeySequence("F1"), QKeySequence("Ctrl+/")])
        shortcuts.triggered.connect(self.shortcuts_wanted)
        menu.addAction(tr("Support &archive…"), self.support_wanted.emit)

    def _fill_zoom(self, menu: QMenu) -> None:
        menu.addSeparator()
        for text, step, keys in (
            (tr("&Larger"), 1, ("Ctrl++", "Ctrl+=")),
            (tr("&Smaller"), -1, ("Ctrl+-",)),
            (tr("&Usual size"), 0, ("Ctrl+0",)),
        ):
            action = menu.addAction(text)
            action.setShortcuts([QKeySequence(key) for key in keys])
            action.triggered.connect(lambda _=False, step=step: self.zoom_stepped.emit(step))

    def _fill_chat(self, menu: QMenu, window: MainWindow) -> None:
        def add(text: str, keys: str) -> QAction:
            action = menu.addAction(text)
            action.setShortcut(QKeySequence(keys))
            return action

        add(tr("&New chat"), "Ctrl+N").triggered.connect(self.new_chat_wanted)
        add(tr("New &temporary chat"), "Ctrl+Shift+N").triggered.connect(self.temporary_chat_wanted)
        menu.addSeparator()
        add(tr("Search c&hats"), "Ctrl+F").triggered.connect(self.search_wanted)
        add(tr("Chat &above"), "Alt+Up").triggered.connect(lambda: self.step_wanted.emit(-1))
        add(tr("Chat &below"), "Alt+Down").triggered.connect(lambda: self.step_wanted.emit(1))
        add(tr("&Rename this chat"), "F2").triggered.connect(self.rename_wanted)
        menu.addSeparator()
        add(tr("&Write a message"), "Ctrl+L").triggered.connect(self.write_wanted)
        add(tr("&Stop the answer"), "Esc").triggered.connect(self.stop_wanted)
        menu.addSeparator()
        add(tr("&Quit"), "Ctrl+Q").triggered.connect(window.quit)

    def _page(self, menu: QMenu, page: Page) -> QAction:
        action = menu.addAction(tr(page.value))
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
