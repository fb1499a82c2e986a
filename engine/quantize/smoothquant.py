"""int8 SmoothQuant (Xiao et al. 2022): move activation outliers into the weights, then round both.

Weights: symmetric int8 with a scale for each output channel. Activations are rounded to int8 by
the kernel as they come.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ALPHA = 0.5  # how much of the outliers' range moves into the weights; the paper's own default
_INT8_MAX = 127
_BLOCK = 2**18  # weights at a time: what is worked on then stays in the cache


@dataclass(frozen=True)
class ChannelwiseInt8:
    """codes: int8 [out, in]; scales: float32 [out]. The value of code q is q * scale."""

    codes: Tensor
    scales: Tensor

    def dequantise(self) -> Tensor:
        """Return the weights that the codes stand for, float32 [out, in]."""
        return self.codes.float() * self.scales[:, None]


def smoothing_factors(
    activation_peak: Tensor, weights: Sequence[Tensor], alpha: float = ALPHA
) -> Tensor:
    """Return s [in] by which activations are divided and the weights' columns multiplied.

    s = max|X|^alpha / max|W|^(1 - alpha) per input channel (section 4 of the paper).
    activation_peak: float32 [in]; weights: those that share the input, each [out, in].
    """
    weight_peak = torch.stack([w.abs().amax(0).float() for w in weights]).amax(0)
    factors = activation_peak.clamp(min=1e-5) ** alpha / weight_peak.clamp(min=1e-5) ** (1 - alpha)
    return factors.clamp(min=1e-4, max=1e4)


def quantise_int8(weight: Tensor, factors: Tensor | None = None) -> ChannelwiseInt8:
    """Return `weight` [out, in], its columns multiplied by `factors` [in], rounded to int8."""
    rows_at_a_time = max(1, _BLOCK // weight.shape[1])
    parts = [_quantise_rows(rows.float(), factors) for rows in weight.split(rows_at_a_time)]
    codes, scales = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return ChannelwiseInt8(codes, scales)


def _quantise_rows(rows: Tensor, factors: Tensor | None) -> tuple[Tensor, Tensor]:
    if factors is not None:
        rows = rows * factors
    scales = (rows.abs().amax(1) / _INT8_MAX).clamp(min=1e-12)
    return (rows / scales[:, None]).round().clamp(-_INT8_MAX, _INT8_MAX).to(torch.int8), scales
