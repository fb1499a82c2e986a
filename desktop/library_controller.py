"""The models on this computer: listed, verified, imported, deleted, moved; and what they take.

Knows no widget. Each disk job runs in a thread, one at a time; what it would destroy is planned
first, so that the person can be asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from desktop.background import Background, Task
from desktop.state import Notice
from desktop.translation import number, tr
from engine.paths import Paths
from engine.settings import SettingsFile
from engine.store.hub_cache import store_root
from engine.store.importing import import_folder
from engine.store.local import StoredModel, list_models, reclaimable
from engine.store.moving import MovePlan, move, plan_move
from engine.store.packed import PackedFolder, packed_folders, sweep
from engine.store.partial import free_bytes
from engine.store.removal import DeletePlan, delete, plan_delete
from engine.store.verify import Verification, discard, verify

Result = TypeVar("Result")


@dataclass(frozen=True)
class Storage:
    """Where models lie, and what is free there and taken by packed weights, in bytes."""

    root: Path
    free: int
    packed: int
    unused: tuple[PackedFolder, ...]

    @property
    def unused_bytes(self) -> int:
        """What of the packed weights no model can use."""
        return sum(folder.size for folder in self.unused)


@dataclass(frozen=True)
class Job:
    """Work on the disk that is under way; done and total in bytes, total 0 where nobody knows."""

    doing: str
    done: int = 0
    total: int = 0


class LibraryController(QObject):
    """What is done with the models on this computer."""

    models_changed = Signal(object)  # list[StoredModel]
    storage_changed = Signal(object)  # Storage
    job_changed = Signal(object)  # Job, or None where none runs any more
    noticed = Signal(object)  # Notice of a failure, or None where it is settled
    told = Signal(str)  # what was done
    delete_planned = Signal(object)  # DeletePlan: ask, then delete()
    move_planned = Signal(object)  # MovePlan: ask, then move()
    verified = Signal(object, object)  # StoredModel, Verification
    imported = Signal(object)  # StoredModel
    went = Signal(object)  # StoredModel that is deleted or forgotten

    def __init__(self, settings: SettingsFile, paths: Paths) -> None:
        super().__init__()
        self._settings = settings
        self._paths = paths
        self._background = Background(self)
        self._listing: Task | None = None
        self._is_stale = False
        self._job: Task | None = None
        self.models: list[StoredModel] = []

    def refresh(self) -> None:
        """Read anew what is on the disk."""
        if self._listing is not None:
            self._is_stale = True
            return
        self._listing = self._background.run(
            lambda _task: self._look(),
            self._on_listed,
            lambda notice: self._on_listed(None, notice),
        )

    def verify(self, model: StoredModel) -> None:
        """Read all of a model's files, and compare what can be compared."""

        def show(verification: Verification) -> None:
            self.verified.emit(model, verification)

        self._start(
            tr("Verifying {name}", name=model.title),
            lambda task: verify(model, task.tell),
            show,
        )

    def discard(self, verification: Verification, then: Callable[[], object]) -> None:
        """Delete what was found damaged, so that a download fetches it again; then call `then`."""
        self._start(
            tr("Removing what is damaged"),
            lambda _task: discard(verification),
            lambda _names: then(),
        )

    def plan_delete(self, model: StoredModel) -> None:
        """Find out what deleting would free; `delete_planned` carries it."""
        self._start(
            tr("Looking at {name}", name=model.title),
            lambda _task: plan_delete(model, self._paths),
            self.delete_planned.emit,
        )

    def delete(self, plan: DeletePlan) -> None:
        """Delete, or forget, as planned."""

        def report(_nothing: None) -> None:
            self.went.emit(plan.model)
            self.told.emit(_gone(plan))

        self._start(
            tr("Deleting {name}", name=plan.model.title),
            lambda _task: delete(plan, self._settings),
            report,
        )

    def import_folder(self, folder: Path, copy: bool) -> None:
        """Make the model in `folder` one of Tern's, in place or as a copy."""

        def report(model: StoredModel) -> None:
            self.told.emit(tr("{name} can be used now.", name=model.title))
            self.imported.emit(model)

        self._start(
            tr("Copying {name}", name=folder.name)
            if copy
            else tr("Reading {name}", name=folder.name),
            lambda task: import_folder(folder, copy, self._settings, self._paths, task.tell),
            report,
        )

    def plan_move(self, root: Path) -> None:
        """Find out what moving the store would do; `move_planned` carries it."""
        self._start(
            tr("Looking at what would move"),
            lambda _task: plan_move(root, self._settings.value, self._paths),
            self.move_planned.emit,
        )

    def move(self, plan: MovePlan) -> None:
        """Move the store as planned."""
        self._start(
            tr("Moving the models"),
            lambda task: move(plan, self._settings, task.tell),
            lambda _nothing: self.told.emit(
                tr("The models are in {folder} now.", folder=plan.root)
            ),
        )

    def reclaim(self) -> None:
        """Delete the packed weights that no model can use."""
        self._start(
            tr("Deleting packed weights"),
            lambda _task: sweep(reclaimable(self._settings.value, self._paths)),
            lambda freed: self.told.emit(_freed(freed)),
        )

    def stop_job(self) -> None:
        """Stop the job that runs, if one does."""
        if self._job:
            self._job.stop_wanted.set()

    def close(self) -> None:
        """Stop everything; returns when it has ended."""
        self._background.close()

    # -- steps shared by the above ---------------------------------------------------------------

    def _look(self) -> tuple[list[StoredModel], Storage]:
        settings = self._settings.value
        root = store_root(settings)
        packed = sum(folder.size for folder in packed_folders(self._paths.packed))
        unused = tuple(reclaimable(settings, self._paths))
        storage = Storage(root, free_bytes(root), packed, unused)
        return list_models(settings, self._paths), storage

    def _on_listed(
        self, found: tuple[list[StoredModel], Storage] | None, notice: Notice | None = None
    ) -> None:
        self._listing = None
        if found:
            self.models, storage = found
            self.models_changed.emit(self.models)
            self.storage_changed.emit(storage)
        if notice:
            self.noticed.emit(notice)
        if self._is_stale:
            self._is_stale = False
            self.refresh()

    def _start(
        self, doing: str, work: Callable[[Task], Result], then: Callable[[Result], object]
    ) -> None:
        """Run a job unless one runs; then list what there is."""
        if self._job is not None:
            self.noticed.emit(
                Notice(tr("Tern is still busy with the disk."), tr("Wait, or cancel that."))
            )
            return

        def end(report: Callable[[], object]) -> None:
            self._job = None
            self.job_changed.emit(None)
            report()
            self.refresh()

        self.noticed.emit(None)
        self.job_changed.emit(Job(doing))
        self._job = self._background.run(
            work,
            lambda result: end(lambda: then(result)),
            lambda notice: end(lambda: self.noticed.emit(notice)),
            lambda _name, done, total: self.job_changed.emit(Job(doing, done, total)),
            lambda: end(lambda: self.told.emit(tr("{doing} was cancelled.", doing=doing))),
        )


def _gone(plan: DeletePlan) -> str:
    gone = tr("{name} is gone from the list.", name=plan.model.title)
    return f"{gone} {_freed(plan.freed_bytes)}" if plan.freed_bytes else gone


def _freed(size: int) -> str:
    return tr("{size} are free again.", size=number(f"{size / 1e6:,.0f} MB"))
