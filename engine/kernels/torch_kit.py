"""Models on torch's own operators: how their weights are stored and put together.

Slower than the compiled core, and there wherever torch is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine import packing
from engine.assembly import OnProgress
from engine.hardware import Cpu
from engine.kernels import torch_ops
from engine.messages import Precision
from engine.model import Decoder, DecoderLayer, Linear
from engine.packing import under
from engine.quantize.layers import Rounded
from engine.source import Source
from engine.torch_source import TorchSource, as_tensors


@dataclass(frozen=True)
class TorchKit:
    """torch's own operators: slower, and there wherever torch is."""

    precision: Precision
    cpu: Cpu
    context_length: int

    @property
    def refines_logits(self) -> bool:
        """Its heads are int8, and their logits stay."""
        return False

    def layout(self) -> str:
        """Return the name of the packed layout on this CPU."""
        return torch_ops.layout(self.precision)

    def pack(self, weights: Rounded) -> Mapping[str, Tensor]:
        """Return rounded weights as torch's operators take them."""
        return torch_ops.pack(weights)

    def pack_head(self, weights: Rounded) -> Mapping[str, Tensor]:
        """Return the rounded head, which is as any other linear here."""
        return self.pack(weights)

    def published(self, source: Source, on_progress: OnProgress) -> Decoder:
        """Return the decoder over the checkpoint's own weights, mapped where they are bf16."""
        config, make = source.config, torch_ops.Bf16Linear
        weights = TorchSource(source)

        def layer(number: int) -> DecoderLayer:
            on_progress("Reading weights", number, config.layers)
            linears = {n: make(*weights.linear(number, n)) for n in config.linear_shapes()}
            return DecoderLayer(_in(torch.bfloat16, weights.norms(number)), linears)

        return Decoder(
            config,
            weights.embedding().bfloat16(),
            [layer(number) for number in range(config.layers)],
            weights.final_norm().bfloat16(),
            make(weights.head(), None),
            self.context_length,
            torch.bfloat16,
        )

    def packed(self, source: Source, folder: Path, on_progress: OnProgress) -> Decoder:
        """Return the decoder over the packed weights in `folder`, mapped."""
        config, dtype = source.config, torch_ops.activation_dtype(self.precision)

        def linear(tensors: Mapping[str, Tensor], name: str) -> Linear:
            parts = under(name, tensors)
            bias = parts.pop("bias", None)
            if "weight" in parts:
                return torch_ops.Bf16Linear(parts["weight"], bias)
            return torch_ops.linear(self.precision, parts, bias, self.cpu)

        def layer(number: int) -> DecoderLayer:
            on_progress("Reading packed weights", number, config.layers)
            tensors = as_tensors(packing.read_packed(packing.layer_file(folder, number)))
            linears = {name: linear(tensors, name) for name in config.linear_shapes()}
            return DecoderLayer(_in(dtype, under("norms", tensors)), linears)

        last = as_tensors(packing.read_packed(packing.head_file(folder)))
        return Decoder(
            config,
            TorchSource(source).embedding(),
            [layer(number) for number in range(config.layers)],
            last["norm"].to(dtype),
            torch_ops.head(self.precision, under("head", last), self.cpu),
            self.context_length,
            dtype,
        )


def _in(dtype: torch.dtype, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.to(dtype) for name, tensor in tensors.items()}
