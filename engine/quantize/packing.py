"""Quantised layers -> a folder of packed weights. Peak memory is one layer in float and packed."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from engine.assembly import Kit
from engine.packing import ALIGNMENT, head_file, layer_file
from engine.quantize.layers import QuantisedHead, QuantisedLayer
from engine.source import Source
from engine.store.packed import NATIVE_FORMAT, write_manifest
from engine.whole_folder import whole_folder


def pack(
    source: Source,
    parts: Iterable[QuantisedLayer | QuantisedHead],
    kit: Kit,
    folder: Path,
) -> None:
    """Write the quantised `parts` of `source` into `folder`, as `kit` lays them out.

    What `parts` raises leaves nothing behind. Raises UnwritableFolder where the disk is full or
    refuses.
    """
    with whole_folder(folder) as partial:
        for number, part in enumerate(parts):
            if isinstance(part, QuantisedHead):
                packed = _named("head", kit.pack_head(part.weight))
                _write({"norm": part.norm} | packed, head_file(partial))
            else:
                _write(_layer_tensors(part, kit), layer_file(partial, number))
            # What was read of the float weights would otherwise stay beside the next layer's.
            source.checkpoint.release()
        write_manifest(partial, source.checkpoint.folder, NATIVE_FORMAT)


def _write(tensors: dict[str, Tensor], file: Path) -> None:
    """Write a packed file whose data begin at a multiple of 64 bytes: that of the map's pages."""
    save_file(tensors, file, metadata={"padding": ""})
    with file.open("rb") as written:
        begin = 8 + int.from_bytes(written.read(8), "little")
    if begin % ALIGNMENT:
        save_file(tensors, file, metadata={"padding": " " * (-begin % ALIGNMENT)})


def _layer_tensors(layer: QuantisedLayer, kit: Kit) -> dict[str, Tensor]:
    tensors = _named("norms", layer.norms)
    for name, (weights, bias) in layer.linears.items():
        tensors |= _named(name, kit.pack(weights))
        if bias is not None:
            tensors[f"{name}.bias"] = bias
    return tensors


def _named(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{start}.{name}": tensor for name, tensor in tensors.items()}
