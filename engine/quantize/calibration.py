"""What activations look like: per-channel statistics of the inputs of each linear.

Gathered one layer at a time over a calibration text, in float32, so that no more than one layer
of float weights is in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from engine.model import Decoder, DecoderLayer, embed
from engine.model_config import ModelConfig


class ObservedLinear:
    """A float32 linear that remembers, per input channel, the peak and the mean square."""

    weight_dtype = "fp32"

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight = weight.float()
        self.bias = None if bias is None else bias.float()
        self.peak = torch.zeros(weight.shape[1])
        self._square_sum = torch.zeros(weight.shape[1])
        self._rows = 0

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self.weight.nbytes

    @property
    def mean_square(self) -> Tensor:
        """Mean square of each input channel so far, float32 [in]."""
        return self._square_sum / max(1, self._rows)

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b, and take note of x [tokens, in]."""
        self.peak = torch.maximum(self.peak, x.abs().amax(0))
        self._square_sum += x.square().sum(0)
        self._rows += x.shape[0]
        return functional.linear(x, self.weight, self.bias)


class Calibration:
    """The calibration sequences on their way through the layers."""

    def __init__(
        self, config: ModelConfig, embedding: Tensor, sequences: Sequence[list[int]]
    ) -> None:
        longest = max(map(len, sequences))
        one_layer = replace(config, layers=1)
        unused = ObservedLinear(torch.zeros(1, 1), None)
        self._runner = Decoder(
            one_layer, embedding, [], torch.ones(1), unused, longest, torch.float32, torch.float32
        )
        self.hidden = [embed(ids, embedding).float() for ids in sequences]

    def run(self, norms: Mapping[str, Tensor], linears: Mapping[str, ObservedLinear]) -> None:
        """Take every sequence through one layer; its linears observe."""
        layer = DecoderLayer({name: norm.float() for name, norm in norms.items()}, linears)
        self.hidden = [self._runner.run_layer(layer, 0, h, start=0) for h in self.hidden]


def calibration_sequences(ids: Sequence[int], length: int, samples: int) -> list[list[int]]:
    """Cut a text's token ids into up to `samples` sequences of up to `length`."""
    cuts = [list(ids[i : i + length]) for i in range(0, len(ids), length)]
    return [cut for cut in cuts if len(cut) > 1][:samples]
