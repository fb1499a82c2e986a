"""The questions that the window asks before something is lost. None of them blocks."""

from collections.abc import Callable

from PySide6.QtWidgets import QMessageBox, QWidget

from desktop import wording
from desktop.translation import tr


def confirm_delete_message(
    parent: QWidget, following: int, go_ahead: Callable[[], object]
) -> QMessageBox:
    """Ask whether a message and the `following` ones may be deleted."""
    if following:
        text = f"It goes with the {wording.count(following, 'message')} below it, in all versions."
    else:
        text = "Nothing follows it."
    return _ask(
        parent, "Delete this message?", f"{text} This cannot be undone.", "Delete", go_ahead
    )


def confirm_leave(parent: QWidget, go_ahead: Callable[[], object]) -> QMessageBox:
    """Ask whether a temporary chat may be left."""
    text = "It is kept nowhere, so it will be gone."
    return _ask(parent, "Leave the temporary chat?", text, "Leave it", go_ahead)


def confirm_remove_folder(
    parent: QWidget, name: str, go_ahead: Callable[[], object]
) -> QMessageBox:
    """Ask whether a folder may be dissolved."""
    text = "Its chats stay in the list."
    return _ask(parent, f"Delete the folder “{name}”?", text, "Delete the folder", go_ahead)


def _ask(
    parent: QWidget, question: str, text: str, act: str, go_ahead: Callable[[], object]
) -> QMessageBox:
    """Open a question; `go_ahead` is called on yes, and Escape does nothing."""
    box = QMessageBox(parent)
    box.setWindowTitle("Tern")
    box.setText(question)
    box.setInformativeText(text)
    box.addButton(act, QMessageBox.ButtonRole.AcceptRole)
    cancel = box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    box.accepted.connect(go_ahead)
    box.open()
    return box
