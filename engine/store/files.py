"""Files on disk: listed, counted, hashed, and copied so that the copy is known to be the same."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.errors import DamagedFile, NotEnoughDisk

# on_progress(file, bytes done, bytes in all); what it raises ends the work.
OnProgress = Callable[[str, int, int], None]
OnBytes = Callable[[int], None]

_BUFFER = 4 << 20  # bytes
_DEEPEST = 50  # folders in each other
_OPENING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all that is no folder below `folder`, in order; links are yielded, not followed.

    What lies deeper than any repository of models has it is left out.
    """
    top = len(folder.parts)
    for parent, folders, names in os.walk(folder):
        folders.sort()
        if len(Path(parent).parts) - top >= _DEEPEST:
            folders.clear()
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        yield from (Path(parent) / name for name in sorted([*names, *links]))


def folder_size(folder: Path) -> int:
    """Return the bytes of the files below `folder`, and of those that links in it lead to.

    What cannot be read counts nothing.
    """
    total = 0
    for path in files_below(folder):
        with contextlib.suppress(OSError):
            status = path.stat()
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def is_readable(path: Path) -> bool:
    """Return whether something is at `path` that may be looked at."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def read_ordinary(path: Path, limit: int) -> bytes:
    """Return the first `limit` bytes of an ordinary file. Raises OSError, also for anything else.

    What is a pipe or a device, or has become one meanwhile, is not waited for.
    """
    descriptor = os.open(path, _OPENING)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        # Room is made for as much as is asked for: no more than there is.
        return file.read(min(limit, status.st_size + 1))


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raise NotEnoughDisk where `folder`, there or not, has no room for `needed` bytes."""
    nearest = folder.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    usage = shutil.disk_usage(nearest)
    free = usage.free
    if usage.total and free < needed:  # what has no size, as /proc, tells nothing of its room
        raise NotEnoughDisk(
            what=what, folder=folder, needed=f"{needed / 1e9:.2f} GB", free=f"{free / 1e9:.2f} GB"
        )


def content_hash(path: Path, algorithm: str, on_bytes: OnBytes = lambda _: None) -> str:
    """Return the sha256 of a file, or git's sha1 of it as a blob, as hexadecimal digits.

    algorithm: "sha256" or "sha1". on_bytes(done) is called between pieces. Raises OSError.
    """
    digest = hashlib.new(algorithm)
    if algorithm == "sha1":  # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
        digest.update(f"blob {path.stat().st_size}\0".encode())
    for piece, done in _pieces(path):
        digest.update(piece)
        on_bytes(done)
    return digest.hexdigest()


def copy_file(source: Path, target: Path, on_bytes: OnBytes = lambda _: None) -> None:
    """Copy a file with its times, and read the copy again.

    Raises DamagedFile where the copy is another than what was read, OSError where the disk refuses.
    """
    digest = hashlib.sha256()
    with target.open("xb") as copy:
        for piece, done in _pieces(source):
            digest.update(piece)
            copy.write(piece)
            on_bytes(done)
        copy.flush()
        os.fsync(copy.fileno())
    shutil.copystat(source, target)
    if content_hash(target, "sha256") != digest.hexdigest():
        raise DamagedFile(file=target, reason="the disk gave back other bytes than were written")


def link_or_copy(source: Path, target: Path, on_bytes: OnBytes) -> None:
    """Give the file `source` the second name `target`; copy it where the disk is another.

    Raises what `copy_file` raises.
    """
    with contextlib.suppress(OSError):
        target.hardlink_to(source)
        on_bytes(source.stat().st_size)
        return
    copy_file(source, target, on_bytes)


def _pieces(path: Path) -> Iterator[tuple[memoryview, int]]:
    """Yield the content of a file in pieces, each with the bytes read so far."""
    buffer = memoryview(bytearray(_BUFFER))
    done = 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            done += count
            yield buffer[:count], done
