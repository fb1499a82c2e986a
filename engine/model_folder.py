"""How the files of a model folder are opened: it is input from strangers, and all of it may lie.

Only ordinary files are read, of a bounded size, and none through a link that leads out of the
folder: of a revision in a model cache, out of its repository, where its content lies. Light half.
"""

from pathlib import Path

from engine.errors import DamagedFile, LinkLeavesFolder
from engine.store.files import read_ordinary
from engine.store.hub_cache import is_snapshot

# What the engine and its libraries read in a folder; where other links lead is no matter.
_READ = (".json", ".jinja", ".safetensors", ".model", ".txt", ".tiktoken")


def read_file(path: Path, limit: int) -> bytes:
    """Return the content of a model's file, which is bytes in number `limit` at most.

    Raises DamagedFile or LinkLeavesFolder.
    """
    check_link(path)
    try:
        content = read_ordinary(path, limit + 1)
    except OSError as error:
        raise DamagedFile(file=path, reason=error.strerror or str(error)) from error
    if len(content) > limit:
        raise DamagedFile(file=path, reason=f"it has more than {limit / 1e6:.0f} MB")
    return content


def check_links(folder: Path) -> None:
    """Raise LinkLeavesFolder where a file that would be read is a link to somewhere else."""
    try:
        files = sorted(path for path in folder.iterdir() if path.name.endswith(_READ))
    except OSError:
        return  # what is missing is the readers' to say
    for file in files:
        check_link(file)


def check_link(path: Path) -> None:
    """Raise LinkLeavesFolder where `path`, directly in a model's folder, is a link out of it."""
    if not path.is_symlink():
        return
    home = home_of(path.parent)
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # a loop
        return
    if not target.is_relative_to(home):
        raise LinkLeavesFolder(link=path, target=target)


def home_of(folder: Path) -> Path:
    """Return the folder that all content of the model in `folder` lies in."""
    return (folder.parent.parent if is_snapshot(folder) else folder).resolve()
