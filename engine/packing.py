"""Packed weights on disk: where they lie, and how they are read back mapped.

A packed model is a folder of one .safetensors file a layer, one for the head, and a manifest
that says what it was made from and what its bytes sum up to. It exists only when it is whole.
`engine.quantize.packing` makes one.
"""

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np

from engine.checkpoint import fingerprint
from engine.errors import UnwritableFolder
from engine.paths import make_folder
from engine.source import Source
from engine.store.hub_cache import identity
from engine.store.packed import NATIVE_FORMAT, damage, has_manifest
from engine.tensor_file import Array, TensorFile
from engine.whole_folder import cache_folder

ALIGNMENT = 64  # bytes: a cache line, and the widest vector

T = TypeVar("T")
OnProgress: TypeAlias = Callable[[str, int, int], None]
OnRemark: TypeAlias = Callable[[str], None]

_PATIENCE_S = 0.5  # between two looks whether another process has packed
_log = logging.getLogger(__name__)


def packed_folder(root: Path, source: Source, layout: str, calibration: str) -> Path:
    """Return where the packed form of `source` in `layout` belongs under `root`, there or not.

    Another file, another calibration or another layout is another folder.
    """
    files = [*source.checkpoint.files, source.checkpoint.folder / "config.json"]
    model = source.checkpoint.folder
    facts = f"{NATIVE_FORMAT}\n{identity(model)}\n{fingerprint(files)}\n{calibration}"
    return cache_folder(root, model, facts, layout)


def is_sound(folder: Path, model: Path, on_progress: OnProgress, on_remark: OnRemark) -> bool:
    """Return whether whole packed weights of `model` lie in `folder`, each bit as it was written.

    Damaged ones are deleted, and the person is told by on_remark(sentence). Raises MemoryError.
    """
    if not has_manifest(folder):
        return False
    on_progress("Checking packed weights", 0, 1)
    problem = damage(folder, model)
    if not problem or not has_manifest(folder):  # deleted meanwhile, by another window
        return not problem
    _log.warning("packed weights in %s are damaged: %s", folder, problem)
    shutil.rmtree(folder, ignore_errors=True)
    on_remark(f"The packed weights of this model were damaged ({problem}), and were made again.")
    return False


@contextlib.contextmanager
def packing_alone(folder: Path, on_progress: OnProgress) -> Iterator[None]:
    """Let no other process pack into `folder` meanwhile; wait for one that does.

    Two at once would take the memory and the time of both for one result. What on_progress raises
    ends the waiting. Raises UnwritableFolder.
    """
    from filelock import FileLock, Timeout  # takes a while to import, and is hardly ever needed

    locks = make_folder(folder.parent.with_name("locks"))
    lock = FileLock(locks / f"{folder.name}.lock")
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            on_progress("Waiting for another window that packs this model", 0, 1)
        except OSError as error:
            raise UnwritableFolder(folder=locks, reason=error.strerror or error) from error
    try:
        yield
    finally:
        lock.release()


def read_packed(path: Path) -> dict[str, Array]:
    """Return the tensors of one packed file. Raises SafetensorError, OSError or ValueError."""
    file = TensorFile(path)
    arrays = {name: file.array(name) for name in file.entries}
    return {name: _aligned(array) for name, array in arrays.items()}


def _aligned(array: Array) -> Array:
    """Return `array`, or a copy at a multiple of 64 bytes.

    Odd shapes can leave it where torch's kernels, which load by aligned vectors, crash.
    """
    if array.ctypes.data % ALIGNMENT == 0:
        return array
    room = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def layer_file(folder: Path, number: int) -> Path:
    """Return the file of a packed layer."""
    return folder / f"layer-{number:03}.safetensors"


def head_file(folder: Path) -> Path:
    """Return the file of the packed head and the last norm."""
    return folder / "head.safetensors"


def under(start: str, values: Mapping[str, T]) -> dict[str, T]:
    """Return the values whose names begin with `start` and a dot, without them."""
    start = f"{start}."
    return {k.removeprefix(start): value for k, value in values.items() if k.startswith(start)}
