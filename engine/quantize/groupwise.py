"""Weight-only int4: a scale and a zero for each group of 32 weights along the input.

The value of code q (0..15) is (q - 8) * scale + zero, the form that torch's int4 kernel takes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

GROUP_SIZE = 32
_LEVELS = 15
_MIDDLE = 8
# Fractions of a group's range to try: clipping the ends often costs less than it gains.
_SHRINK = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
_BLOCK = 2**17  # weights at a time: what is worked on then stays in the cache


@dataclass(frozen=True)
class GroupwiseInt4:
    """codes: uint8 [out, in], values 0..15; scales, zeros: bfloat16 [out, in / group_size]."""

    codes: Tensor
    scales: Tensor
    zeros: Tensor

    def dequantise(self) -> Tensor:
        """Return the weights that the codes stand for, float32 [out, in]."""
        rows, columns = self.codes.shape
        grouped = self.codes.view(rows, -1, columns // self.scales.shape[1]).float()
        values = (grouped - _MIDDLE) * self.scales.float()[..., None] + self.zeros.float()[
            ..., None
        ]
        return values.view(rows, columns)


def quantise_int4(weight: Tensor, importance: Tensor | None = None) -> GroupwiseInt4:
    """Return `weight` [out, in] in int4, `in` a multiple of 32.

    importance: mean square of each input channel, float32 [in]. Of several ranges per group the
    one is taken whose rounding errors, weighted by it, are least: the expected squared error of
    the output where inputs are uncorrelated (the diagonal of GPTQ's Hessian, Frantar et al. 2022).
    None weighs all channels alike.
    """
    columns = weight.shape[1]
    weights = torch.ones(columns) if importance is None else importance.float()
    # A channel that calibration never excited still deserves to be kept near its value.
    weights = (weights + 1e-3 * weights.mean()).view(1, -1, GROUP_SIZE)
    parts = [
        _quantise_rows(rows.float(), weights) for rows in weight.split(max(1, _BLOCK // columns))
    ]
    return GroupwiseInt4(
        *(torch.cat(tensors) for tensors in zip(*parts, strict=True)),
    )


def _quantise_rows(rows: Tensor, importance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    grouped = rows.view(rows.shape[0], -1, GROUP_SIZE)
    low, high = grouped.amin(-1), grouped.amax(-1)
    best_error = torch.full_like(low, torch.inf)
    best_codes = torch.zeros_like(grouped, dtype=torch.uint8)
    best_scale, best_zero = torch.zeros_like(low), torch.zeros_like(low)
    for shrink in _SHRINK:
        # Scale and zero are rounded to bf16 first, so that the codes make up for that rounding.
        scale = ((high - low) * shrink / _LEVELS).clamp(min=1e-8).bfloat16().float()
        middle = (high + low) / 2
        zero = (middle + scale / 2).bfloat16().float()
        codes = ((grouped - zero[..., None]) / scale[..., None]).round_() + _MIDDLE
        codes.clamp_(0, _LEVELS)
        values = (codes - _MIDDLE) * scale[..., None] + zero[..., None]
        error = ((values - grouped).square_() * importance).sum(-1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best_scale = torch.where(better, scale, best_scale)
        best_zero = torch.where(better, zero, best_zero)
        best_codes = torch.where(better[..., None], codes.to(torch.uint8), best_codes)
    return best_codes.view(rows.shape), best_scale.bfloat16(), best_zero.bfloat16()
