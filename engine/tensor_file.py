"""One .safetensors file, mapped: its tensors are numpy arrays over the file's own pages."""

import errno
import json
import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

Array: TypeAlias = npt.NDArray[Any]

BF16 = np.dtype(ml_dtypes.bfloat16)
_FLOATS: dict[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": BF16,
}
_OTHERS: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype(np.uint16),
    "I16": np.dtype(np.int16),
    "U32": np.dtype(np.uint32),
    "I32": np.dtype(np.int32),
    "U64": np.dtype(np.uint64),
    "I64": np.dtype(np.int64),
}
_DTYPES = _FLOATS | _OTHERS
_HEADER_LIMIT = 20_000_000  # bytes: some 200,000 tensors
_REFUSED = f"os error {errno.ENOMEM}"  # Rust's words, which come without a number
_LENGTH_BYTES = 8  # of the header's own length, little-endian, at the start of the file


@dataclass(frozen=True)
class Entry:
    """What the header says of a tensor: the format's name of its type, and its first byte."""

    dtype: str
    shape: tuple[int, ...]
    begin: int

    @property
    def is_float(self) -> bool:
        """Whether it holds floats of a kind that a model can be computed with."""
        return self.dtype in _FLOATS

    @property
    def type_name(self) -> str:
        """The type's usual name."""
        return _DTYPES[self.dtype].name if self.dtype in _DTYPES else self.dtype


class TensorFile:
    """An open file; it stays mapped for as long as this or one of its arrays lives."""

    def __init__(self, path: Path) -> None:
        """Map the file. Raises SafetensorError, OSError or ValueError where it is damaged.

        Raises MemoryError where the system refuses to map it, which says nothing of the file.
        """
        _check_length(path)
        # The library checks the header: its size, and that every tensor lies within the file,
        # has the bytes that its shape needs and overlaps no other. It maps for torch alone.
        try:
            with safe_open(str(path), framework="np"):
                pass
            with path.open("rb") as file:
                self._pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (SafetensorError, OSError) as error:
            if getattr(error, "errno", None) == errno.ENOMEM or _REFUSED in str(error):
                raise MemoryError from error
            raise
        self.entries = _entries(self._pages)

    def array(self, name: str) -> Array:
        """Return the tensor `name`, read-only and not copied. Raises KeyError or ValueError."""
        entry = self.entries[name]
        count, dtype = math.prod(entry.shape), _DTYPES[entry.dtype]
        flat = np.frombuffer(self._pages, dtype, count, entry.begin)
        # The format allows a header of any length, so that floats can lie across boundaries.
        return np.require(flat, requirements="A").reshape(entry.shape)

    def release(self) -> None:
        """Give back the memory of pages that were read; they are read again when needed."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)


def _check_length(path: Path) -> None:
    """Raise ValueError where the header is too long to be read twice."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > _HEADER_LIMIT:
        raise ValueError(f"its header has {length:,} bytes")


def _entries(pages: mmap.mmap) -> Mapping[str, Entry]:
    begin = _LENGTH_BYTES + int.from_bytes(pages[:_LENGTH_BYTES], "little")
    header = json.loads(pages[_LENGTH_BYTES:begin])
    header.pop("__metadata__", None)
    return {
        name: Entry(facts["dtype"], tuple(facts["shape"]), begin + facts["data_offsets"][0])
        for name, facts in header.items()
    }
