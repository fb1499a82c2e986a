"""Models as huggingface_hub and Tern leave them on disk, without any download."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from engine.models import demo_model
from engine.store.files import OnProgress
from tests.store.hub_repository import StoredFile

COMMIT = "1" * 40
OTHER = "2" * 40


def demo_files(**changes: bytes | None) -> dict[str, bytes]:
    """The demo model's files; `__` in a keyword stands for a dot, None leaves a file out."""
    files = {p.name: p.read_bytes() for p in demo_model().folder.iterdir() if p.suffix != ".md"}
    changed = {name.replace("__", "."): content for name, content in changes.items()}
    return {name: content for name, content in (files | changed).items() if content is not None}


def cache_model(
    root: Path,
    repo: str,
    files: Mapping[str, bytes] | None = None,
    commit: str = COMMIT,
    ref: str = "main",
) -> Path:
    """Put a revision into the cache `root` and return its folder."""
    repo_folder = root / f"models--{repo.replace('/', '--')}"
    snapshot = repo_folder / "snapshots" / commit
    for name, content in (demo_files() if files is None else files).items():
        blob = repo_folder / "blobs" / StoredFile(name, content).etag
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        pointer = snapshot / name
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.symlink_to(Path("../" * (2 + name.count("/"))) / "blobs" / blob.name)
    if ref:
        path = repo_folder / "refs" / ref
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit)
    return snapshot


def demo_folder(target: Path) -> Path:
    """Copy the demo model to `target`."""
    shutil.copytree(demo_model().folder, target)
    return target


def change_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def silent(_name: str, _done: int, _total: int) -> None:
    """An `OnProgress` that tells nobody."""


class Watch:
    """An `OnProgress` that remembers what it was told, and fails at the call `fail_at`."""

    def __init__(self, fail_at: int = -1) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self._fail_at = fail_at

    def __call__(self, name: str, done: int, total: int) -> None:
        self.calls.append((name, done, total))
        if len(self.calls) == self._fail_at:
            raise KeyboardInterrupt


_: OnProgress = silent
