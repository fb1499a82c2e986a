"""The folder of a running comparison: gone when it ends, and swept up if the program was killed."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from engine.paths import Paths, make_folder


@contextlib.contextmanager
def scratch_folder(paths: Paths) -> Iterator[Path]:
    """Give an empty folder in the lab's, and delete it afterwards. Raises UnwritableFolder."""
    root = make_folder(paths.lab)
    _sweep(root)
    with tempfile.TemporaryDirectory(
        prefix=f"{os.getpid()}-", dir=root, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _sweep(root: Path) -> None:
    """Delete what processes that are gone have left. Their folders are named by their ids."""
    for folder in root.iterdir():
        pid = folder.name.partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
