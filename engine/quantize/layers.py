"""One layer of float weights at a time -> its quantised form, calibrated as it goes.

Knows how the linears of a layer share their inputs; not how kernels store them, and no files.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from engine.messages import Precision
from engine.model import rms_norm
from engine.model_config import ModelConfig
from engine.quantize.calibration import Calibration, ObservedLinear
from engine.quantize.gptq import quantise_gptq
from engine.quantize.groupwise import GROUP_SIZE, GroupwiseInt4, quantise_int4, scales_reach
from engine.quantize.smoothquant import (
    ALPHA,
    ChannelwiseInt8,
    quantise_int8,
    smoothing_factors,
)
from engine.source import Source
from engine.torch_source import TorchSource

# Rounded weights, or float ones [out, in] where a shape cannot be rounded.
Rounded: TypeAlias = GroupwiseInt4 | ChannelwiseInt8 | Tensor
OnStep = Callable[[int, int], None]

_Q, _K, _V, _O = (f"self_attn.{name}_proj" for name in "qkvo")
_GATE, _UP, _DOWN = (f"mlp.{name}_proj" for name in ("gate", "up", "down"))
_SHARED_INPUT = ((_Q, _K, _V), (_O,), (_GATE, _UP), (_DOWN,))


@dataclass(frozen=True)
class QuantisedLayer:
    """A layer's norms in float32, and its linears by name: (weights, bias or None)."""

    norms: Mapping[str, Tensor]
    linears: Mapping[str, tuple[Rounded, Tensor | None]]


@dataclass(frozen=True)
class QuantisedHead:
    """The last norm in float32 and the output head."""

    norm: Tensor
    weight: Rounded


def quantised_parts(
    source: Source,
    precision: Precision,
    sequences: Sequence[list[int]],
    alpha: float,
    rough_head: bool,
    on_step: OnStep,
) -> Iterator[QuantisedLayer | QuantisedHead]:
    """Yield the layers in order, then the head.

    sequences: token ids to calibrate on. Without any it is quick and less exact: int8 is not
    smoothed, int4 not corrected (GPTQ). rough_head: the head is int4, for kernels that compute the
    likeliest logits again; else it is int8, as it decides. on_step(done, total) is called before
    each part and every second or so within one; what it raises ends the work.
    """
    config, weights = source.config, TorchSource(source)
    calibration = Calibration(config, weights.embedding(), sequences)
    for number in range(config.layers):
        step = functools.partial(on_step, number, config.layers + 1)
        step()
        yield _layer(weights, number, precision, calibration, alpha, step)
    step = functools.partial(on_step, config.layers, config.layers + 1)
    step()
    if rough_head and config.hidden_size % GROUP_SIZE == 0:
        yield _int4_head(weights, calibration, step)
    else:
        yield _int8_head(weights, precision, calibration, alpha)


def _layer(
    source: TorchSource,
    number: int,
    precision: Precision,
    calibration: Calibration,
    alpha: float,
    step: Callable[[], None],
) -> QuantisedLayer:
    config, calibrated = source.config, bool(calibration.hidden)
    gptq = precision is Precision.INT4 and calibrated
    leaders = {names[0] for names in _SHARED_INPUT} if gptq else set()
    norms = {name: norm.float() for name, norm in source.norms(number).items()}
    linears = {
        name: ObservedLinear(*source.linear(number, name), keeps_hessian=name in leaders)
        for name in config.linear_shapes()
    }
    calibration.run(norms, linears, step)
    if precision is Precision.INT8 and calibrated:
        smooth(norms, linears, config, alpha)
    rounded: dict[str, tuple[Rounded, Tensor | None]] = {}
    for names in _SHARED_INPUT:
        group = [linears.pop(name) for name in names]
        weights = _int8(group) if precision is Precision.INT8 else _int4(group, step)
        rounded |= {
            name: (weight, linear.bias)
            for name, weight, linear in zip(names, weights, group, strict=True)
        }
    return QuantisedLayer(norms, rounded)


