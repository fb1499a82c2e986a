"""The settings of the chat that is shown: panel <-> desk, controller and the file of personas."""

from collections.abc import Callable
from dataclasses import asdict

from PySide6.QtWidgets import QInputDialog, QMessageBox

from desktop.chats.desk import Desk, Talk
from desktop.controller import Controller
from desktop.history import ChatSettings
from desktop.main_window import MainWindow
from desktop.personas import Persona, PersonaFile
from desktop.state import Notice, Selection
from engine.errors import TernError


def connect_panel(
    window: MainWindow, desk: Desk, controller: Controller, personas: PersonaFile
) -> None:
    """Show the chat's settings, and keep what is changed. New chats begin as their persona is."""
    chat, panel = window.chat, window.chat.settings

    def begin(talk: Talk) -> None:
        if talk.chat is None and talk.settings == ChatSettings():
            talk.settings = personas.default.put_on(talk.settings)
        show()

    def show() -> None:
        settings = desk.talk.settings
        panel.show_settings(settings, personas.find(settings.persona))

    def toggle(is_open: bool) -> None:
        chat.drawer.set_open(is_open)
        (panel if is_open else chat.composer).setFocus()

    def load(selection: Selection) -> None:
        controller.select(**asdict(selection))

    desk.chat_opened.connect(begin)
    desk.path_shown.connect(lambda _path: show())
    panel.changed.connect(desk.configure)
    panel.engine.applied.connect(load)
    panel.close_wanted.connect(lambda: toggle(False))
    controller.model_loaded.connect(panel.show_model)
    controller.selection_changed.connect(panel.show_selection)
    chat.header.settings.clicked.connect(toggle)
    chat.drawer.toggled.connect(chat.header.settings.setChecked)
    panel.show_selection(controller.selection)
    begin(desk.talk)


def connect_personas(window: MainWindow, desk: Desk, personas: PersonaFile) -> None:
    """Choose, create, change and delete personas."""
    panel = window.chat.settings
    bar = panel.personas

    def show() -> None:
        bar.show_personas(personas.all, personas.default.name)
        settings = desk.talk.settings
        panel.show_settings(settings, personas.find(settings.persona))

    def put_on(persona: Persona | None) -> None:
        if persona:
            desk.configure(persona.put_on(desk.talk.settings))
        show()

    def attempt(change: Callable[[], object]) -> bool:
        """Change the file; where that fails, say why."""
        try:
            change()
        except TernError as error:
            window.chat.notice.show_notice(Notice(error.said, error.advice))
            return False
        finally:
            show()
        return True

    def create(name: str) -> None:
        persona = Persona.of(name, desk.talk.settings)
        if attempt(lambda: personas.add(persona)):
            put_on(persona)

    def update(name: str) -> None:
        attempt(lambda: personas.update(Persona.of(name, desk.talk.settings)))

    def rename(name: str, new_name: str) -> None:
        if attempt(lambda: personas.rename(name, new_name)):
            put_on(personas.find(new_name))

    def delete(name: str) -> None:
        _confirm_delete(window, name, lambda: attempt(lambda: personas.delete(name)))

    bar.chosen.connect(lambda name: put_on(personas.find(name)))
    bar.create_wanted.connect(lambda: _ask_name(window, "New persona", "", create))
    bar.update_wanted.connect(update)
    bar.rename_wanted.connect(
        lambda name: _ask_name(window, "Rename the persona", name, lambda new: rename(name, new))
    )
    bar.duplicate_wanted.connect(lambda name: attempt(lambda: personas.duplicate(name)))
    bar.delete_wanted.connect(delete)
    bar.default_wanted.connect(lambda name: attempt(lambda: personas.choose_default(name)))
    show()
    if personas.trouble:
        window.chat.notice.show_notice(Notice(personas.trouble))


def _ask_name(
    window: MainWindow, title: str, name: str, accept: Callable[[str], object]
) -> QInputDialog:
    """Ask for a name; call `accept` with it. Does not block."""
    dialog = QInputDialog(window)
    dialog.setWindowTitle(title)
    dialog.setLabelText("Name")
    dialog.setTextValue(name)
    dialog.textValueSelected.connect(
        lambda text: accept(" ".join(text.split())) if text.strip() else None
    )
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog


def _confirm_delete(window: MainWindow, name: str, go_ahead: Callable[[], object]) -> QMessageBox:
    """Ask before a persona is gone. Does not block."""
    box = QMessageBox(window)
    box.setWindowTitle("Delete the persona")
    box.setText(f"Delete “{name}”?")
    box.setInformativeText("Chats that have it keep their settings.")
    box.addButton("Delete", QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton("Keep it", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.accepted.connect(go_ahead)
    box.open()
    return box
