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
    name = plan.model.title
    question = tr("Delete {name}?", name=name) if deletes else tr("Forget {name}?", name=name)
    verb = tr("Delete") if deletes else tr("Forget")
    lines: list[str] = []
    if plan.freed_bytes:
        size = wording.size(plan.freed_bytes)
        lines.append(tr("{size} are free again afterwards.", size=size))
    if plan.shared_bytes:
        size = wording.size(plan.shared_bytes)
        lines.append(tr("{size} stay, because they are shared.", size=size))
    return _ask(parent, question, (*lines, *plan.remarks), (verb, go_ahead))


def ask_move(parent: QWidget, plan: MovePlan, go_ahead: Answer) -> QMessageBox:
    """Say what would move; call `go_ahead` on yes."""
    text = tr("Move the models to {folder}?", folder=plan.root)
    size = wording.size(plan.size)
    line = tr("{size} are copied, compared, and only then removed here.", size=size)
    return _ask(parent, text, (line, *plan.remarks), (tr("Move"), go_ahead))


def ask_import(parent: QWidget, folder: Path, act: Callable[[bool], object]) -> QMessageBox:
    """Ask whether the model is used where it lies, or copied; call `act` with whether to copy."""
    lines = (
        tr("Used where it lies, it takes no more room, and must stay there."),
        tr("Copied, it is Tern's to keep and to delete."),
    )
    return _ask(
        parent,
        tr("Import {name}?", name=folder.name),
        lines,
        (tr("Use it where it lies"), lambda: act(False)),
        (tr("Copy it"), lambda: act(True)),
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
