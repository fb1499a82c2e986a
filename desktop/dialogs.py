"""The questions that the window asks before something is lost."""

from collections.abc import Callable

from PySide6.QtWidgets import QMessageBox, QWidget


def confirm_new_chat(parent: QWidget, go_ahead: Callable[[], object]) -> QMessageBox:
    """Ask whether the conversation may be dropped; call `go_ahead` on yes. Does not block."""
    box = QMessageBox(parent)
    box.setWindowTitle("New chat")
    box.setText("Start a new chat?")
    box.setInformativeText("This conversation is not saved, so it will be gone.")
    start = box.addButton("Start a new chat", QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton("Keep this one", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(start)
    box.setEscapeButton(keep)
    box.accepted.connect(go_ahead)
    box.open()
    return box
