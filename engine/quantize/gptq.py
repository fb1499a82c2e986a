"""GPTQ (Frantar et al. 2022): int4 in which later weights make up for the rounding of earlier ones.

The squared error of a linear's output over calibration inputs X is, with the error E of its
weights, tr(E H E^T), H = X^T X. With H = L D L^T, L lower triangular with ones on its diagonal, it
is the sum over the columns k of D_k * |E_k + sum over j > k of E_j L_jk|^2. Going from the last
column to the first, the sum over j is known, and rounding W_k plus that sum leaves the least.
This is GPTQ without its inverse of H, the form that QuIP (Chee et al. 2023, section 3) proves to
be the same.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from engine.quantize.groupwise import (
    GROUP_SIZE,
    MIDDLE,
    GroupwiseInt4,
    best_scales,
    kept_alive,
    levels_of,
    quantise_int4,
    scale_step,
)

OnStep = Callable[[], None]
# How far the Hessian is drawn to its diagonal (as Ledoit and Wolf 2004 do with covariances): some
# thousand tokens know little of how thousands of channels go together. Between 0.05 and 0.3 the
# demo model's loss goes up and down by a tenth, as roundings fall.
_SHRINKAGE = 0.1
_DAMPING = 0.03  # of the mean of the diagonal, added to it
_ROWS = 1024  # outputs at a time: with 8192 inputs two seconds of work for one core
_FACTOR_BLOCK = 512


def quantise_gptq(
    weights: Sequence[Tensor], hessian: Tensor, on_step: OnStep
) -> list[GroupwiseInt4]:
    """Return `weights`, each [out, in], in int4; `in` a multiple of 32.

    hessian: the sum of x^T x over the inputs x that all of them share, float32 [in, in]. It is
    overwritten. on_step() is called every second or so; what it raises ends the work. Where the
    Hessian is of no use (no inputs, or some that are not finite) weights are rounded one by one.
    """
    importance = hessian.diagonal().clone()
    if not importance.isfinite().all():
        return [quantise_int4(weight) for weight in weights]
    importance = kept_alive(importance)
    factor = _unit_factor(_conditioned(hessian), on_step)
    if factor is None:
        return [quantise_int4(weight, importance) for weight in weights]
    return [_round(weight, factor, importance, on_step) for weight in weights]


def _conditioned(hessian: Tensor) -> Tensor:
    """Shrink and damp in place: positive definite, also with fewer tokens than channels."""
    diagonal = hessian.diagonal().clone()
    hessian.mul_(1 - _SHRINKAGE).diagonal().copy_(diagonal + _DAMPING * diagonal.mean())
    return hessian


def _unit_factor(hessian: Tensor, on_step: OnStep) -> Tensor | None:
    """Turn `hessian` into its L in place (the upper triangle is left as it is).

    Returns None where it is not positive definite. A Cholesky factorisation by blocks of columns,
    as one call for 8192 channels takes seconds in which nobody could stop it.
    """
    for start in range(0, len(hessian), _FACTOR_BLOCK):
        on_step()
        end = min(start + _FACTOR_BLOCK, len(hessian))
        block = hessian[start:, start:end]
        block -= hessian[start:, :start] @ hessian[start:end, :start].T
        corner, failed = torch.linalg.cholesky_ex(block[: end - start])
        if failed:
            return None
        block[: end - start] = corner
        below = block[end - start :]
        below[:] = torch.linalg.solve_triangular(corner.T, below, upper=True, left=False)
    return hessian.div_(hessian.diagonal().clone())


def _round(weight: Tensor, factor: Tensor, importance: Tensor, on_step: OnStep) -> GroupwiseInt4:
    codes = torch.empty(weight.shape, dtype=torch.uint8)
    scales = torch.empty(len(weight), weight.shape[1] // GROUP_SIZE, dtype=torch.float16)
    for start in range(0, len(weight), _ROWS):
        on_step()
        rows = slice(start, start + _ROWS)
        _round_rows(weight[rows], factor, importance, codes[rows], scales[rows])
    return GroupwiseInt4(codes, scales)


def _round_rows(
    weight: Tensor, factor: Tensor, importance: Tensor, codes: Tensor, scales: Tensor
) -> None:
    """Fill `codes` and `scales` of some rows of a weight, group by group from the last."""
    columns = weight.T.float().contiguous()  # [in, rows]: a column then lies in one piece
    error, step = torch.zeros_like(columns), scale_step(weight)
    for start in range(len(columns) - GROUP_SIZE, -1, -GROUP_SIZE):
        end = start + GROUP_SIZE
        group = slice(start, end)
        target = columns[group] + factor[end:, group].T @ error[end:]
        scale = best_scales(target.T, importance[group], step)
        for k in reversed(range(start, end)):
            level = levels_of(target[k - start], scale)
            error[k] = columns[k] - level * scale
            target[: k - start].addr_(factor[k, start:k], error[k])
            target[k - start] = level
        codes[:, group] = (target + MIDDLE).T
        scales[:, start // GROUP_SIZE] = scale
