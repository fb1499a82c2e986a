"""Weight-only int4, symmetric: one scale for each group of 32 weights along the input.

The value of code q (0..15) is (q - 8) * scale, 4.5 bits a weight with a float16 scale. The levels
reach from -8 to +7, so the scale takes the sign that puts the group's heavier end where they reach
further.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

GROUP_SIZE = 32
MIDDLE = 8
LOWEST, HIGHEST = -8, 7
# Of a group's greatest weight, the level that it is to fall on: on either side, and beyond the
# last one, as clipping it often costs less than a finer step gains.
_PEAK_LEVELS = (-8.4, -8.0, -7.6, -7.2, -6.8, -6.4, -6.0, -5.6, 5.8, 6.2, 6.6, 7.0, 7.4)
_LEAST_SCALE = 2.0**-24  # the least float16 above 0
_GREATEST_SCALE = 65504.0  # the greatest
_BLOCK = 2**17  # weights at a time: what is worked on then stays in the cache


@dataclass(frozen=True)
class GroupwiseInt4:
    """codes: uint8 [out, in], values 0..15; scales: float16 [out, in / 32], of either sign."""

    codes: Tensor
    scales: Tensor

    def dequantise(self) -> Tensor:
        """Return the weights that the codes stand for, float32 [out, in]."""
        levels = (self.codes.float() - MIDDLE).view(*self.scales.shape, GROUP_SIZE)
        return (levels * self.scales.float()[..., None]).flatten(1)

    @property
    def zeros(self) -> Tensor:
        """Zeros in the shape and dtype of the scales, for a kernel that adds one to each group."""
        return torch.zeros_like(self.scales)

    def with_scales(self, dtype: torch.dtype) -> "GroupwiseInt4":
        """Return the same codes with the scales in another dtype."""
        return replace(self, scales=self.scales.to(dtype))


def quantise_int4(weight: Tensor, importance: Tensor | None = None) -> GroupwiseInt4:
    """Return `weight` [out, in] in int4, each weight rounded by itself; `in` a multiple of 32.

    importance: mean square of each input channel, float32 [in]. Of several scales per group the
    one is taken whose rounding errors, weighted by it, are least: the expected squared error of
    the output where inputs are uncorrelated (the diagonal of GPTQ's Hessian, Frantar et al. 2022).
    None weighs all channels alike.
    """
    columns = weight.shape[1]
    channels = torch.ones(columns) if importance is None else importance.float()
    channels = kept_alive(channels).view(-1, GROUP_SIZE)
    codes = torch.empty(weight.shape, dtype=torch.uint8)
    scales = torch.empty(len(weight), columns // GROUP_SIZE, dtype=torch.float16)
    for start in range(0, len(weight), max(1, _BLOCK // columns)):
        rows = slice(start, start + max(1, _BLOCK // columns))
        grouped = weight[rows].float().unflatten(1, (-1, GROUP_SIZE))
        best = best_scales(grouped, channels)
        codes[rows] = (levels_of(grouped, best[..., None]) + MIDDLE).flatten(1).to(torch.uint8)
        scales[rows] = best
    return GroupwiseInt4(codes, scales)


def kept_alive(importance: Tensor) -> Tensor:
    """Return `importance` raised a little: a channel that calibration never excited counts, too."""
    raised = importance + 1e-3 * importance.mean()
    return raised if raised.sum() > 0 else torch.ones_like(importance)


def best_scales(values: Tensor, importance: Tensor) -> Tensor:
    """Return the scale of each group that rounds it with the least weighted squared error.

    values: float32 [..., 32]; importance: float32, of a shape that goes with it. The result,
    float32 [...], holds float16's values, so that codes can make up for the scale's own rounding.
    """
    peak = values.gather(-1, values.abs().argmax(-1, keepdim=True)).squeeze(-1)
    best_error = torch.full_like(peak, torch.inf)
    best = torch.ones_like(peak)
    for level in _PEAK_LEVELS:
        scale = _float16(peak / level)
        rounded = levels_of(values, scale[..., None]).mul_(scale[..., None])
        error = rounded.sub_(values).square_().mul_(importance).sum(-1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best = torch.where(better, scale, best)
    return best


def levels_of(values: Tensor, scales: Tensor) -> Tensor:
    """Return the level, -8..7 in float32, that lies nearest to each of `values`."""
    return (values / scales).round_().clamp_(LOWEST, HIGHEST)


def _float16(scale: Tensor) -> Tensor:
    """Round to values that float16 has and that can be divided by."""
    size = scale.abs().clamp(_LEAST_SCALE, _GREATEST_SCALE)
    return size.copysign(scale).half().float()
