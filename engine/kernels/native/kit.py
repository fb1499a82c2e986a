"""Models on the compiled core: how their weights are stored and put together."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine import packing
from engine.assembly import OnProgress
from engine.hardware import Cpu
from engine.kernels.native import _core, packed
from engine.kernels.native.decoder import CoreDecoder, CoreLayer, PackedLinear, Table
from engine.messages import Precision
from engine.packing import under
from engine.source import Source
from engine.tensor_file import BF16, Array

if TYPE_CHECKING:
    from torch import Tensor

    from engine.quantize.layers import Rounded

_TABLES = (np.float32, np.float16, BF16)


def computes_with() -> str:
    """Return the instruction sets in use; TERN_ISA=avx2 holds the core to AVX2."""
    if os.environ.get("TERN_ISA", "").lower() == "avx2" and "avx2" in _core.isas():
        _core.set_isa("avx2")
    return _core.isa().upper()


@dataclass(frozen=True)
class CoreKit:
    """How models are stored and assembled for Tern's compiled core."""

    precision: Precision
    cpu: Cpu
    context_length: int

    @property
    def refines_logits(self) -> bool:
        """A packed model's head is int4, and only finds them."""
        return True

    def layout(self) -> str:
        """Return the name of the packed layout."""
        return packed.layout(self.precision)

    def pack(self, weights: "Rounded") -> Mapping[str, "Tensor"]:
        """Return rounded weights in the core's layout."""
        from engine.kernels.native.packing import pack

        return pack(weights)

    def pack_head(self, weights: "Rounded") -> Mapping[str, "Tensor"]:
        """Return the rounded head in the core's layout."""
        from engine.kernels.native.packing import pack, pack_head

        return pack_head(weights) if self.precision is Precision.INT4 else pack(weights)

    def published(self, source: Source, on_progress: OnProgress) -> CoreDecoder:
        """Return the decoder over the checkpoint's own bf16 weights, mapped."""
        config = source.config

        def layer(number: int) -> CoreLayer:
            on_progress("Reading weights", number, config.layers)
            linears = {
                n: packed.published(*source.linear(number, n)) for n in config.linear_shapes()
            }
            return CoreLayer(_floats(source.norms(number)), linears)

        layers = [layer(number) for number in range(config.layers)]
        return self._decoder(
            source, layers, source.final_norm(), packed.published(source.head(), None)
        )

    def packed(self, source: Source, folder: Path, on_progress: OnProgress) -> CoreDecoder:
        """Return the decoder over the packed weights in `folder`, mapped."""
        config, shapes = source.config, source.config.linear_shapes()

        def layer(number: int) -> CoreLayer:
            on_progress("Reading packed weights", number, config.layers)
            arrays = packing.read_packed(packing.layer_file(folder, number))
            linears = {}
            for name, shape in shapes.items():
                parts = under(name, arrays)
                linears[name] = packed.linear(parts, shape, parts.get("bias"))
            return CoreLayer(_floats(under("norms", arrays)), linears)

        layers = [layer(number) for number in range(config.layers)]
        last = packing.read_packed(packing.head_file(folder))
        shape = (config.vocab_size, config.hidden_size)
        parts = under("head", last)
        head = packed.linear(parts, shape, None)
        return self._decoder(source, layers, last["norm"], head, parts.get("int4_low"))

    def _decoder(
        self,
        source: Source,
        layers: Sequence[CoreLayer],
        final_norm: Array,
        head: PackedLinear,
        head_low: Array | None = None,
    ) -> CoreDecoder:
        return CoreDecoder(
            source.config,
            _table(source, source.embedding_name),
            layers,
            final_norm.astype(np.float32),
            head,
            self.context_length,
            self.cpu.threads,
            self.cpu.cores[: self.cpu.threads],
            head_low=head_low,
            exact_head=_table(source, source.head_name) if head.weight_dtype == "int4" else None,
        )


def _table(source: Source, name: str) -> Table:
    """Return the table `name` in a dtype of which the core reads rows."""
    values = source.table(name)
    if values.dtype not in _TABLES:
        return Table(values.astype(np.float32))
    path, begin = source.checkpoint.place(name)
    return Table(values, (str(path), begin))


def _floats(norms: Mapping[str, Array]) -> dict[str, Array]:
    return {name: norm.astype(np.float32) for name, norm in norms.items()}
