"""The store moves to another folder or disk: copied, compared, switched, and only then deleted.

Until the switch nothing is taken from where it was. A failure takes back what was copied; after a
kill the same move goes on with what is there already.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UnsuitableRoot, UnwritableFolder
from engine.paths import Paths
from engine.settings import Settings, SettingsFile
from engine.store.files import OnProgress, check_space, content_hash, files_below, link_or_copy
from engine.store.hub_cache import is_busy, repo_folders, standard_cache, store_root
from engine.store.local import Origin, imports_folder, list_models


@dataclass(frozen=True)
class MovePlan:
    """What moves where: pairs of folders, their size in bytes, and what the person should read."""

    root: Path
    folders: tuple[tuple[Path, Path], ...]
    size: int
    remarks: tuple[str, ...]


def plan_move(root: Path, settings: Settings, paths: Paths) -> MovePlan:
    """Return what moving the store to the folder `root` would do. Reads only.

    Raises UnsuitableRoot where that cannot be, NotEnoughDisk where there is no room.
    """
    root = root.expanduser().absolute()
    folders = tuple(_folders(root, settings, paths))
    _check(root, store_root(settings), folders)
    size = sum(p.lstat().st_size for old, _ in folders for p in files_below(old))
    if not _same_disk(root, [old for old, _ in folders]):
        check_space(root, size, "Moving the models")
    remarks: tuple[str, ...] = ()
    if store_root(settings) == standard_cache() and folders:
        remarks = (
            "The models lie in the Hugging Face cache: other programs that use them there would "
            "have to download them again.",
        )
    return MovePlan(root, folders, size, remarks)


def move(plan: MovePlan, settings: SettingsFile, on_progress: OnProgress) -> None:
    """Do what `plan` says.

    What is raised before the switch, also by on_progress, leaves everything as it was. Raises
    UnwritableFolder, DamagedFile or UnsuitableRoot.
    """
    copier = _Copier(plan, on_progress)
    try:
        copier.run()
        moved = dict(plan.folders)
        folders = (str(moved.get(Path(name), name)) for name in settings.value.folders)
        models = "" if plan.root == standard_cache() else str(plan.root)
        settings.save(models=models, folders=tuple(folders))
    except BaseException as error:
        copier.take_back()
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise UnwritableFolder(folder=plan.root, reason=reason) from error
        raise
    for old, _ in plan.folders:
        _delete(old)
        shutil.rmtree(old.parent / ".locks" / old.name, ignore_errors=True)


def _folders(root: Path, settings: Settings, paths: Paths) -> Iterator[tuple[Path, Path]]:
    """Yield what moves, and where to: of the shared cache only what Tern lists."""
    source, standard = store_root(settings), standard_cache()
    repos = set(repo_folders(source).values())
    models = list_models(settings, paths)
    if source == standard:
        repos &= {model.folder.parent.parent for model in models}
    for folder in sorted(repos):
        yield folder, root / folder.name
    imports = imports_folder(Settings(models="" if root == standard else str(root)), paths)
    for model in models:
        if model.origin is Origin.COPY:
            yield model.folder, imports / model.folder.name


def _check(root: Path, source: Path, folders: tuple[tuple[Path, Path], ...]) -> None:
    reason = ""
    if root == source:
        reason = "they are there already"
    elif root.exists() and not root.is_dir():
        reason = "it is a file"
    elif any(root.is_relative_to(old) for old, _ in folders):
        reason = "it lies within one of them"
    elif any(is_busy(old) for old, _ in folders):
        reason = "a download is running"
    if reason:
        raise UnsuitableRoot(folder=root, reason=reason)


def _same_disk(root: Path, folders: list[Path]) -> bool:
    nearest = root
    while not nearest.exists():
        nearest = nearest.parent
    return {folder.stat().st_dev for folder in folders} <= {nearest.stat().st_dev}


class _Copier:
    """Copies folders; `made` is what that made, folders before what is in them."""

    def __init__(self, plan: MovePlan, on_progress: OnProgress) -> None:
        self._plan = plan
        self._on_progress = on_progress
        self._done = 0
        self.made: list[Path] = []

    def run(self) -> None:
        """Copy all. Raises OSError, DamagedFile or UnsuitableRoot."""
        self._make_folder(self._plan.root)
        has_links = _takes_links(self._plan.root)
        for old, new in self._plan.folders:
            paths = list(files_below(old))
            # A disk without links gets each content where the link would be.
            linked = () if has_links else {p.resolve() for p in paths if p.is_symlink()}
            for path in paths:
                if path.is_symlink() or path.resolve() not in linked:
                    self._place(path, new / path.relative_to(old), has_links)
                self._done += path.lstat().st_size
                self._on_progress(path.name, self._done, self._plan.size)

    def take_back(self) -> None:
        """Delete what was made."""
        for path in reversed(self.made):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def _place(self, path: Path, target: Path, has_links: bool) -> None:
        if target.is_symlink() or target.exists():
            if not _is_same(path, target):
                reason = f"{target} is there already, and is another one"
                raise UnsuitableRoot(folder=self._plan.root, reason=reason)
            return
        self._make_folder(target.parent)
        self.made.append(target)
        if path.is_symlink() and has_links:
            target.symlink_to(path.readlink())
            return
        # Whole before it has its name: what a kill leaves is not taken for a file.
        draft = target.with_name(f"{target.name}.moving")
        draft.unlink(missing_ok=True)
        self.made.append(draft)
        start = self._done
        link_or_copy(
            path.resolve(),
            draft,
            lambda count: self._on_progress(path.name, start + count, self._plan.size),
        )
        draft.replace(target)

    def _make_folder(self, folder: Path) -> None:
        if not folder.exists():
            self._make_folder(folder.parent)
            folder.mkdir()
            self.made.append(folder)


def _is_same(path: Path, other: Path) -> bool:
    """Return whether two files or links are the same, by their bytes."""
    if path.is_symlink() and other.is_symlink():
        return path.readlink() == other.readlink()
    if not (path.is_file() and other.is_file()):
        return False
    if path.samefile(other):
        return True
    same_size = path.stat().st_size == other.stat().st_size
    return same_size and content_hash(path, "sha256") == content_hash(other, "sha256")


def _takes_links(folder: Path) -> bool:
    probe = folder / f".links-{os.getpid()}"
    try:
        probe.symlink_to("nowhere")
    except OSError:
        return False
    probe.unlink()
    return True


def _delete(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise UnwritableFolder(folder=folder, reason=error.strerror or error) from error
