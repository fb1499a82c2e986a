"""Linear layers rounded to 8 or 4 bits and back: what quantization does to the answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from transformers import LlamaForCausalLM

GROUP = 32


def round_to_int8(weight: torch.Tensor) -> torch.Tensor:
    """The weight [out, in] rounded to symmetric 8 bits, a scale for each output channel."""
    exact = weight.float()
    scale = exact.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
    return (torch.round(exact / scale) * scale).to(weight.dtype)


def round_to_int4(weight: torch.Tensor) -> torch.Tensor:
    """The weight [out, in] rounded to asymmetric 4 bits in groups of GROUP inputs."""
    groups = weight.float().reshape(-1, GROUP)
    low = groups.amin(1, keepdim=True).clamp(max=0)
    scale = (groups.amax(1, keepdim=True).clamp(min=0) - low).clamp(min=1e-8) / 15
    zero = torch.round(-low / scale)
    codes = (torch.round(groups / scale) + zero).clamp(0, 15)
    return ((codes - zero) * scale).view_as(weight).to(weight.dtype)


@contextmanager
def rounded_weights(
    model: LlamaForCausalLM, rounding: Callable[[torch.Tensor], torch.Tensor] | None
) -> Iterator[None]:
    """Rounded linear layers inside (not the embedding), the exact weights again after it.

    In training, gradients pass the rounding unchanged: the straight-through estimator of
    Bengio et al., 2013, https://arxiv.org/abs/1308.3432
    """
    linears = [m for m in model.model.modules() if isinstance(m, torch.nn.Linear)]
    exact = [linear.weight.data for linear in linears]
    for linear in linears:
        if rounding:
            linear.weight.data = rounding(linear.weight.data)
    try:
        yield
    finally:
        for linear, weight in zip(linears, exact, strict=True):
            linear.weight.data = weight


PRECISIONS: dict[str, Callable[[torch.Tensor], torch.Tensor] | None] = {
    "bf16": None,
    "int8": round_to_int8,
    "int4": round_to_int4,
}
