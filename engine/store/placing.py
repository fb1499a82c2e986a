"""Where the files of a repository lie in the Hugging Face cache, and how a download becomes one.

    models--org--name/blobs/<hash>[.incomplete]        contents, and what has arrived of them
    models--org--name/snapshots/<commit>/<file>        a link to ../../blobs/<hash>
    models--org--name/refs/<revision>                  the commit that a branch or tag means

While a download runs there are only blobs. The snapshot is made when all are there and verified,
config.json last, and the ref after it: whoever finds a model finds a whole one.
"""

import contextlib
import os
from pathlib import Path

from engine.errors import UnwritableFolder
from engine.store.description import RemoteFile
from engine.store.partial import partial_of, sync_folder
from engine.store.plan import Plan


class Place:
    """The folder of one repository under the cache's `root`."""

    def __init__(self, root: Path, repo: str) -> None:
        name = f"models--{repo.replace('/', '--')}"
        self.folder = root / name
        self._blobs = self.folder / "blobs"
        self._locks = root / ".locks" / name

    def blob(self, file: RemoteFile) -> Path:
        """Return where the content belongs."""
        return self._blobs / file.hash

    def lock(self, file: RemoteFile) -> Path:
        """Return the file that is locked while the content is fetched.

        It is huggingface_hub's own lock, so that other programs and Tern keep off each other's
        partial files. The system frees it when its holder dies.
        """
        return self._locks / f"{file.hash}.lock"

    def snapshot(self, commit: str) -> Path:
        """Return the model's folder at a commit."""
        return self.folder / "snapshots" / commit

    def has(self, file: RemoteFile, commit: str) -> bool:
        """Return whether the content is there; where there are no links it is in the snapshot."""
        return any(
            path.is_file() and path.stat().st_size == file.size
            for path in (self.blob(file), self.snapshot(commit) / file.path)
        )

    def arrived(self, plan: Plan) -> int:
        """Return how many bytes of a download are on the disk."""
        return sum(self._arrived(file, plan.commit) for file in plan.files)

    def _arrived(self, file: RemoteFile, commit: str) -> int:
        if self.has(file, commit):
            return file.size
        with contextlib.suppress(OSError):
            return min(file.size, partial_of(self.blob(file)).stat().st_size)
        return 0

    def publish(self, plan: Plan) -> Path:
        """Make the snapshot of a download whose files are all there, and return its folder.

        Raises UnwritableFolder.
        """
        snapshot = self.snapshot(plan.commit)
        try:
            snapshot.mkdir(parents=True, exist_ok=True)
            for file in sorted(plan.files, key=lambda file: file.path == "config.json"):
                self._link(file, snapshot / file.path)
            sync_folder(snapshot)
            if plan.revision != plan.commit:
                self._point(plan.revision, plan.commit)
        except OSError as error:
            raise UnwritableFolder(folder=self.folder, reason=error.strerror or error) from error
        return snapshot

    def _link(self, file: RemoteFile, pointer: Path) -> None:
        blob = self.blob(file)
        if not blob.is_file():
            pointer.stat()  # moved here by an earlier run, where there are no links
            return
        target = Path(os.path.relpath(blob, pointer.parent))
        if pointer.is_symlink() and pointer.readlink() == target:
            return
        pointer.unlink(missing_ok=True)
        try:
            pointer.symlink_to(target)
        except OSError:  # Windows without developer mode, FAT
            blob.replace(pointer)

    def _point(self, revision: str, commit: str) -> None:
        ref = self.folder / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".ref-{os.getpid()}"
        draft.write_text(commit, encoding="utf-8")
        draft.replace(ref)
        sync_folder(ref.parent)

    def discard(self, plan: Plan) -> None:
        """Remove what of a download has arrived and no snapshot uses."""
        used = {path.resolve() for path in self.folder.glob("snapshots/*/**/*")}
        for file in plan.files:
            partial_of(self.blob(file)).unlink(missing_ok=True)
            if self.blob(file).resolve() not in used:
                self.blob(file).unlink(missing_ok=True)
        for folder in (self._blobs, self.folder):
            with contextlib.suppress(OSError):
                folder.rmdir()  # only an empty one goes
