"""Weights to fewer bits: how near they stay, and that the kernels multiply by just those."""

import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from engine.calibration import calibration_sequences
from engine.hardware import Cpu
from engine.kernels import torch_ops
from engine.messages import Precision
from engine.model_config import ModelConfig
from engine.quantize import layers
from engine.quantize.calibration import Calibration, ObservedLinear
from engine.quantize.groupwise import GROUP_SIZE, quantise_int4, scale_step, scales_reach
from engine.quantize.smoothquant import quantise_int8, smoothing_factors

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WITH_VNNI = Cpu("A CPU", frozenset({"avx512_vnni"}), (0,))
WITHOUT_VNNI = Cpu("A CPU", frozenset(), (0,))


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return float((actual.float() - expected.float()).norm() / expected.float().norm())


weights = st.builds(
    lambda rows, groups, seed, spread, shift: (
        randn(rows, groups * GROUP_SIZE, seed=seed) * spread + shift
    ),
    rows=st.integers(1, 6),
    groups=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    spread=st.sampled_from([1e-6, 0.02, 1.0, 300.0]),
    shift=st.sampled_from([0.0, 0.01, -5.0]),
)


# -- int4 ----------------------------------------------------------------------------------------


def plain_int4(weight: Tensor) -> Tensor:
    """Each group rounded to -7..7 steps of a seventh of its greatest weight, same format."""
    grouped = weight.view(weight.shape[0], -1, GROUP_SIZE)
    scale, row_step = grouped.abs().amax(-1, keepdim=True) / 7, scale_step(weight)[:, None, None]
    step = torch.ldexp(torch.ones_like(scale), torch.frexp(scale)[1] - 6).maximum(row_step)
    scale = (scale / step).round().clamp(min=1) * step
    return ((grouped / scale).round().clamp(-7, 7) * scale).view(weight.shape)


@relaxed
@given(weights)
def test_int4_codes_are_of_four_bits_and_there_is_a_scale_for_each_group(weight: Tensor) -> None:
    quantised = quantise_int4(weight)
    assert quantised.codes.shape == weight.shape
    assert quantised.codes.dtype is torch.uint8
    assert quantised.codes.max() <= 15
    assert quantised.scales.shape == (weight.shape[0], weight.shape[1] // GROUP_SIZE)
    assert quantised.scales.dtype is torch.float16
    assert quantised.scales.isfinite().all() and (quantised.scales != 0).all()


def test_the_heavier_end_of_a_group_takes_the_side_that_reaches_further() -> None:
    group = torch.linspace(-7, 8, GROUP_SIZE)[None]
    for weight in (group, -group):
        quantised = quantise_int4(weight)
        assert quantised.scales.sign() == -weight.sum().sign()
        assert (quantised.dequantise() - weight).abs().max() <= 0.53


def test_the_rounding_of_scales_to_bf16_is_lost_in_that_of_the_weights() -> None:
    weight = randn(64, 256)
    quantised = quantise_int4(weight)
    coarser = quantised.with_scales(torch.bfloat16)
    assert coarser.scales.dtype is torch.bfloat16
    error, coarser_error = (relative_error(q.dequantise(), weight) for q in (quantised, coarser))
    assert coarser_error < 1.01 * error


@relaxed
@given(weights)
def test_an_int4_weight_that_was_not_clipped_is_within_half_a_step(weight: Tensor) -> None:
    quantised = quantise_int4(weight)
    steps = quantised.scales.abs().float().repeat_interleave(GROUP_SIZE, dim=1)
    inside = (quantised.codes > 0) & (quantised.codes < 15)
    error = (quantised.dequantise() - weight).abs()
    tiny = 1e-6 * weight.abs().max()  # float32's own rounding
    assert (error <= steps / 2 + tiny)[inside].all()


@relaxed
@given(weights, st.integers(0, 10**6))
def test_the_search_for_a_range_never_does_worse_than_plain_rounding(
    weight: Tensor, seed: int
) -> None:
    importance = randn(weight.shape[1], seed=seed).exp() ** 2
    # Channels that calibration never excited count a little, too.
    importance[::5] = 0
    counted = importance + 1e-3 * importance.mean()

    def weighted(rounded: Tensor) -> Tensor:
        errors = (rounded - weight).square() * counted
        return errors.view(weight.shape[0], -1, GROUP_SIZE).sum(-1)

    searched = weighted(quantise_int4(weight, importance).dequantise())
    assert (searched <= weighted(plain_int4(weight)) * 1.001 + 1e-12).all()


def test_the_search_for_a_range_gains_where_few_channels_matter() -> None:
    weight = randn(64, 256)
    importance = torch.full((256,), 0.01)
    importance[::8] = 10.0

    def weighted(rounded: Tensor) -> float:
        return float(((rounded - weight).square() * importance).sum())

    with_it = weighted(quantise_int4(weight, importance).dequantise())
    assert with_it < 0.9 * weighted(quantise_int4(weight).dequantise())


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 0.007, 1e-9, 1e4])
def test_constant_weights_stay_what_they_are_in_int4(value: float) -> None:
    rounded = quantise_int4(torch.full((16, 64), value)).dequantise()
    # A scale has six significant bits.
    assert (rounded - value).abs().max() <= abs(value) / 64 + 1e-8


