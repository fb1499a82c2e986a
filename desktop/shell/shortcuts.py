"""The keyboard's keys as the window really knows them, in a list that can be searched.

Read from the window's actions and shortcuts when it is opened. Keys that a widget handles by itself
are told by its class as `KEYS`: pairs of a key sequence and what it does, marked for translation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QSortFilterProxyModel, Qt, Slot
from PySide6.QtGui import QAction, QKeySequence, QShortcut, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLineEdit,
    QMenu,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.translation import tr
from desktop.widgets import label, styled

_NATIVE = QKeySequence.SequenceFormat.NativeText


@dataclass(frozen=True)
class Key:
    """What can be done, by which keys, and where it stands or holds."""

    act: str
    keys: str
    place: str


def keys_of(window: QWidget) -> list[Key]:
    """Return all keys of `window`, each once, in the order of its menus."""
    return list(dict.fromkeys((*_of_actions(window), *_of_shortcuts(window), *_of_widgets(window))))


def _of_actions(window: QWidget) -> Iterator[Key]:
    for action in window.findChildren(QAction):
        keys = ", ".join(key.toString(_NATIVE) for key in action.shortcuts())
        if keys:
            yield Key(_plain(action.text()), keys, _menu_of(action))


def _of_shortcuts(window: QWidget) -> Iterator[Key]:
    """Shortcuts say in `whatsThis` what they do."""
    for shortcut in window.findChildren(QShortcut):
        keys = ", ".join(key.toString(_NATIVE) for key in list(shortcut.keys()))
        if keys:
            parent = shortcut.parent()
            place = parent.accessibleName() if isinstance(parent, QWidget) else ""
            yield Key(shortcut.whatsThis(), keys, place)


def _of_widgets(window: QWidget) -> Iterator[Key]:
    for widget in (window, *window.findChildren(QWidget)):
        for keys, act in getattr(widget, "KEYS", ()):
            yield Key(tr(act), QKeySequence(keys).toString(_NATIVE), widget.accessibleName())


def _menu_of(action: QAction) -> str:
    menus = [menu for menu in action.associatedObjects() if isinstance(menu, QMenu)]
    return _plain(menus[0].title()) if menus else ""


def _plain(text: str) -> str:
    """Return a menu's text without the marks of its access keys."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


class ShortcutsDialog(QDialog):
    """The list of keys and a field to search it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        styled(self, "root")
        self.setWindowTitle(tr("Keyboard shortcuts"))
        self._window = window
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search what it does, or a key"))
        self.search.setAccessibleName(tr("Search the shortcuts"))
        self.search.setClearButtonEnabled(True)
        for clear in self.search.findChildren(QToolButton):
            clear.setAccessibleName(tr("Clear the search"))
        self.nothing = label("No shortcut fits.", "muted")
        self._keys = QStandardItemModel(self)
        self.shown = QSortFilterProxyModel(self)
        self.shown.setSourceModel(self._keys)
        self.shown.setFilterKeyColumn(-1)
        self.shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.search.textChanged.connect(self._filter)
        self.table = self._make_table()
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(10)
        column.addWidget(self.search)
        column.addWidget(self.nothing)
        column.addWidget(self.table, 1)
        self.resize(560, 560)

    def _make_table(self) -> QTableView:
        table = styled(QTableView(), "figures")
        table.setModel(self.shown)
        table.setAccessibleName(tr("Keyboard shortcuts"))
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        return table

    @Slot()
    def come_forward(self) -> None:
        """List the keys as they are now, and appear."""
        self._keys.clear()
        self._keys.setHorizontalHeaderLabels([tr("What it does"), tr("Keys"), tr("Where")])
        for key in keys_of(self._window):
            self._keys.appendRow([QStandardItem(text) for text in (key.act, key.keys, key.place)])
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.search.clear()
        self._filter("")
        self.show()
        self.raise_()
        self.activateWindow()
        self.search.setFocus()

    @Slot(str)
    def _filter(self, text: str) -> None:
        self.shown.setFilterFixedString(text.strip())
        self.nothing.setVisible(self.shown.rowCount() == 0)
