"""The compiled linears on every instruction set of this CPU, against numpy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

core = pytest.importorskip("engine.kernels.native._core")

Array = np.ndarray[Any, Any]
GROUP = 32
FORMATS = ("Bf16", "Int8", "Int4", "Int4High", "Bf16Rows")
# No multiple of a group (32), of a panel (16) or of a tile among them, and some that are.
SHAPES = [(1, 1), (13, 40), (16, 64), (48, 32), (100, 200), (33, 576)]


@pytest.fixture(params=core.isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Force one instruction set for the test."""
    before = core.isa()
    core.set_isa(request.param)
    yield request.param
    core.set_isa(before)


@pytest.fixture(scope="module")
def team() -> Any:
    return core.Team(2)


def to_bf16(x: Array) -> Array:
    """Return x rounded to bfloat16 (nearest, ties to even), as float32."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def to_int8(x: Array) -> Array:
    """Return x rounded to int8 codes with a scale per row, and back."""
    peak = np.abs(x).max(-1, keepdims=True)
    inverse = np.float32(127) / np.where(peak > 0, peak, np.float32(np.inf))
    return np.rint(x * inverse) * (peak * np.float32(1 / 127))


def grouped(x: Array) -> Array:
    """Return x [rows, in] as [rows, groups, 32], padded with zeros."""
    padding = -x.shape[-1] % GROUP
    return np.pad(x, ((0, 0), (0, padding))).reshape(len(x), -1, GROUP)


def rounded(format_name: str, x: Array) -> Array:
    """Return the activations as the kernels see them, float32 [tokens, in]."""
    if format_name in {"Bf16", "Bf16Rows"}:
        return to_bf16(x)
    if format_name == "Int8":
        return to_int8(x)
    return to_int8(grouped(x)).reshape(len(x), -1)[:, : x.shape[1]]


@dataclass
class Case:
    """A linear, its weights [out, in] and bias [out] in float32."""

    format_name: str
    linear: Any
    weights: Array
    bias: Array

    def multiply(self, team: Any, x: Array) -> Array:
        """Return what the kernels make of x [tokens, in]."""
        return core.multiply(team, [self.linear], np.ascontiguousarray(x, dtype=np.float32))[0]

    def expected(self, x: Array) -> Array:
        """Return the product of the rounded activations, in float64."""
        exact = rounded(self.format_name, x).astype(np.float64) @ self.weights.T.astype(np.float64)
        return exact + self.bias

    def tolerance(self, x: Array) -> Array:
        """Return the error that adding products in float32 may make, [tokens, out]."""
        return 1e-5 * (np.abs(x) @ np.abs(self.weights.T) + 1)


def kept(scales: Array) -> Array:
    """Return scales [rows, groups] as the core keeps them, float32.

    To six binary digits, and to fewer below an eighth of the row's greatest.
    """

    def exponent(x: Array) -> Array:
        return np.frexp(x)[1] - 1

    def to_six_digits(x: Array, least: Array) -> Array:
        step = np.exp2(np.maximum(exponent(x), least) - 5.0).astype(np.float32)
        return np.rint(x / step) * step

    exact = scales.astype(np.float32)
    greatest = np.abs(exact).max(1, keepdims=True)
    top = exponent(to_six_digits(greatest, exponent(greatest)))
    return to_six_digits(exact, top - 2)


def shifted(weights: Array) -> Array:
    """Return the bytes of `weights`, lying two bytes after an address that any vector could use."""
    memory = np.zeros(weights.nbytes + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64 + 2
    moved = memory[start : start + weights.nbytes]
    moved[:] = weights.reshape(-1).view(np.uint8)
    return moved


def make_case(format_name: str, out: int, inputs: int, seed: int = 0) -> Case:
    rng = np.random.default_rng(seed)
    if format_name.startswith("Int4"):
        codes = rng.integers(0, 16, (out, inputs), dtype=np.uint8)
        scales = rng.normal(0, 0.1, (out, -(-inputs // GROUP))).astype(np.float16)
        is_whole = format_name == "Int4"
        levels = codes.astype(np.float32) - 8 if is_whole else codes // 4 * np.float32(4) - 6.5
        weights = levels * np.repeat(kept(scales), GROUP, 1)[:, :inputs]
        pack = core.pack_int4 if is_whole else core.pack_int4_high
        packed = pack(codes, scales.view(np.uint16))
    elif format_name == "Int8":
        codes8 = rng.integers(-127, 128, (out, inputs), dtype=np.int8)
        scales8 = rng.uniform(0.001, 0.01, out).astype(np.float32)
        weights = codes8 * scales8[:, None]
        packed = core.pack_int8(codes8, scales8)
    else:
        weights = to_bf16(rng.standard_normal((out, inputs), dtype=np.float32))
        bits = (weights.view(np.uint32) >> 16).astype(np.uint16)
        packed = shifted(bits) if format_name == "Bf16Rows" else core.pack_bf16(bits)
    bias = rng.standard_normal(out, dtype=np.float32)
    number_format = core.Format.__members__[format_name]
    assert packed.nbytes == core.packed_bytes(number_format, out, inputs)
    linear = core.Linear(number_format, out, inputs, packed, bias)
    return Case(format_name, linear, weights.astype(np.float32), bias)


def activations(tokens: int, inputs: int, seed: int = 1) -> Array:
    """Return activations with a few outliers, as those of language models have."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((tokens, inputs), dtype=np.float32)
    return x * np.where(rng.random(inputs) < 0.02, np.float32(20), np.float32(1))


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(("out", "inputs"), SHAPES)
def test_unpacked_rows_are_the_packed_ones(format_name: str, out: int, inputs: int) -> None:
    case = make_case(format_name, out, inputs)
    np.testing.assert_array_equal(case.linear.rows(list(range(out))), case.weights)