def test_one_outlier_spoils_its_own_group_alone() -> None:
    weight = randn(16, 96) * 0.02
    clean = relative_error(quantise_int4(weight).dequantise(), weight)
    weight[3, 40] = 1.0
    assert scales_reach(weight)
    rounded = quantise_int4(weight).dequantise()
    others = [column for column in range(96) if not 32 <= column < 64]
    assert relative_error(rounded[:, others], weight[:, others]) < 1.2 * clean
    assert float(rounded[3, 40]) == pytest.approx(1.0, rel=0.35)


def test_a_weight_beyond_what_the_scales_of_a_row_can_tell_is_noticed() -> None:
    weight = randn(16, 96) * 0.02
    weight[3, 40] = 50.0
    assert not scales_reach(weight)
    weight[3, 40] = 0.0
    weight[5] = 0.0
    weight[6, :64] = 0.0  # groups without weights need no scale
    assert scales_reach(weight)


@pytest.mark.parametrize("columns", [32, 64, 576])
@pytest.mark.parametrize("rows", [16, 48, 64, 1536])
@pytest.mark.parametrize("tokens", [1, 2, 7, 65])
def test_the_int4_kernel_multiplies_by_the_rounded_weights(
    rows: int, columns: int, tokens: int
) -> None:
    quantised = quantise_int4(randn(rows, columns)).with_scales(torch.bfloat16)
    x, bias = randn(tokens, columns, seed=1).bfloat16(), randn(rows, seed=2)
    expected = x.float() @ quantised.dequantise().T
    packed = torch_ops.Int4Linear.pack(quantised)
    assert relative_error(torch_ops.Int4Linear(packed, None)(x), expected) < 0.01
    assert relative_error(torch_ops.Int4Linear(packed, bias)(x), expected + bias) < 0.01


def test_int4_is_rounded_alike_whatever_the_number_of_rows() -> None:
    weight, importance = randn(4000, 160), randn(160, seed=1).square()
    whole = quantise_int4(weight, importance)
    for some in (slice(0, 7), slice(3990, 4000)):
        assert torch.equal(whole.codes[some], quantise_int4(weight[some], importance).codes)


# -- int8 ----------------------------------------------------------------------------------------


@relaxed
@given(weights)
def test_an_int8_weight_is_within_half_a_step_of_its_channel(weight: Tensor) -> None:
    quantised = quantise_int8(weight)
    assert quantised.codes.dtype is torch.int8
    assert quantised.codes.abs().max() <= 127
    assert quantised.scales.shape == (len(weight),)
    error = (quantised.dequantise() - weight).abs()
    assert (error <= quantised.scales[:, None] * 0.501).all()
    assert torch.allclose(quantised.scales, weight.abs().amax(1) / 127, rtol=1e-5, atol=1e-11)


def test_factors_are_multiplied_into_the_columns() -> None:
    weight, factors = randn(20, 64), randn(64, seed=1).exp()
    with_factors, by_hand = quantise_int8(weight, factors), quantise_int8(weight * factors)
    assert torch.equal(with_factors.codes, by_hand.codes)
    assert torch.equal(with_factors.scales, by_hand.scales)


def int8_linear(weight: Tensor, bias: Tensor | None, cpu: Cpu = WITH_VNNI) -> torch_ops.Int8Linear:
    packed = torch_ops.Int8Linear.pack(quantise_int8(weight))
    linear = torch_ops.linear(Precision.INT8, packed, bias, cpu)
    assert isinstance(linear, torch_ops.Int8Linear)
    return linear


