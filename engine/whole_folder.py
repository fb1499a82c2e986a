"""Folders that exist only when they are whole: built under another name, then renamed."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
from safetensors import SafetensorError

from engine.errors import UnwritableFolder
from engine.paths import make_folder


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
        shutil.rmtree(folder, ignore_errors=True)  # processes that have it mapped keep it
        partial.rename(folder)
    except (OSError, SafetensorError) as error:
        raise UnwritableFolder(folder=folder.parent, reason=error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what was left by processes that were killed: folders whose process is gone."""
    for partial in root.glob(".*.partial"):
        pid = partial.name[1:].partition("-")[0]
        if not (pid.isdigit() and psutil.pid_exists(int(pid))):
            shutil.rmtree(partial, ignore_errors=True)
