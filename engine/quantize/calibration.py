"""What activations look like: statistics of the inputs of each linear.

Gathered one layer at a time over a calibration text, in float32, so that no more than one layer
of float weights is in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from engine.model import Decoder, DecoderLayer, embed
from engine.model_config import ModelConfig


class ObservedLinear:
    """A float32 linear that remembers the peak of each input channel.

    With `keeps_hessian` also the Hessian, float32 [in, in]: the sum of x^T x over its inputs.
    """

    weight_dtype = "fp32"

    def __init__(self, weight: Tensor, bias: Tensor | None, keeps_hessian: bool = False) -> None:
        self.weight = weight.float()
        self.bias = None if bias is None else bias.float()
        self.peak = torch.zeros(weight.shape[1])
        columns = weight.shape[1]
        self.hessian = torch.zeros(columns, columns) if keeps_hessian else None

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self.weight.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b, and take note of x [tokens, in]."""
        self.peak = torch.maximum(self.peak, x.abs().amax(0))
        if self.hessian is not None:
            self.hessian.addmm_(x.T, x)
        return functional.linear(x, self.weight, self.bias)


class Calibration:
    """The calibration sequences on their way through the layers."""

    def __init__(
        self, config: ModelConfig, embedding: Tensor, sequences: Sequence[list[int]]
    ) -> None:
        longest = max(map(len, sequences), default=1)
        one_layer = replace(config, layers=1)
        unused = ObservedLinear(torch.zeros(1, 1), None)
        self._runner = Decoder(
            one_layer, embedding, [], torch.ones(1), unused, longest, torch.float32, torch.float32
        )
        self.hidden = [embed(ids, embedding).float() for ids in sequences]

    def run(
        self,
        norms: Mapping[str, Tensor],
        linears: Mapping[str, ObservedLinear],
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        """Take every sequence through one layer; its linears observe.

        on_step() is called before each sequence; what it raises ends the work.
        """
        layer = DecoderLayer({name: norm.float() for name, norm in norms.items()}, linears)
        for number, hidden in enumerate(self.hidden):
            on_step()
            self.hidden[number] = self._runner.run_layer(layer, 0, hidden, start=0)