@pytest.mark.parametrize(("cpu", "limit"), [(WITH_VNNI, 0.015), (WITHOUT_VNNI, 0.025)])
@pytest.mark.parametrize(("rows", "columns"), [(16, 32), (48, 200), (33, 100), (1000, 576)])
@pytest.mark.parametrize("tokens", [1, 40])
def test_the_int8_kernel_is_near_the_float_product(
    rows: int, columns: int, tokens: int, cpu: Cpu, limit: float
) -> None:
    weight, bias = randn(rows, columns), randn(rows, seed=1)
    x = randn(tokens, columns, seed=2)
    assert relative_error(int8_linear(weight, None, cpu)(x), x @ weight.T) < limit
    assert relative_error(int8_linear(weight, bias, cpu)(x), x @ weight.T + bias) < limit


@pytest.mark.parametrize("cpu", [WITH_VNNI, WITHOUT_VNNI])
def test_the_int8_kernel_does_not_saturate_at_its_extremes(cpu: Cpu) -> None:
    """All products of one sign and of the greatest size: 16-bit sums would overflow."""
    weight, x = torch.full((32, 512), 0.5), torch.full((3, 512), 8.0)
    x[0] *= -1
    assert relative_error(int8_linear(weight, None, cpu)(x), x @ weight.T) < 0.01
    x[:, ::2] *= -1
    weight[:, ::2] *= -1
    assert relative_error(int8_linear(weight, None, cpu)(x), x @ weight.T) < 0.01


def test_rows_of_zeros_give_zeros() -> None:
    weight = randn(32, 64)
    weight[5] = 0
    y = int8_linear(weight, None)(randn(4, 64, seed=1))
    assert (y[:, 5] == 0).all()
    assert int8_linear(weight, None)(torch.zeros(2, 64)).abs().max() == 0


def test_an_outlier_among_the_weights_spoils_its_own_row_alone() -> None:
    weight, x = randn(32, 64), randn(8, 64, seed=1)
    weight[7, 3] = 1000.0
    y, expected = int8_linear(weight, None)(x), x @ weight.T
    others = [row for row in range(32) if row != 7]
    assert relative_error(y[:, others], expected[:, others]) < 0.015
    assert relative_error(y[:, 7], expected[:, 7]) < 0.05


@pytest.mark.parametrize(("rows", "columns"), [(16, 32), (2049, 64), (51, 128)])
@pytest.mark.parametrize("tokens", [1, 5])
def test_the_head_of_an_int4_model_multiplies_by_the_rounded_weights(
    rows: int, columns: int, tokens: int
) -> None:
    quantised = quantise_int8(randn(rows, columns))
    x = randn(tokens, columns, seed=1).bfloat16()
    head = torch_ops.head(Precision.INT4, torch_ops.Int8Linear.pack(quantised), WITH_VNNI)
    assert relative_error(head(x), x.float() @ quantised.dequantise().T) < 0.01


# -- SmoothQuant ---------------------------------------------------------------------------------

CONFIG = ModelConfig(
    architecture="LlamaForCausalLM",
    vocab_size=100,
    hidden_size=64,
    intermediate_size=96,
    layers=1,
    heads=8,
    kv_heads=2,
    head_dim=16,
    max_context=64,
    norm_eps=1e-6,
    rope_theta=10_000.0,
    rope_factor=1.0,
    llama3_scaling=None,
    tied_head=True,
    qkv_bias=False,
    attention_bias=True,
    mlp_bias=True,
    qk_norm=False,
)
SHAPES = {
    "gqa, biases everywhere": CONFIG,
    "mha, no biases": dataclasses.replace(
        CONFIG, kv_heads=8, head_dim=8, attention_bias=False, mlp_bias=False
    ),
    "gqa, head norms": dataclasses.replace(CONFIG, attention_bias=False, qk_norm=True),
    "one kv head, qkv biases": dataclasses.replace(
        CONFIG, kv_heads=1, attention_bias=False, qkv_bias=True
    ),
}
Layer = tuple[dict[str, Tensor], dict[str, ObservedLinear]]


def random_layer(config: ModelConfig, outliers: bool = False) -> Layer:
    norms = {
        name: 1 + 0.2 * randn(config.hidden_size, seed=seed)
        for seed, name in enumerate(("input_layernorm", "post_attention_layernorm"))
    }
    if outliers:
        for norm in norms.values():
            norm[::16] *= 40
    if config.qk_norm:
        norms |= {f"self_attn.{n}_norm": 1 + 0.2 * randn(config.head_dim) for n in "qk"}
    linears = {}
    for seed, (name, shape) in enumerate(config.linear_shapes().items()):
        bias = randn(shape[0], seed=50 + seed) if config.has_bias(name) else None
        linears[name] = ObservedLinear(randn(*shape, seed=10 + seed) / shape[1] ** 0.5, bias)
    return norms, linears


