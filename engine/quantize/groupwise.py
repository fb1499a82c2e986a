"""Weight-only int4, symmetric: one scale for each group of 32 weights along the input.

The value of code q (0..15) is (q - 8) * scale. The levels reach from -8 to +7, so the scale takes
the sign that puts the group's heavier end where they reach further. Scales have six binary digits
and, within a row, few exponents, so that a byte holds one: 4.25 bits a weight. As weights are
rounded to the grid that such a scale makes, it is hardly worse than an exact one.
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
_DIGITS = 6
_EXPONENTS = (
    3  # of a row's scales that have all digits; smaller ones are multiples of the same step
)
_REACH = 32  # from a row's greatest scale to one that is still told to an eighth
_LEAST_STEP = 2.0**-24  # the least float16 above 0
_GREATEST_SCALE = 64512.0  # the greatest of six digits
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
        best = best_scales(grouped, channels, scale_step(weight[rows])[:, None])
        codes[rows] = (levels_of(grouped, best[..., None]) + MIDDLE).flatten(1).to(torch.uint8)
        scales[rows] = best
    return GroupwiseInt4(codes, scales)


def scales_reach(weight: Tensor) -> bool:
    """Return whether the scales of every row [in] can be told with the few exponents they have.

    They cannot where one weight is so great that most groups' scales would be next to nothing
    beside its own. weight: [out, in], `in` a multiple of 32.
    """
    peaks = weight.unflatten(1, (-1, GROUP_SIZE)).abs().amax(-1)
    greatest = peaks.amax(1, keepdim=True)
    usual = torch.where(peaks > 0, peaks, greatest).median(1).values
    return bool((usual * _REACH >= greatest[:, 0]).all())


def kept_alive(importance: Tensor) -> Tensor:
    """Return `importance` raised a little: a channel that calibration never excited counts, too."""
    raised = importance + 1e-3 * importance.mean()
    return raised if raised.sum() > 0 else torch.ones_like(importance)


def scale_step(weight: Tensor) -> Tensor:
    """Return of what each row's scales are multiples, float32 [out]; weight: [out, in]."""
    greatest = weight.abs().amax(1).float() / min(map(abs, _PEAK_LEVELS))
    exponent = torch.frexp(greatest.clamp(_LEAST_STEP, _GREATEST_SCALE))[1]
    step = torch.ldexp(torch.ones_like(greatest), exponent - _EXPONENTS - _DIGITS + 1)
    return step.clamp(min=_LEAST_STEP)


def best_scales(values: Tensor, importance: Tensor, step: Tensor) -> Tensor:
    """Return the scale of each group that rounds it with the least weighted squared error.

    values: float32 [..., 32]; importance: float32, of a shape that goes with it; step: of what the
    scales are multiples, of a shape that goes with theirs. The result,
    float32 [...], is as it will be kept, so that codes can make up for the scale's own rounding.
    """
    peak = values.gather(-1, values.abs().argmax(-1, keepdim=True)).squeeze(-1)
    best_error = torch.full_like(peak, torch.inf)
    best = torch.ones_like(peak)
    for level in _PEAK_LEVELS:
        scale = _kept(peak / level, step)
        rounded = levels_of(values, scale[..., None]).mul_(scale[..., None])
        error = rounded.sub_(values).square_().mul_(importance).sum(-1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best = torch.where(better, scale, best)
    return best


def levels_of(values: Tensor, scales: Tensor) -> Tensor:
    """Return the level, -8..7 in float32, that lies nearest to each of `values`."""
    return (values / scales).round_().clamp_(LOWEST, HIGHEST)


def _kept(scale: Tensor, step: Tensor) -> Tensor:
    """Round to six binary digits and a multiple of `step`, to what can be divided by."""
    size = torch.maximum(scale.abs(), step).clamp(max=_GREATEST_SCALE)
    exponent = torch.frexp(size)[1]
    own_step = torch.ldexp(torch.ones_like(size), exponent - _DIGITS)
    step = torch.maximum(own_step, step)
    return (size / step).round_().mul_(step).copysign(scale)
