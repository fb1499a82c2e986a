"""Mapped .safetensors files: the same numbers as torch reads, and nothing beyond the file."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.checkpoint import Checkpoint
from engine.errors import TernError
from engine.tensor_file import BF16, TensorFile
from engine.torch_source import as_tensor

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
]


def random(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return (torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 50).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_type_is_read_as_torch_wrote_it(dtype: torch.dtype, tmp_path: Path) -> None:
    shapes = [(3, 5), (7,), (), (0, 4), (2, 1, 3)]
    tensors = {str(shape): random(shape, dtype) for shape in shapes}
    save_file(tensors, tmp_path / "w.safetensors", {"format": "pt"})
    file = TensorFile(tmp_path / "w.safetensors")
    assert set(file.entries) == set(tensors)
    for name, tensor in tensors.items():
        assert torch.equal(as_tensor(file.array(name)), tensor)
        assert file.entries[name].is_float == dtype.is_floating_point
        assert file.entries[name].type_name == str(dtype).removeprefix("torch.")


def test_an_array_outlives_its_file_object_and_its_file(tmp_path: Path) -> None:
    tensor = random((100, 100), torch.bfloat16)
    save_file({"w": tensor}, tmp_path / "w.safetensors")
    array = TensorFile(tmp_path / "w.safetensors").array("w")
    (tmp_path / "w.safetensors").unlink()
    assert array.dtype == BF16
    assert torch.equal(as_tensor(array), tensor)


def test_what_is_released_can_be_read_again(tmp_path: Path) -> None:
    tensor = random((1000, 1000), torch.float32)
    save_file({"w": tensor}, tmp_path / "w.safetensors")
    file = TensorFile(tmp_path / "w.safetensors")
    array = file.array("w")
    before = array.sum()
    file.release()
    assert array.sum() == before


def test_weights_cannot_be_written_to(tmp_path: Path) -> None:
    save_file({"w": random((4,), torch.float32)}, tmp_path / "w.safetensors")
    array = TensorFile(tmp_path / "w.safetensors").array("w")
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def write(path: Path, header: object, data: bytes, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path.write_bytes(struct.pack("<Q", size) + text + data)
    return path


def entry(dtype: str, shape: list[Any], begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_tensor_may_begin_at_any_byte(tmp_path: Path) -> None:
    values = np.arange(5, dtype=np.float32)
    for spaces in range(8):
        header = json.dumps({"w": entry("F32", [5], 0, 20)}).encode() + b" " * spaces
        array = TensorFile(write(tmp_path / "w.safetensors", header, values.tobytes())).array("w")
        assert array.flags.aligned
        assert (array == values).all()


@pytest.mark.parametrize(
    "header",
    [
        {"w": entry("F32", [5], 0, 24)},
        {"w": entry("F32", [6], 0, 20)},
        {"w": entry("F32", [2**62, 4], 0, 20)},
        {"w": entry("F32", [5], 4, 24)},
        {"w": entry("F32", [5], -20, 0)},
        {"w": entry("F32", [-5], 0, 20)},
        {"w": entry("F32", ["5"], 0, 20)},
        {"w": entry("F99", [5], 0, 20)},
        {"v": entry("F32", [5], 0, 20), "w": entry("F32", [5], 0, 20)},
        {"w": {"dtype": "F32"}},
        {"w": 7},
        [],
        b"",
        b"{",
        b"\xff" * 30,
    ],
    ids=lambda header: str(header)[:70],
)
def test_a_header_that_does_not_fit_its_file_is_refused(header: object, tmp_path: Path) -> None:
    path = write(tmp_path / "w.safetensors", header, bytes(20))
    with pytest.raises((SafetensorError, OSError, ValueError)):
        TensorFile(path)


@pytest.mark.parametrize("length", [0, 2**32, 2**63, 2**64 - 1])
def test_a_header_of_an_absurd_length_is_refused(length: int, tmp_path: Path) -> None:
    header = {"w": entry("F32", [5], 0, 20)}
    path = write(tmp_path / "w.safetensors", header, bytes(20), length)
    with pytest.raises((SafetensorError, OSError, ValueError)):
        TensorFile(path)


def test_a_name_that_comes_twice_reaches_nothing_outside(tmp_path: Path) -> None:
    """Two parsers may each believe another of the two."""
    first, second = entry("F32", [5], 0, 20), entry("F32", [10**6], 0, 4 * 10**6)
    for one, other in ((first, second), (second, first)):
        header = f'{{"w": {json.dumps(one)}, "w": {json.dumps(other)}}}'.encode()
        path = write(tmp_path / "w.safetensors", header, bytes(20))
        try:
            array = TensorFile(path).array("w")
        except (SafetensorError, ValueError):
            continue
        assert array.nbytes <= 20


def test_a_type_that_cannot_be_computed_with_is_named(tmp_path: Path) -> None:
    write(tmp_path / "w.safetensors", {"w": entry("F8_E4M3", [20], 0, 20)}, bytes(20))
    with pytest.raises(TernError, match="F8_E4M3"):
        Checkpoint(tmp_path).tensor("w", (20,))