def run_layer(config: ModelConfig, layer: Layer) -> Tensor:
    calibration = Calibration(config, randn(config.vocab_size, config.hidden_size), [SEQUENCE])
    calibration.run(*layer)
    return calibration.hidden[0]


SEQUENCE = [(7 * n) % 100 for n in range(48)]


@pytest.mark.parametrize("shape", SHAPES)
def test_smoothing_leaves_the_output_of_a_layer_as_it_was(shape: str) -> None:
    config = SHAPES[shape]
    layer = random_layer(config, outliers=True)
    before = run_layer(config, layer)
    weights = {name: linear.weight.clone() for name, linear in layer[1].items()}
    layers.smooth(*layer, config)
    assert all(not torch.equal(layer[1][name].weight, weights[name]) for name in weights)
    assert relative_error(run_layer(config, layer), before) < 1e-5


@pytest.mark.parametrize("shape", SHAPES)
def test_smoothing_brings_activations_and_weights_nearer_to_each_other(shape: str) -> None:
    config = SHAPES[shape]
    norms, linears = random_layer(config, outliers=True)
    run_layer(config, (norms, linears))
    unevenness = {name: linear.peak.max() / linear.peak.mean() for name, linear in linears.items()}
    layers.smooth(norms, linears, config)
    fresh = {name: ObservedLinear(lin.weight, lin.bias) for name, lin in linears.items()}
    run_layer(config, (norms, fresh))
    for name in ("self_attn.q_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj"):
        assert fresh[name].peak.max() / fresh[name].peak.mean() < 0.6 * unevenness[name], name


@pytest.mark.parametrize("cpu", [WITH_VNNI, WITHOUT_VNNI])
def test_smoothing_lowers_the_error_of_int8_where_activations_have_outliers(cpu: Cpu) -> None:
    x, weight = randn(64, 128), randn(96, 128, seed=1)
    x[:, ::32] *= 60
    exact = functional.linear(x, weight)
    factors = smoothing_factors(x.abs().amax(0), [weight])
    plain = int8_linear(weight, None, cpu)(x)
    smooth = int8_linear(weight * factors, None, cpu)(x / factors)
    # Seen without the outliers' own share, which is large and exact in both.
    small = x.clone()
    small[:, ::32] = 0
    scale = functional.linear(small, weight).norm()
    assert (smooth - exact).norm() / scale < 0.4 * (plain - exact).norm() / scale


def test_smoothing_factors_are_those_of_the_paper() -> None:
    peak, first, second = torch.tensor([4.0, 1.0, 0.0]), randn(5, 3), randn(7, 3, seed=1)
    greatest = torch.cat((first, second)).abs().amax(0)
    factors = smoothing_factors(peak, [first, second], alpha=0.5)
    assert torch.allclose(factors[:2], (peak / greatest).sqrt()[:2])
    assert factors.isfinite().all() and (factors > 0).all()
    assert torch.allclose(smoothing_factors(peak, [first], alpha=1.0)[:2], peak[:2])


# -- calibration ---------------------------------------------------------------------------------


def test_statistics_are_those_of_all_inputs_together() -> None:
    linear = ObservedLinear(randn(3, 8), None)
    parts = [randn(5, 8, seed=1), randn(2, 8, seed=2) * 3]
    for part in parts:
        linear(part)
    whole = torch.cat(parts)
    assert torch.allclose(linear.peak, whole.abs().amax(0))
    assert linear.hessian is None


def test_the_hessian_is_that_of_all_inputs_together() -> None:
    linear = ObservedLinear(randn(3, 8), None, keeps_hessian=True)
    parts = [randn(5, 8, seed=1), randn(2, 8, seed=2) * 3]
    for part in parts:
        linear(part)
    whole = torch.cat(parts)
    assert linear.hessian is not None
    assert torch.allclose(linear.hessian, whole.T @ whole, atol=1e-5)


@pytest.mark.parametrize(("length", "samples"), [(10, 3), (64, 48), (10_000, 1)])
@pytest.mark.parametrize("tokens", [2, 257, 5000])
def test_calibration_sequences_are_as_many_and_as_long_as_asked_for(
    tokens: int, length: int, samples: int
) -> None:
    ids = list(range(tokens))
    sequences = calibration_sequences(ids, length, samples)
    assert 1 <= len(sequences) <= samples
    assert all(2 <= len(sequence) <= length for sequence in sequences)
    joined = [token for sequence in sequences for token in sequence]
    assert joined == ids[: len(joined)]
