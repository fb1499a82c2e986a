"""What the window asks before something is lost, and tells of its faults. None of it blocks."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from desktop.translation import tr, trn


def confirm_delete_message(
    parent: QWidget, following: int, go_ahead: Callable[[], object]
) -> QMessageBox:
    """Ask whether a message and the `following` ones may be deleted."""
    if following:
        text = trn(
            "It goes with the {count} message below it, in all versions. This cannot be undone.",
            "It goes with the {count} messages below it, in all versions. This cannot be undone.",
            following,
        )
    else:
        text = tr("Nothing follows it. This cannot be undone.")
    return _ask(parent, tr("Delete this message?"), text, tr("Delete"), go_ahead)


def confirm_leave(parent: QWidget, go_ahead: Callable[[], object]) -> QMessageBox:
    """Ask whether a temporary chat may be left."""
    text = tr("It is kept nowhere, so it will be gone.")
    return _ask(parent, tr("Leave the temporary chat?"), text, tr("Leave it"), go_ahead)


def confirm_remove_folder(
    parent: QWidget, name: str, go_ahead: Callable[[], object]
) -> QMessageBox:
    """Ask whether a folder may be dissolved."""
    text = tr("Its chats stay in the list.")
    question = tr("Delete the folder “{name}”?", name=name)
    return _ask(parent, question, text, tr("Delete the folder"), go_ahead)


def tell_fault(
    parent: QWidget, open_log: Callable[[], object], archive: Callable[[], object]
) -> QMessageBox:
    """Say that the program met a fault and goes on; offer its log and a support archive."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Tern")
    box.setText(tr("Tern met a fault of its own."))
    box.setInformativeText(
        tr(
            "Your chats and what you are writing are kept, and you can go on. If it comes again, "
            "start Tern anew; a support archive helps to mend it."
        )
    )
    log = box.addButton(tr("Open log"), QMessageBox.ButtonRole.ActionRole)
    support = box.addButton(tr("Support archive…"), QMessageBox.ButtonRole.ActionRole)
    done = box.addButton(tr("Go on"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(done)
    box.setEscapeButton(done)
    acts = {log: open_log, support: archive}
    box.buttonClicked.connect(lambda clicked: acts[clicked]() if clicked in acts else None)
    box.open()
    return box


def _ask(
    parent: QWidget, question: str, text: str, act: str, go_ahead: Callable[[], object]
) -> QMessageBox:
    """Open a question; `go_ahead` is called on yes, and Escape does nothing."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
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
