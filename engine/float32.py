"""The published weights computed in float32 throughout, on torch's operators: a reference.

Tern's bf16 is not quite this: bf16 weights, products of bf16 activations on some processors, and a
cache of 16 bits. Here nothing is rounded below float32. The weights are held in four bytes each.
"""

import torch
from torch import Tensor
from torch.nn import functional

from engine.assembly import OnProgress
from engine.messages import Proof
from engine.model import Decoder, DecoderLayer
from engine.source import Source
from engine.torch_source import TorchSource


class Float32Linear:
    """Weights and products in float32."""

    weight_dtype: str = "fp32"

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = weight.float()
        self._bias = None if bias is None else bias.float()

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self._weight.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b. x: [tokens, in]."""
        return functional.linear(x, self._weight, self._bias)


def in_float32(source: Source, context_length: int, on_progress: OnProgress) -> Decoder:
    """Return the decoder over the checkpoint's weights, widened."""
    config, weights = source.config, TorchSource(source)

    def layer(number: int) -> DecoderLayer:
        on_progress("Reading weights", number, config.layers)
        norms = {name: norm.float() for name, norm in weights.norms(number).items()}
        names = config.linear_shapes()
        return DecoderLayer(norms, {n: Float32Linear(*weights.linear(number, n)) for n in names})

    return Decoder(
        config,
        weights.embedding(),
        [layer(number) for number in range(config.layers)],
        weights.final_norm().float(),
        Float32Linear(weights.head(), None),
        context_length,
        torch.float32,
        torch.float32,
    )


def proof(decoder: Decoder) -> Proof:
    """Return the count of what the decoder holds."""
    linears = [linear for layer in decoder.layers for linear in layer.linears.values()]
    return Proof(
        quantised_layers=0,
        float_layers=sum(linear.weight_dtype == "fp32" for linear in (*linears, decoder.head)),
        weight_dtype="fp32",
        activation_dtype="fp32",
        method="published weights, computed in float32",
    )
