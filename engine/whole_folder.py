"""Folders of the cache: named by what they hold, and there only when they are whole."""

import contextlib
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import psutil
from safetensors import SafetensorError

from engine.errors import UnwritableFolder
from engine.paths import make_folder
from engine.store.hub_cache import title_of


def cache_folder(root: Path, model: Path, facts: str, kind: str) -> Path:
    """Return where what is made of the folder `model` belongs under `root`.

    Its name is for people, by the model's name and `kind`, and for all of `facts`: where one of
    them changes, it is another folder.
    """
    title = re.sub(r"[^A-Za-z0-9._-]+", "-", title_of(model))[:40]
    return root / f"{title}-{sha256(facts.encode()).hexdigest()[:12]}-{kind}"


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder`, in place of what is there, if all ends well.

    Raises UnwritableFolder where the disk is full or refuses.
    """
    make_folder(folder.parent)
    _sweep(folder.parent)
    partial = folder.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.mkdir()
        yield partial
        _put(partial, folder)
    except (OSError, SafetensorError) as error:
        raise UnwritableFolder(folder=folder.parent, reason=error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put(partial: Path, folder: Path) -> None:
    """Let `partial` be `folder`, or what another process puts there at this very moment.

    That is as good: folders of one name hold the same.
    """
    with contextlib.suppress(FileNotFoundError):
        # Aside, so that nobody finds half of it; processes that have it mapped keep it.
        old = folder.rename(partial.with_suffix(".old.partial"))
        shutil.rmtree(old, ignore_errors=True)
    try:
        partial.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _sweep(root: Path) -> None:
    """Remove what was left by processes that were killed: folders whose process is gone."""
    for partial in root.glob(".*.partial"):
        pid = partial.name[1:].partition("-")[0]
        if not (pid.isdigit() and psutil.pid_exists(int(pid))):
            shutil.rmtree(partial, ignore_errors=True)