def _int8(linears: Sequence[ObservedLinear]) -> list[Rounded]:
    return [quantise_int8(linear.weight) for linear in linears]


def _int4(linears: Sequence[ObservedLinear], step: Callable[[], None]) -> list[Rounded]:
    """Round linears that share an input, or leave them in float where int4 cannot hold them."""
    weights, hessian = [linear.weight for linear in linears], linears[0].hessian
    if weights[0].shape[1] % GROUP_SIZE or not all(map(scales_reach, weights)):
        return list(weights)
    if hessian is None:
        return [quantise_int4(weight) for weight in weights]
    return list(quantise_gptq(weights, hessian, step))


def _int4_head(
    source: TorchSource, calibration: Calibration, step: Callable[[], None]
) -> QuantisedHead:
    """Return the head rounded as an int4 layer's linears; its input is what the last norm gives.

    Without a copy in float32, which of a large vocabulary is more than the rest takes.
    """
    norm, weight, size = source.final_norm().float(), source.head(), source.config.hidden_size
    if not calibration.hidden:
        return QuantisedHead(norm, quantise_int4(weight))
    hessian = torch.zeros(size, size)
    for hidden in calibration.hidden:
        step()
        x = rms_norm(hidden, norm, source.config.norm_eps)
        hessian.addmm_(x.T, x)
    return QuantisedHead(norm, quantise_gptq([weight], hessian, step)[0])


def _int8_head(
    source: TorchSource, precision: Precision, calibration: Calibration, alpha: float
) -> QuantisedHead:
    norm, weight = source.final_norm().float(), source.head()
    factors = None
    if precision is Precision.INT8 and calibration.hidden:
        eps = source.config.norm_eps
        peaks = [rms_norm(hidden, norm, eps).abs().amax(0) for hidden in calibration.hidden]
        peak = functools.reduce(lambda a, b: a.maximum(b), peaks)
        factors = smoothing_factors(peak, [weight], alpha)
        norm = norm / factors
    return QuantisedHead(norm, quantise_int8(weight, factors))


def smooth(
    norms: dict[str, Tensor],
    linears: Mapping[str, ObservedLinear],
    config: ModelConfig,
    alpha: float = ALPHA,
) -> None:
    """Apply SmoothQuant's factors to a layer's observed float32 weights, in place.

    The divisions go into what makes the activations: the norm before q, k, v and before gate,
    up; the rows of up before down; the rows of v before the output projection, where the heads
    that share a kv head share its factors. So they cost nothing at run time.
    """
    down = linears[_DOWN]
    factors = smoothing_factors(down.peak, [down.weight], alpha)
    _divide_rows(linears[_UP], factors)
    down.weight = down.weight * factors
    out, value = linears[_O], linears[_V]
    groups = config.heads // config.kv_heads

    def per_kv_head(peaks: Tensor) -> Tensor:
        return peaks.view(config.kv_heads, groups, config.head_dim).amax(1)

    factors = smoothing_factors(
        per_kv_head(out.peak).flatten(),
        [per_kv_head(out.weight.abs().amax(0)).flatten()[None]],
        alpha,
    )
    _divide_rows(value, factors)
    by_head = factors.view(config.kv_heads, 1, config.head_dim).expand(-1, groups, -1)
    out.weight = out.weight * by_head.reshape(1, -1)
    for norm, names in (
        ("input_layernorm", (_Q, _K, _V)),
        ("post_attention_layernorm", (_GATE, _UP)),
    ):
        group = [linears[name] for name in names]
        factors = smoothing_factors(group[0].peak, [linear.weight for linear in group], alpha)
        norms[norm] = norms[norm] / factors
        for linear in group:
            linear.weight = linear.weight * factors


def _divide_rows(linear: ObservedLinear, factors: Tensor) -> None:
    linear.weight = linear.weight / factors[:, None]
    if linear.bias is not None:
        linear.bias = linear.bias / factors
