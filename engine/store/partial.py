"""The part of a file that has arrived, on disk and hashed: what a later run continues."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from engine.errors import DiskFull, TernError, UnwritableFolder
from engine.store.description import RemoteFile

_READ = 1 << 20  # bytes
# No space, no quota, and a file larger than the system allows.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Partial:
    """`file` as far as it has arrived, at `path`. A context manager; `size` is in bytes."""

    def __init__(self, path: Path, file: RemoteFile) -> None:
        self._path = path
        self._file = file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what was written is on its way to the disk when write() returns.
            self._stream = path.open("r+b" if path.exists() else "w+b", buffering=0)
        except OSError as error:
            raise self._explained(error) from error
        self.size = 0
        self._digest = _digest(file)

    def __enter__(self) -> "Partial":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stream.close()

    @property
    def is_complete(self) -> bool:
        """Whether as many bytes are there as the file has."""
        return self.size == self._file.size

    @property
    def is_sound(self) -> bool:
        """Whether the bytes that are there have the file's hash."""
        return self._digest.hexdigest() == self._file.hash

    def read_back(self, on_read: Callable[[int], None]) -> None:
        """Hash what an earlier run left; on_read: told how many bytes are hashed, may raise."""
        while chunk := self._read():
            self._digest.update(chunk)
            self.size += len(chunk)
            on_read(self.size)

    def _read(self) -> bytes:
        try:
            return self._stream.read(_READ) or b""
        except OSError as error:
            raise self._explained(error) from error

    def write(self, data: bytes) -> None:
        """Append `data`. Raises DiskFull or UnwritableFolder; what was written before is kept."""
        view = memoryview(data)
        try:
            while view:
                count = self._stream.write(view) or 0
                self._digest.update(view[:count])
                self.size += count
                view = view[count:]
        except OSError as error:
            raise self._explained(error) from error

    def restart(self) -> None:
        """Throw away what is there."""
        self._stream.seek(0)
        self._stream.truncate()
        self.size = 0
        self._digest = _digest(self._file)

    def publish(self, destination: Path) -> None:
        """Give the whole file its place, on the disk before it has its name."""
        try:
            os.fsync(self._stream.fileno())
            self._stream.close()  # Windows renames no open file
            self._path.replace(destination)
            sync_folder(destination.parent)
        except OSError as error:
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> TernError:
        folder = self._path.parent
        if error.errno in _FULL:
            return disk_full(folder, self._file.size - getattr(self, "size", 0))
        return UnwritableFolder(folder=folder, reason=error.strerror or error)


def partial_of(blob: Path) -> Path:
    """Return where the part of `blob` that has arrived is kept: huggingface_hub's own name."""
    return blob.with_name(f"{blob.name}.incomplete")


def disk_full(folder: Path, needed: int) -> DiskFull:
    """Return the failure of a disk with too little room; needed: bytes."""
    return DiskFull(
        needed=f"{needed / 1e9:.2f} GB", folder=folder, free=f"{free_bytes(folder) / 1e9:.2f} GB"
    )


def free_bytes(folder: Path) -> int:
    """Return the free space where `folder` is or will be, in bytes."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def sync_folder(folder: Path) -> None:
    """Bring the names in `folder` to the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(file: RemoteFile) -> "hashlib._Hash":
    """Return the hash by which the Hub names the file: sha256 in LFS, else that of git's blob."""
    if len(file.hash) == 64:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
