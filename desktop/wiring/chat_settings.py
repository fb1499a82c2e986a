"""The settings of the chat that is shown: panel <-> desk, controller and the file of personas."""

from collections.abc import Callable
from dataclasses import asdict

import msgspec
from PySide6.QtWidgets import QInputDialog, QMessageBox

from desktop.chats.desk import Desk, Talk
from desktop.controller import Controller
from desktop.history import ChatSettings
from desktop.settings_panel.personas import Persona, PersonaFile
from desktop.shell.main_window import MainWindow
from desktop.state import Notice, Selection
from desktop.translation import tr
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
        (panel.personas.box if is_open else chat.composer).setFocus()

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
    acts = _PersonaActs(window, desk, personas)
    bar = window.chat.settings.personas
    bar.chosen.connect(acts.put_on)
    bar.create_wanted.connect(lambda: _ask_name(window, tr("New persona"), "", acts.create))
    bar.update_wanted.connect(acts.update)
    bar.rename_wanted.connect(
        lambda name: _ask_name(
            window, tr("Rename the persona"), name, lambda new: acts.rename(name, new)
        )
    )
    bar.duplicate_wanted.connect(acts.duplicate)
    bar.delete_wanted.connect(lambda name: _confirm_delete(window, name, lambda: acts.delete(name)))
    bar.default_wanted.connect(acts.choose_default)
    acts.show()
    if personas.trouble:
        window.chat.notice.show_notice(Notice(personas.trouble))


class _PersonaActs:
    """What is done with personas; where the file cannot be changed, the window says why."""

    def __init__(self, window: MainWindow, desk: Desk, personas: PersonaFile) -> None:
        self._window = window
        self._desk = desk
        self._file = personas

    def show(self) -> None:
        panel, settings = self._window.chat.settings, self._desk.talk.settings
        panel.personas.show_personas(self._file.all, self._file.default.name)
        panel.show_settings(settings, self._file.find(settings.persona))

    def put_on(self, name: str) -> None:
        persona = self._file.find(name)
        if persona:
            self._desk.configure(persona.put_on(self._desk.talk.settings))
        self.show()

    def create(self, name: str) -> None:
        persona = Persona.of(name, self._desk.talk.settings)
        if self._attempt(lambda: self._file.add(persona)):
            self.put_on(name)

    def update(self, name: str) -> None:
        persona = Persona.of(name, self._desk.talk.settings)
        self._attempt(lambda: self._file.update(persona))

    def rename(self, name: str, new_name: str) -> None:
        settings = self._desk.talk.settings
        if self._attempt(lambda: self._file.rename(name, new_name)):
            self._desk.configure(msgspec.structs.replace(settings, persona=new_name))
            self.show()

    def duplicate(self, name: str) -> None:
        self._attempt(lambda: self._file.duplicate(name))

    def delete(self, name: str) -> None:
        self._attempt(lambda: self._file.delete(name))

    def choose_default(self, name: str) -> None:
        self._attempt(lambda: self._file.choose_default(name))

    def _attempt(self, change: Callable[[], object]) -> bool:
        try:
            change()
        except TernError as error:
            self._window.chat.notice.show_notice(Notice(error.said, error.advice))
            return False
        finally:
            self.show()
        return True


def _ask_name(
    window: MainWindow, title: str, name: str, accept: Callable[[str], object]
) -> QInputDialog:
    """Ask for a name; call `accept` with it. Does not block."""
    dialog = QInputDialog(window)
    dialog.setWindowTitle(title)
    dialog.setLabelText(tr("Name"))
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
    box.setWindowTitle(tr("Delete the persona"))
    box.setText(tr("Delete “{name}”?", name=name))
    box.setInformativeText(tr("Chats that have it keep their settings."))
    box.addButton(tr("Delete"), QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton(tr("Keep it"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.accepted.connect(go_ahead)
    box.open()
    return box
