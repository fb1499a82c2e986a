"""The questions that the Models page asks before something is deleted, moved or copied."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from desktop import wording
from desktop.models_page import phrases
from desktop.translation import tr
from engine.store.moving import MovePlan
from engine.store.removal import DeletePlan

Answer = Callable[[], object]


def ask_delete(parent: QWidget, plan: DeletePlan, go_ahead: Answer) -> QMessageBox:
    """Say what deleting would free and what would stay; call `go_ahead` on yes."""
    deletes = phrases.can_be_deleted(plan.model)
    verb = "Delete" if deletes else "Forget"
    lines = [f"{wording.size(plan.freed_bytes)} are free again afterwards."] * bool(
        plan.freed_bytes
    )
    if plan.shared_bytes:
        lines.append(f"{wording.size(plan.shared_bytes)} stay, because they are shared.")
    return _ask(parent, f"{verb} {plan.model.title}?", (*lines, *plan.remarks), (verb, go_ahead))


def ask_move(parent: QWidget, plan: MovePlan, go_ahead: Answer) -> QMessageBox:
    """Say what would move; call `go_ahead` on yes."""
    text = f"Move the models to {plan.root}?"
    lines = (f"{wording.size(plan.size)} are copied, compared, and only then removed here.",)
    return _ask(parent, text, (*lines, *plan.remarks), ("Move", go_ahead))


def ask_import(parent: QWidget, folder: Path, act: Callable[[bool], object]) -> QMessageBox:
    """Ask whether the model is used where it lies, or copied; call `act` with whether to copy."""
    lines = (
        "Used where it lies, it takes no more room, and must stay there.",
        "Copied, it is Tern's to keep and to delete.",
    )
    return _ask(
        parent,
        f"Import {folder.name}?",
        lines,
        ("Use it where it lies", lambda: act(False)),
        ("Copy it", lambda: act(True)),
    )


def _ask(
    parent: QWidget, text: str, lines: tuple[str, ...], *answers: tuple[str, Answer]
) -> QMessageBox:
    """Open a question that does not block; Escape and Cancel do nothing."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Tern")
    box.setText(text)
    box.setInformativeText("\n".join(lines))
    acts: dict[QPushButton, Answer] = {}
    for name, act in answers:
        acts[box.addButton(name, QMessageBox.ButtonRole.AcceptRole)] = act
    cancel = box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    box.buttonClicked.connect(lambda clicked: acts[clicked]() if clicked in acts else None)
    box.open()
    return box
