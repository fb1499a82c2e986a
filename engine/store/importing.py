"""A model folder from elsewhere becomes one of Tern's: used where it lies, or copied.

Only what a model needs is copied: configuration, tokenizer, .safetensors, licence; never code and
never pickles.
"""

import shutil
from pathlib import Path

from engine.errors import AlreadyThere, DamagedFile, LinkLeavesFolder, NotAModel, UnwritableFolder
from engine.model_config import read_config
from engine.model_files import has_tokenizer, weight_files
from engine.model_folder import home_of
from engine.paths import Paths, make_folder
from engine.settings import SettingsFile
from engine.store.description import RemoteFile, needed_files
from engine.store.files import OnProgress, check_space, copy_file, files_below
from engine.store.local import StoredModel, find, imports_folder
from engine.store.verify import why_not_safetensors


def import_folder(
    path: Path, copy: bool, settings: SettingsFile, paths: Paths, on_progress: OnProgress
) -> StoredModel:
    """Make the model in the folder `path` one that Tern lists, and return it.

    copy: into the root of models, where it is Tern's to delete; else it is used where it lies. What
    on_progress raises ends the copying and leaves nothing behind. Raises what `check_folder`
    raises, and NotEnoughDisk, AlreadyThere or UnwritableFolder.
    """
    folder = check_folder(path)
    if copy:
        target = imports_folder(settings.value, paths) / folder.name.lstrip(".")
        _copy(folder, target, on_progress)
        folder = target
    known = find(str(folder), settings.value, paths)
    if known.name == str(folder):  # and not a revision in a model cache, which is listed anyway
        settings.save(folders=tuple(dict.fromkeys((*settings.value.folders, str(folder)))))
    return find(known.name, settings.value, paths)


def check_folder(path: Path) -> Path:
    """Return the model folder `path` in full, once it is known that Tern can use it.

    Raises NotAModel, PickleOnly, DamagedFile, UnsupportedArchitecture, UnsupportedFeature or
    LinkLeavesFolder.
    """
    folder = path.expanduser().absolute()
    if not folder.is_dir():
        reason = "it is a file, not a folder" if folder.exists() else "there is no such folder"
        raise NotAModel(folder=folder, reason=reason)
    read_config(folder)
    if not has_tokenizer(folder):
        raise NotAModel(folder=folder, reason="it holds no tokenizer")
    weights = weight_files(folder)
    _check_links(folder)
    for file in weights:
        reason = why_not_safetensors(file)
        if reason:
            raise DamagedFile(file=file, reason=reason)
    return folder


def _check_links(folder: Path) -> None:
    """Raise LinkLeavesFolder where a file of the model is a link to somewhere else."""
    home = home_of(folder)
    for path in files_below(folder):
        target = path.resolve()
        if path.is_symlink() and not target.is_relative_to(home):
            raise LinkLeavesFolder(link=path, target=target)


def _copy(folder: Path, target: Path, on_progress: OnProgress) -> None:
    if target.exists():
        raise AlreadyThere(folder=target)
    files = [folder / file.path for file in needed_files(_listed(folder))]
    total = sum(file.stat().st_size for file in files)
    check_space(target.parent, total, f"The copy of {folder.name}")
    partial = make_folder(target.parent) / f".{target.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    done = 0
    try:
        partial.mkdir()
        for file in files:
            before, name = done, file.name
            copy_file(file, partial / name, lambda n: on_progress(name, before + n, total))  # noqa: B023
            done += file.stat().st_size
        partial.rename(target)
    except OSError as error:
        raise UnwritableFolder(folder=target.parent, reason=error.strerror or error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _listed(folder: Path) -> list[RemoteFile]:
    """Return the files directly in `folder` as a repository would list them."""
    files = [path for path in folder.iterdir() if path.is_file()]
    return [RemoteFile(path.name, path.stat().st_size, "") for path in files]
