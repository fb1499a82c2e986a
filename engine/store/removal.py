"""What deleting a model would free, said before anything is deleted; then the deleting.

Nothing is deleted that another revision shares, and nothing outside of the model's own repository:
a link in a model cache can lead anywhere.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DownloadRunning, UnwritableFolder
from engine.paths import Paths
from engine.settings import SettingsFile
from engine.store.files import files_below, folder_size
from engine.store.hub_cache import identity, is_busy, is_snapshot, snapshot_in, snapshots
from engine.store.local import Origin, StoredModel, packed_by_model


@dataclass(frozen=True)
class DeletePlan:
    """What deleting `model` would do. Sizes in bytes.

    `packed_bytes` and `model_bytes` are freed; `shared_bytes` stay, as other revisions use them.
    `remarks` are sentences that the person should read first. `folders` and `files` go.
    """

    model: StoredModel
    packed_bytes: int
    model_bytes: int
    shared_bytes: int
    remarks: tuple[str, ...]
    folders: tuple[Path, ...]
    files: tuple[Path, ...]

    @property
    def freed_bytes(self) -> int:
        """All that is free again afterwards."""
        return self.packed_bytes + self.model_bytes


def plan_delete(model: StoredModel, paths: Paths) -> DeletePlan:
    """Return what deleting `model` would free. Reads only."""
    packed = packed_by_model(paths).get(identity(model.folder), [])
    packed_folders = tuple(folder.folder for folder in packed)
    packed_bytes = sum(folder.size for folder in packed)
    if model.origin in (Origin.STORE, Origin.SHARED):
        return _plan_cached(model, packed_folders, packed_bytes)
    own = model.origin is Origin.COPY
    return DeletePlan(
        model=model,
        packed_bytes=packed_bytes,
        model_bytes=folder_size(model.folder) if own else 0,
        shared_bytes=0,
        remarks=() if own else (_stays(model),),
        folders=(*packed_folders, *((model.folder,) if own else ())),
        files=(),
    )


def delete(plan: DeletePlan, settings: SettingsFile) -> None:
    """Do what `plan` says, and forget an imported folder.

    Raises DownloadRunning, or UnwritableFolder where something could not be deleted.
    """
    folder = plan.model.folder
    if is_busy(folder.parent.parent if is_snapshot(folder) else folder):
        raise DownloadRunning(model=plan.model.name)
    try:
        for folder in plan.folders:
            if folder.exists():
                shutil.rmtree(folder)
        for file in plan.files:
            file.unlink(missing_ok=True)
    except OSError as error:
        folder = Path(error.filename or plan.model.folder)
        raise UnwritableFolder(folder=folder, reason=error.strerror or error) from error
    kept = tuple(name for name in settings.value.folders if Path(name) != plan.model.folder)
    settings.save(folders=kept)


def _stays(model: StoredModel) -> str:
    if model.origin is Origin.SHIPPED:
        return "The demo model ships with Tern and stays; its packed weights are made again."
    return f"The folder {model.folder} stays as it is: Tern only forgets it."


def _plan_cached(
    model: StoredModel, packed_folders: tuple[Path, ...], packed_bytes: int
) -> DeletePlan:
    if not is_snapshot(model.folder):  # a download that has only begun
        size = _size(model.folder)
        return DeletePlan(model, 0, size, 0, (), (model.folder,), ())
    snapshot = snapshot_in(model.folder)
    others = [s for s in snapshots(snapshot.repo, snapshot.repo_folder) if s.folder != model.folder]
    blobs = {path for path in snapshot.blobs() if path.is_file()}
    kept = {path for other in others for path in other.blobs()} & blobs
    folder = snapshot.folder if others else snapshot.repo_folder
    files = sorted(blobs - kept) if others else []
    return DeletePlan(
        model=model,
        packed_bytes=packed_bytes,
        # With the last revision go the remains of broken-off downloads too.
        model_bytes=sum(p.stat().st_size for p in files) if others else _size(folder),
        shared_bytes=sum(path.stat().st_size for path in kept),
        remarks=tuple(_remarks(model, bool(kept))),
        folders=(*packed_folders, folder),
        files=(*files, *(snapshot.repo_folder / "refs" / ref for ref in snapshot.refs)),
    )


def _size(folder: Path) -> int:
    """Return the bytes of the files that lie below `folder` themselves."""
    return sum(path.lstat().st_size for path in files_below(folder) if not path.is_symlink())


def _remarks(model: StoredModel, shares: bool) -> Iterator[str]:
    if model.origin is Origin.SHARED:
        yield (
            "It lies in the Hugging Face cache, where other programs may use it too: they would "
            "have to download it again."
        )
    if shares:
        yield "Files that another revision of it uses stay."
