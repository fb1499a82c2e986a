"""The menus of the sidebar. Each calls what was chosen and is gone."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from desktop.chats.exporting import Form
from desktop.history import Chat, Folder
from desktop.translation import mark, tr

Act = Callable[[], object]

_FORMS: dict[Form, str] = {
    Form.MARKDOWN: mark("As Markdown…"),
    Form.HTML: mark("As a web page…"),
    Form.JSON: mark("As JSON, with all versions…"),
}


def chat_menu(
    parent: QWidget,
    chat: Chat,
    folders: Sequence[Folder],
    *,
    rename: Act,
    pin: Callable[[bool], object],
    move: Callable[[int | None], object],
    add_folder: Act,
    export: Callable[[Form], object],
    delete: Act,
) -> QMenu:
    """Return what can be done with a chat."""
    menu = _menu(parent)
    menu.addAction(_with_key(tr("Rename"), Qt.Key.Key_F2), rename)
    menu.addAction(tr("Unpin") if chat.pinned else tr("Pin"), lambda: pin(not chat.pinned))
    places = menu.addMenu(tr("Move to"))
    for folder in folders:
        action = places.addAction(folder.name.replace("&", "&&"), _call(move, folder.id))
        action.setEnabled(folder.id != chat.folder)
    if chat.folder is not None:
        places.addAction(tr("No folder"), lambda: move(None))
    places.addSeparator()
    places.addAction(tr("New folder"), add_folder)
    exports = menu.addMenu(tr("Export"))
    for form, name in _FORMS.items():
        exports.addAction(tr(name), _call(export, form))
    menu.addSeparator()
    menu.addAction(_with_key(tr("Delete"), Qt.Key.Key_Delete), delete)
    return menu


def folder_menu(parent: QWidget, *, rename: Act, delete: Act) -> QMenu:
    """Return what can be done with a folder."""
    menu = _menu(parent)
    menu.addAction(_with_key(tr("Rename"), Qt.Key.Key_F2), rename)
    menu.addAction(_with_key(tr("Delete the folder"), Qt.Key.Key_Delete), delete)
    return menu


def more_menu(parent: QWidget, *, add_folder: Act, import_file: Act, export_all: Act) -> QMenu:
    """Return what can be done with all chats."""
    menu = _menu(parent)
    menu.addAction(tr("New folder"), add_folder)
    menu.addSeparator()
    menu.addAction(tr("Import chats…"), import_file)
    menu.addAction(tr("Export all chats…"), export_all)
    return menu


def _menu(parent: QWidget) -> QMenu:
    menu = QMenu(parent)
    menu.aboutToHide.connect(menu.deleteLater)
    return menu


def _with_key(text: str, key: Qt.Key) -> str:
    """Return a menu's text with the key that does the same in the list."""
    return f"{text}\t{QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)}"


def _call(act: Callable[..., object], value: object) -> Act:
    return lambda: act(value)
