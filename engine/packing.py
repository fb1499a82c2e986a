"""Packed weights on disk: where they lie, and how they are read back mapped.

A packed model is a folder of one .safetensors file a layer, one for the head, and a manifest
that says what it was made from. It exists only when it is whole. `engine.quantize.packing` makes
one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from engine.checkpoint import fingerprint
from engine.source import Source
from engine.store.hub_cache import identity
from engine.store.packed import NATIVE_FORMAT, has_manifest
from engine.tensor_file import Array, TensorFile
from engine.whole_folder import cache_folder

ALIGNMENT = 64  # bytes: a cache line, and the widest vector

T = TypeVar("T")


def packed_folder(root: Path, source: Source, layout: str, calibration: str) -> Path:
    """Return where the packed form of `source` in `layout` belongs under `root`, there or not.

    Another file, another calibration or another layout is another folder.
    """
    files = [*source.checkpoint.files, source.checkpoint.folder / "config.json"]
    model = source.checkpoint.folder
    facts = f"{NATIVE_FORMAT}\n{identity(model)}\n{fingerprint(files)}\n{calibration}"
    return cache_folder(root, model, facts, layout)


def is_packed(folder: Path) -> bool:
    """Return whether a whole packed model lies in `folder`."""
    return has_manifest(folder)


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
