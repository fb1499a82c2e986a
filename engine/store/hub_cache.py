"""The Hugging Face cache as it lies on disk, half-downloaded repositories included.

    models--ORG--NAME/refs/main                 the commit that `main` was
    models--ORG--NAME/snapshots/COMMIT/FILE     a link to ../../blobs/HASH
    models--ORG--NAME/blobs/HASH                content: sha256 of a large file, git's of a small

Read here and not by huggingface_hub's scan, which leaves out a repository where one file is
missing, and takes files outside of the cache that a link leads to for blobs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.settings import Settings
from engine.store.files import files_below, read_ordinary

_REPO = "models--"
_REPO_NAME = re.compile(r"models--[\w.-]+")
_MAIN = "main"
_REF_LIMIT = 200  # bytes of a commit's name


@dataclass(frozen=True)
class Snapshot:
    """One revision of one repository. `refs` are the branches and tags that stood for it."""

    repo: str
    commit: str
    refs: tuple[str, ...]
    folder: Path

    @property
    def repo_folder(self) -> Path:
        """The folder of all revisions."""
        return self.folder.parent.parent

    @property
    def title(self) -> str:
        """The repository's name without its owner's."""
        return title_of(self.folder)

    @property
    def name(self) -> str:
        """What --model takes: the bare repository where this is its main branch."""
        if _MAIN in self.refs:
            return self.repo
        return f"{self.repo}@{self.refs[0] if self.refs else self.commit}"

    def files(self) -> dict[str, Path]:
        """Return what each file's name, relative to the folder, leads to; that may be missing."""
        return {
            path.relative_to(self.folder).as_posix(): path.resolve()
            for path in files_below(self.folder)
        }

    def blobs(self) -> set[Path]:
        """Return the files of content that this revision uses and that lie in its repository."""
        root = self.repo_folder.resolve()
        return {path for path in self.files().values() if path.is_relative_to(root)}


def standard_cache() -> Path:
    """Return the cache that programs share: HF_HUB_CACHE or HF_HOME move it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).absolute()


def store_root(settings: Settings) -> Path:
    """Return where downloads go."""
    return Path(settings.models).absolute() if settings.models else standard_cache()


def model_roots(settings: Settings) -> tuple[Path, ...]:
    """Return where downloaded models are found: the store's root first, then the shared cache."""
    return tuple(dict.fromkeys((store_root(settings), standard_cache())))


def repo_folder(root: Path, repo: str) -> Path:
    """Return where the repository `repo` ("org/name") belongs under `root`, there or not."""
    return root / f"{_REPO}{repo.replace('/', '--')}"


def repo_folders(root: Path) -> dict[str, Path]:
    """Return the folders of all model repositories under `root` by the repository's name."""
    try:
        folders = sorted(path for path in root.iterdir() if _REPO_NAME.fullmatch(path.name))
    except OSError:
        return {}
    return {
        _repo_of(folder): folder
        for folder in folders
        if folder.is_dir() and not folder.is_symlink()
    }


def snapshots(repo: str, folder: Path) -> list[Snapshot]:
    """Return the revisions of the repository in `folder`, main first."""
    refs = _refs(folder / "refs")
    found = [
        Snapshot(repo, path.name, tuple(refs.get(path.name, ())), path)
        for path in _folders(folder / "snapshots")
    ]
    return sorted(found, key=lambda s: (_MAIN not in s.refs, s.commit))


def find_snapshot(name: str, roots: Sequence[Path]) -> Snapshot | None:
    """Return the revision that "org/name" or "org/name@revision" means, or None."""
    repo, _, revision = name.partition("@")
    for root in roots if name.isprintable() else ():
        for snapshot in snapshots(repo, repo_folder(root, repo)):
            if (revision or _MAIN) in (*snapshot.refs, snapshot.commit):
                return snapshot
    return None


def is_busy(folder: Path) -> bool:
    """Return whether a program is downloading into the repository in `folder` now."""
    from filelock import FileLock, Timeout

    for path in (folder.parent / ".locks" / folder.name).glob("*.lock"):
        try:
            FileLock(path).acquire(timeout=0).lock.release()
        except Timeout:
            return True
        except (OSError, NotImplementedError):  # a file system without locks
            continue
    return False


def is_snapshot(folder: Path) -> bool:
    """Return whether `folder` is that of a revision, in whatever cache."""
    return folder.parent.name == "snapshots" and folder.parent.parent.name.startswith(_REPO)


def snapshot_in(folder: Path) -> Snapshot:
    """Return the revision whose folder is `folder`."""
    home = folder.parent.parent
    repo = _repo_of(home)
    return next(snapshot for snapshot in snapshots(repo, home) if snapshot.folder == folder)


def title_of(folder: Path) -> str:
    """Return the short name of the model in `folder`; that of a revision is named by a commit."""
    if is_snapshot(folder):
        return _repo_of(folder.parent.parent).rpartition("/")[2]
    return folder.name


def identity(folder: Path) -> str:
    """Return what the model in `folder` is, wherever the cache lies: repository and commit.

    Another folder is what its path says.
    """
    resolved = folder.resolve()
    if is_snapshot(resolved):
        return f"{resolved.parent.parent.name}/{resolved.name}"
    return str(resolved)


def _repo_of(folder: Path) -> str:
    return folder.name.removeprefix(_REPO).replace("--", "/")


def _refs(folder: Path) -> dict[str, list[str]]:
    """Return the refs of each commit; a pull request's is named "refs/pr/1"."""
    refs: dict[str, list[str]] = {}
    for path in files_below(folder):
        try:
            commit = read_ordinary(path, _REF_LIMIT).decode().strip()
        except (OSError, ValueError):
            continue
        refs.setdefault(commit, []).append(path.relative_to(folder).as_posix())
    return refs


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return []