@given(
    exponents=st.lists(st.integers(-14, 15), min_size=1, max_size=9), seed=st.integers(0, 2**32 - 1)
)
@settings(deadline=None, max_examples=200)
def test_scales_of_any_size_keep_their_digits(exponents: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = np.ldexp(rng.uniform(-2, 2, (1, len(exponents))), exponents).clip(-65504, 65504)
    codes = np.full((1, 32 * len(exponents)), 9, np.uint8)  # each weight is its group's scale
    halves = scales.astype(np.float16)
    packed = core.pack_int4(codes, halves.view(np.uint16))
    row = core.Linear(core.Format.Int4, 1, codes.shape[1], packed).rows([0])
    np.testing.assert_array_equal(row[:, ::32], kept(halves))


@pytest.mark.parametrize("scale", [np.inf, -np.inf, np.nan])
def test_a_scale_that_is_no_number_is_not_hidden(isa: str, team: Any, scale: float) -> None:
    scales = np.array([[1, scale], [1, 1]], np.float16).view(np.uint16)
    for pack, number_format in (
        (core.pack_int4, core.Format.Int4),
        (core.pack_int4_high, core.Format.Int4High),
    ):
        packed = pack(np.full((2, 64), 9, np.uint8), scales)
        linear = core.Linear(number_format, 2, 64, packed)
        products = core.multiply(team, [linear], np.ones((1, 64), np.float32))[0][0]
        assert list(np.isfinite(products)) == [False, True]


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(("out", "inputs"), SHAPES)
def test_products_for_1_to_17_tokens(
    isa: str, team: Any, format_name: str, out: int, inputs: int
) -> None:
    case = make_case(format_name, out, inputs)
    for tokens in range(1, 18):
        x = activations(tokens, inputs, tokens)
        error = np.abs(case.multiply(team, x) - case.expected(x))
        assert (error <= case.tolerance(x)).all(), f"{tokens} tokens"


@pytest.mark.parametrize(
    ("format_name", "bound"),
    [("Bf16", 0.005), ("Int8", 0.02), ("Int4", 0.01), ("Int4High", 0.01), ("Bf16Rows", 0.005)],
)
def test_rounding_activations_costs_little(
    isa: str, team: Any, format_name: str, bound: float
) -> None:
    """The root mean square error, relative to that of the product, over ordinary activations."""
    case = make_case(format_name, 256, 1024)
    x = np.random.default_rng(2).standard_normal((4, 1024), dtype=np.float32)
    exact = x @ case.weights.T + case.bias
    error = case.multiply(team, x) - exact
    assert np.sqrt((error**2).mean() / (exact**2).mean()) < bound


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_token_does_not_depend_on_its_company(isa: str, team: Any, format_name: str) -> None:
    case, x = make_case(format_name, 45, 300), activations(7, 300)
    x[3] *= 1000
    together = case.multiply(team, x)
    for token in range(7):
        alone = case.multiply(team, x[token : token + 1])[0]
        np.testing.assert_allclose(
            together[token], alone, rtol=0, atol=case.tolerance(x[token : token + 1]).max()
        )


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("tokens", [1, 9])
def test_the_number_of_threads_changes_nothing(isa: str, format_name: str, tokens: int) -> None:
    case, x = make_case(format_name, 333, 200), activations(tokens, 200)
    alone = case.multiply(core.Team(1), x)
    for threads in (2, 3):
        np.testing.assert_array_equal(case.multiply(core.Team(threads), x), alone)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("tokens", [1, 6])
def test_not_a_number_stays_with_its_token(
    isa: str, team: Any, format_name: str, tokens: int
) -> None:
    case, x = make_case(format_name, 40, 100), activations(tokens, 100)
    clean = case.multiply(team, x)
    x[tokens - 1, 70] = np.nan
    y = case.multiply(team, x)
    assert np.isnan(y[tokens - 1]).all()
    np.testing.assert_array_equal(y[: tokens - 1], clean[: tokens - 1])


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("value", [np.inf, 3e38, 1e-40])
def test_extreme_activations_do_no_harm(
    isa: str, team: Any, format_name: str, value: float
) -> None:
    case, x = make_case(format_name, 20, 64), np.zeros((2, 64), dtype=np.float32)
    x[0, 5] = value
    y = case.multiply(team, x)
    np.testing.assert_array_equal(y[1], case.bias)
    if np.isinf(value):
        assert not np.isfinite(y[0][np.abs(case.weights[:, 5]) > 0]).any()
    elif value < 1:
        np.testing.assert_allclose(y[0], case.bias, rtol=1e-6)


@pytest.mark.parametrize("format_name", FORMATS)
def test_zeros_give_the_bias(isa: str, team: Any, format_name: str) -> None:
    case = make_case(format_name, 20, 100)
    y = case.multiply(team, np.zeros((3, 100), dtype=np.float32))
    np.testing.assert_array_equal(y, np.broadcast_to(case.bias, y.shape))


def test_several_linears_at_once_equal_one_after_another(isa: str, team: Any) -> None:
    cases = [
        make_case("Int4", 64, 96),
        make_case("Int8", 17, 96),
        make_case("Int4", 1, 96),
        make_case("Bf16", 200, 96),
        make_case("Bf16Rows", 50, 96),
    ]
    for tokens in (1, 5):
        x = activations(tokens, 96)
        together = core.multiply(team, [case.linear for case in cases], x)
        for case, y in zip(cases, together, strict=True):
            np.testing.assert_array_equal(y, case.multiply(team, x))


@pytest.mark.parametrize("inputs", [333, 1024, 4100])
def test_rows_give_what_panels_give(isa: str, team: Any, inputs: int) -> None:
    rows, panels = (make_case(name, 70, inputs) for name in ("Bf16Rows", "Bf16"))
    for tokens in (1, 2, 3, 4, 5, 40):
        x = activations(tokens, inputs)
        difference = np.abs(rows.multiply(team, x) - panels.multiply(team, x))
        assert (difference <= rows.tolerance(x)).all(), f"{tokens} tokens"


def test_rows_are_as_many_bytes_as_a_checkpoints() -> None:
    assert core.packed_bytes(core.Format.Bf16Rows, 13, 41) == 13 * 41 * 2


def test_largest_codes_do_not_saturate(isa: str, team: Any) -> None:
    """128-fold sums of the largest products: 16-bit intermediates must not clip."""
    for sign in (1, -1):
        codes = np.full((16, 4096), 127 * sign, dtype=np.int8)
        eight = core.Linear(
            core.Format.Int8, 16, 4096, core.pack_int8(codes, np.ones(16, dtype=np.float32))
        )
        nibbles = np.full((16, 4096), 15 if sign > 0 else 0, dtype=np.uint8)
        ones = np.ones((16, 128), dtype=np.float16).view(np.uint16)
        four = core.Linear(core.Format.Int4, 16, 4096, core.pack_int4(nibbles, ones))
        for x in (np.ones((1, 4096), np.float32), -np.ones((5, 4096), np.float32)):
            y8, y4 = core.multiply(team, [eight, four], x)
            np.testing.assert_allclose(y8, x[0, 0] * sign * 127 * 4096, rtol=1e-6)
            np.testing.assert_allclose(y4, x[0, 0] * (7 if sign > 0 else -8) * 4096, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    format_name=st.sampled_from(FORMATS),
    out=st.integers(1, 70),
    inputs=st.integers(1, 150),
    tokens=st.integers(1, 20),
    magnitude=st.floats(1e-6, 1e6),
    seed=st.integers(0, 2**32 - 1),
    isa_name=st.sampled_from(core.isas()),
)
def test_any_shape_and_magnitude(
    team: Any,
    format_name: str,
    out: int,
    inputs: int,
    tokens: int,
    magnitude: float,
    seed: int,
    isa_name: str,
) -> None:
    before = core.isa()
    core.set_isa(isa_name)
    try:
        case = make_case(format_name, out, inputs, seed)
        x = activations(tokens, inputs, seed) * np.float32(magnitude)
        error = np.abs(case.multiply(team, x) - case.expected(x))
        assert (error <= case.tolerance(x)).all()
    finally:
        core.set_isa(before)


def test_wrong_arguments_are_refused(team: Any) -> None:
    case = make_case("Int8", 16, 64)
    with pytest.raises(ValueError, match=r"x must be \[tokens, in\]"):
        case.multiply(team, np.zeros((1, 63), dtype=np.float32))
    with pytest.raises(ValueError, match="packed_bytes"):
        core.Linear(
            core.Format.Int8,
            16,
            65,
            core.pack_int8(np.zeros((16, 64), np.int8), np.ones(16, np.float32)),
        )
    with pytest.raises(ValueError, match="out of range"):
        case.linear.rows([16])
    with pytest.raises(ValueError, match="instruction set"):
        core.set_isa("avx1024")
