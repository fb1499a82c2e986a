"""The list of chats: what is wanted of a chat -> shelf and desk; what comes of it -> the list."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog

from desktop import dialogs
from desktop.chats.desk import Desk, Talk
from desktop.chats.exporting import Form, file_name
from desktop.chats.shelf import Shelf
from desktop.controller import Controller
from desktop.history import Chat, Folder
from desktop.shell.main_window import MainWindow
from desktop.shell.menus import Menus
from desktop.shell.navigation import Page
from desktop.translation import mark, tr

Leave = Callable[[Callable[[], object]], None]

_FILTERS: dict[Form, str] = {
    Form.MARKDOWN: mark("Markdown (*.md)"),
    Form.HTML: mark("Web page (*.html)"),
    Form.JSON: mark("JSON (*.json)"),
}


def leaving(window: MainWindow, desk: Desk) -> Leave:
    """Return what goes elsewhere, unless the person rather stays with what would be gone."""

    def leave(go: Callable[[], object]) -> None:
        window.show_page(Page.CHAT)
        if desk.talk.is_temporary and desk.talk.path:
            dialogs.confirm_leave(window, go)
        else:
            go()

    return leave


def connect_moves(window: MainWindow, menus: Menus, desk: Desk, shelf: Shelf, leave: Leave) -> None:
    """From one chat to another, by the list, the header and the keys."""
    chat, sidebar, side = window.chat, window.chat.sidebar, window.chat.side

    def open_chat(wanted: int, message: int | None) -> None:
        is_shown = desk.talk.chat is not None and desk.talk.chat.id == wanted
        if not is_shown or desk.talk.is_temporary or message is not None:
            leave(lambda: desk.open(wanted, message))
        side.close_over()
        if message is None:
            chat.composer.setFocus()

    def begin(is_temporary: bool) -> None:
        leave(lambda: desk.new(is_temporary))
        side.close_over()

    def in_sidebar(act: Callable[[], object]) -> Callable[[], None]:
        def show() -> None:
            window.show_page(Page.CHAT)
            side.open_side()
            act()

        return show

    def mark(_changed: object = None) -> None:
        talk = desk.talk
        shown = talk.chat.id if talk.chat and not talk.is_temporary else None
        sidebar.mark_open(shown)
        listed = next((known for known in shelf.listing.chats if known.id == shown), talk.chat)
        window.setWindowTitle(f"{listed.title} – Tern" if listed and listed.title else "Tern")

    sidebar.chat_wanted.connect(open_chat)
    sidebar.left.connect(chat.composer.setFocus)
    chat.header.new_chat_wanted.connect(lambda: begin(False))
    chat.header.sidebar_wanted.connect(side.toggle)
    menus.new_chat_wanted.connect(lambda: begin(False))
    menus.temporary_chat_wanted.connect(lambda: begin(True))
    menus.sidebar_wanted.connect(side.toggle)
    menus.search_wanted.connect(in_sidebar(sidebar.begin_search))
    menus.rename_wanted.connect(in_sidebar(sidebar.rename))
    menus.step_wanted.connect(sidebar.step)
    desk.chat_opened.connect(mark)
    desk.path_shown.connect(mark)
    shelf.listed.connect(mark)


def connect_list(window: MainWindow, desk: Desk, shelf: Shelf, controller: Controller) -> None:
    """The chats that are listed, and what is done to them."""
    sidebar, toast = window.chat.sidebar, window.chat.sidebar.toast
    answered: list[Talk] = []  # the chat that is being answered, if any

    def show_answering(talk: Talk | None) -> None:
        answered[:] = [talk] if talk else []
        known = talk.chat if talk and not talk.is_temporary else None
        sidebar.show_growing(known.id if known else None)
        if known:
            shelf.refresh()  # it is the latest now, or new

    def delete(chat: int) -> None:
        if any(talk.chat and talk.chat.id == chat for talk in answered):
            controller.stop_anywhere()
        shelf.delete(chat)

    def on_deleted(chat: Chat) -> None:
        if desk.talk.chat and desk.talk.chat.id == chat.id and not desk.talk.is_temporary:
            desk.new()
        toast.tell(tr("Chat deleted."), tr("Undo"), lambda: shelf.restore(chat))

    def remove_folder(folder: Folder) -> None:
        dialogs.confirm_remove_folder(window, folder.name, lambda: shelf.remove_folder(folder.id))

    controller.answering.connect(show_answering)
    sidebar.search_wanted.connect(shelf.search)
    sidebar.rename_wanted.connect(shelf.rename)
    sidebar.pin_wanted.connect(shelf.pin)
    sidebar.move_wanted.connect(shelf.move)
    sidebar.delete_wanted.connect(delete)
    sidebar.folder_wanted.connect(shelf.add_folder)
    sidebar.folder_rename_wanted.connect(shelf.rename_folder)
    sidebar.folder_delete_wanted.connect(remove_folder)
    shelf.listed.connect(sidebar.show_listing)
    shelf.found.connect(sidebar.show_found)
    shelf.deleted.connect(on_deleted)
    shelf.restored.connect(lambda chat: desk.open(chat.id))
    shelf.folder_added.connect(lambda folder: sidebar.name_folder(folder.id))
    shelf.told.connect(toast.tell)
    shelf.noticed.connect(window.chat.notice.show_notice)
    shelf.changed_elsewhere.connect(desk.refresh)


def connect_files(window: MainWindow, shelf: Shelf) -> None:
    """Chats written to files, and read from them."""
    sidebar = window.chat.sidebar

    def export(chat: Chat, form: Form) -> None:
        name, _ = QFileDialog.getSaveFileName(
            window, tr("Export the chat"), file_name(chat, form), tr(_FILTERS[form])
        )
        if name:
            shelf.export(chat.id, _with_ending(name, form), form)

    def export_all() -> None:
        name, _ = QFileDialog.getSaveFileName(
            window, tr("Export all chats"), tr("Chats.json"), tr(_FILTERS[Form.JSON])
        )
        if name:
            shelf.export_all(_with_ending(name, Form.JSON))

    def import_file() -> None:
        name, _ = QFileDialog.getOpenFileName(
            window, tr("Import chats"), "", tr("Exports of Tern and ChatGPT (*.json *.zip)")
        )
        if name:
            shelf.import_file(Path(name))

    sidebar.export_wanted.connect(export)
    sidebar.export_all_wanted.connect(export_all)
    sidebar.import_wanted.connect(import_file)


def _with_ending(name: str, form: Form) -> Path:
    file = Path(name)
    return file if file.suffix else file.with_name(f"{file.name}.{form}")
