"""Packed weights on disk, written once for a set of kernels and read back mapped.

A packed model is a folder of one .safetensors file a layer, one for the head, and a manifest
that says what it was made from. It exists only when it is whole. Peak memory is one layer in float
and its packed form.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.checkpoint import fingerprint
from engine.quantize.layers import QuantisedHead, QuantisedLayer, Rounded
from engine.source import Source
from engine.store.hub_cache import identity
from engine.store.packed import NATIVE_FORMAT, has_manifest, write_manifest
from engine.whole_folder import cache_folder, whole_folder

_ALIGNMENT = 64  # bytes: a cache line, and the widest vector

PackWeights = Callable[[Rounded], Mapping[str, Tensor]]


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


def read_packed(file: Path) -> dict[str, Tensor]:
    """Return the tensors of one packed file, mapped. Raises SafetensorError or OSError."""
    handle = safe_open(str(file), framework="pt", device="cpu")
    tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    # Odd shapes can leave a tensor where torch's kernels, which load by aligned vectors, crash.
    return {n: t if t.data_ptr() % _ALIGNMENT == 0 else t.clone() for n, t in tensors.items()}


def _write_packed(tensors: dict[str, Tensor], file: Path) -> None:
    """Write a packed file whose data begin at a multiple of 64 bytes: that of the map's pages."""
    save_file(tensors, file, metadata={"padding": ""})
    with file.open("rb") as written:
        begin = 8 + int.from_bytes(written.read(8), "little")
    if begin % _ALIGNMENT:
        save_file(tensors, file, metadata={"padding": " " * (-begin % _ALIGNMENT)})


def layer_file(folder: Path, number: int) -> Path:
    """Return the file of a packed layer."""
    return folder / f"layer-{number:03}.safetensors"


def head_file(folder: Path) -> Path:
    """Return the file of the packed head and the last norm."""
    return folder / "head.safetensors"


def pack(
    source: Source,
    parts: Iterable[QuantisedLayer | QuantisedHead],
    pack_weights: PackWeights,
    folder: Path,
) -> None:
    """Write the quantised `parts` of `source` into `folder`, as `pack_weights` lays them out.

    What `parts` raises leaves nothing behind. Raises UnwritableFolder where the disk is full or
    refuses.
    """
    with whole_folder(folder) as partial:
        for number, part in enumerate(parts):
            if isinstance(part, QuantisedHead):
                packed = _named("head", pack_weights(part.weight))
                _write_packed({"norm": part.norm} | packed, head_file(partial))
            else:
                _write_packed(_layer_tensors(part, pack_weights), layer_file(partial, number))
        write_manifest(partial, source.checkpoint.folder, NATIVE_FORMAT)


def _layer_tensors(layer: QuantisedLayer, pack_weights: PackWeights) -> dict[str, Tensor]:
    tensors = _named("norms", layer.norms)
    for name, (weights, bias) in layer.linears.items():
        tensors |= _named(name, pack_weights(weights))
        if bias is not None:
            tensors[f"{name}.bias"] = bias
    return tensors


def _named(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{start}.{name}": tensor for name, tensor in tensors.items()}


def copies(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return copies in `dtype`: a small tensor left mapped would keep its whole file mapped."""
    return {name: tensor.to(dtype, copy=True) for name, tensor in tensors.items()}


def under(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `start` and a dot, without them."""
    start = f"{start}."
    return {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}
