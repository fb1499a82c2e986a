"""GPTQ: what it gains over rounding weight by weight, and that no input is too odd for it."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.calibration import calibration_sequences
from engine.checkpoint import Checkpoint
from engine.messages import Precision
from engine.model import Decoder, DecoderLayer
from engine.model_config import read_config
from engine.models import demo_model
from engine.paths import assets_folder
from engine.quantize.calibration import Calibration, ObservedLinear
from engine.quantize.gptq import quantise_gptq
from engine.quantize.groupwise import GROUP_SIZE, GroupwiseInt4, quantise_int4
from engine.quantize.layers import QuantisedHead, QuantisedLayer, quantised_parts
from engine.source import Source
from engine.tokenizer import ChatTokenizer
from engine.torch_source import TorchSource
from tests.engine.test_quantize import plain_int4, randn


def gptq(weight: Tensor, x: Tensor) -> GroupwiseInt4:
    [quantised] = quantise_gptq([weight], x.T @ x, lambda: None)
    return quantised


def output_error(quantised: GroupwiseInt4, weight: Tensor, x: Tensor) -> float:
    return float((x @ (quantised.dequantise() - weight).T).norm() / (x @ weight.T).norm())


def correlated(tokens: int, columns: int, seed: int = 0) -> Tensor:
    """Inputs most of whose variance lies in an eighth of their directions."""
    rank = max(1, columns // 8)
    mixed = randn(tokens, rank, seed=seed) @ randn(rank, columns, seed=77)
    return mixed + 0.3 * randn(tokens, columns, seed=seed + 1)


# -- what it gains -------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [64, 256, 1056])
def test_errors_make_up_for_each_other_where_inputs_are_correlated(columns: int) -> None:
    weight, x = randn(48, columns), correlated(4 * columns, columns)
    rounded = quantise_int4(weight, x.square().mean(0))
    assert output_error(gptq(weight, x), weight, x) < 0.6 * output_error(rounded, weight, x)


def test_the_gain_holds_for_inputs_that_were_not_seen() -> None:
    weight, seen, unseen = randn(48, 256), correlated(200, 256), correlated(500, 256, seed=5)
    rounded = quantise_int4(weight, seen.square().mean(0))
    gain = output_error(gptq(weight, seen), weight, unseen) / output_error(rounded, weight, unseen)
    assert gain < 0.7


def test_nothing_is_lost_where_inputs_are_not_correlated() -> None:
    weight, x, unseen = randn(48, 128), randn(5000, 128, seed=1), randn(500, 128, seed=2)
    rounded = output_error(quantise_int4(weight), weight, unseen)
    assert output_error(gptq(weight, x), weight, unseen) < 1.03 * rounded


def test_the_format_is_that_of_rounding() -> None:
    quantised = gptq(randn(7, 96), correlated(300, 96))
    assert quantised.codes.dtype is torch.uint8 and quantised.codes.shape == (7, 96)
    assert quantised.codes.max() <= 15
    assert quantised.scales.dtype is torch.float16
    assert quantised.scales.shape == (7, 96 // GROUP_SIZE)


def test_weights_that_share_their_inputs_are_rounded_as_if_alone() -> None:
    first, second, x = randn(1030, 64), randn(1, 64, seed=1), correlated(300, 64)
    together = quantise_gptq([first, second], x.T @ x, lambda: None)
    for weight, quantised in zip((first, second), together, strict=True):
        assert (quantised.codes != gptq(weight, x).codes).float().mean() < 0.001


# -- odd inputs ----------------------------------------------------------------------------------

ODD_INPUTS = {
    "none at all": torch.zeros(0, 96),
    "only zeros": torch.zeros(50, 96),
    "one token": randn(1, 96),
    "the same token again and again": randn(1, 96).expand(300, -1),
    "fewer tokens than channels": randn(20, 96),
    "dead channels": randn(500, 96) * (torch.arange(96) % 5 > 0),
    "one live channel": randn(500, 96) * (torch.arange(96) == 40),
    "two channels alike": randn(500, 96).index_copy(1, torch.tensor([3]), torch.ones(500, 1)),
    "an outlier channel": randn(500, 96) * (1 + 1e4 * (torch.arange(96) == 9)),
    "tiny": randn(500, 96) * 1e-12,
    "huge": randn(500, 96) * 1e12,
    "beyond float32": randn(500, 96) * 1e25,
    "not a number": randn(500, 96) * torch.nan,
}


@pytest.mark.parametrize("inputs", ODD_INPUTS)
def test_odd_inputs_give_sound_weights(inputs: str) -> None:
    weight, x = randn(40, 96), ODD_INPUTS[inputs]
    quantised = gptq(weight, x)
    assert quantised.scales.isfinite().all()
    error = (quantised.dequantise() - weight).norm() / weight.norm()
    assert error < 0.25  # plain rounding: 0.1


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-3, 1e4])
def test_weights_of_any_size_are_rounded(spread: float) -> None:
    weight = randn(16, 64) * spread
    quantised = gptq(weight, correlated(300, 64))
    error = quantised.dequantise() - weight
    assert error.norm() <= 0.2 * weight.norm() + 1e-6, (
        "each makes up for others, so it has no bound"
    )


def test_a_hessian_that_is_none_falls_back_to_rounding() -> None:
    weight, hessian = randn(16, 64), -torch.eye(64)
    [quantised] = quantise_gptq([weight], hessian, lambda: None)
    assert torch.equal(quantised.codes, quantise_int4(weight).codes)


# -- stopping ------------------------------------------------------------------------------------


class Enough(Exception):
    pass


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_long_layer_can_be_stopped_at_each_of_its_steps(steps: int) -> None:
    """Steps of at most 512 columns of the factor, and of 1024 rows of the weights."""
    taken = []

    def on_step() -> None:
        taken.append(1)
        if len(taken) == steps:
            raise Enough

    with pytest.raises(Enough):
        quantise_gptq([randn(1500, 1056)], torch.eye(1056), on_step)
    assert len(taken) == steps


# -- the demo model ------------------------------------------------------------------------------


class FloatLinear:
    weight_dtype, nbytes = "fp32", 0

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight.float()

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self._weight)


class Demo:
    """The demo model in float32, its weights as they are or rounded."""

    def __init__(self) -> None:
        folder = demo_model().folder
        config = read_config(folder)
        self.source = TorchSource(Source(Checkpoint(folder), config))
        tokenizer = ChatTokenizer.load(folder)
        self.held_out = tokenizer.encode((folder / "held-out.txt").read_text(encoding="utf-8"))
        text = (assets_folder() / "calibration.txt").read_text(encoding="utf-8")
        self.sequences = calibration_sequences(tokenizer.encode(text), 64, 48)

    def exact(self) -> list[dict[str, Tensor]]:
        config = self.source.config
        return [
            {name: self.source.linear(n, name)[0].float() for name in config.linear_shapes()}
            for n in range(config.layers)
        ]

    def by_gptq(self) -> list[dict[str, Tensor]]:
        calibration = Calibration(self.source.config, self.source.embedding(), self.sequences)
        rounded = []
        for number, weights in enumerate(self.exact()):
            linears = {n: ObservedLinear(w, None, keeps_hessian=True) for n, w in weights.items()}
            calibration.run(self.source.norms(number), linears)
            rounded.append(
                {
                    name: quantise_gptq([linear.weight], linear.hessian, lambda: None)[0]
                    .with_scales(torch.bfloat16)
                    .dequantise()
                    for name, linear in linears.items()
                    if linear.hessian is not None
                }
            )
        return rounded

    def log_probabilities(self, layers: list[dict[str, Tensor]]) -> Tensor:
        """Of each next token of the held-out text, read in windows of 512."""
        model = Decoder(
            self.source.config,
            self.source.embedding(),
            [
                DecoderLayer(
                    {name: norm.float() for name, norm in self.source.norms(number).items()},
                    {name: FloatLinear(weight) for name, weight in weights.items()},
                )
                for number, weights in enumerate(layers)
            ],
            self.source.final_norm().float(),
            FloatLinear(self.source.head()),
            512,
            torch.float32,
            torch.float32,
        )
        windows = (self.held_out[i : i + 512] for i in range(0, len(self.held_out), 512))
        blocks = [block for window in windows for block in model.all_logits(window)]
        return torch.from_numpy(np.concatenate(blocks)).log_softmax(-1)


def test_gptq_halves_the_loss_of_the_demo_model() -> None:
    """KL divergence to float32 against plain rounding at the same 4.5 bits. About 15 s."""
    demo = Demo()
    exact = demo.log_probabilities(demo.exact())

    def loss(layers: list[dict[str, Tensor]]) -> float:
        rounded = demo.log_probabilities(layers)
        return float(functional.kl_div(rounded, exact, log_target=True, reduction="batchmean"))

    plain = [{name: plain_int4(w) for name, w in layer.items()} for layer in demo.exact()]
    assert loss(demo.by_gptq()) <= 0.5 * loss(plain)


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT4])
def test_without_calibration_quantising_is_quick_and_another_result(precision: Precision) -> None:
    demo, codes = Demo(), []
    for sequences in ([], demo.sequences[:2]):
        layer = next(
            quantised_parts(demo.source.source, precision, sequences, 0.5, False, lambda *_: None)
        )
        assert isinstance(layer, QuantisedLayer)
        weights, _ = layer.linears["mlp.up_proj"]
        assert not isinstance(weights, Tensor)
        codes.append(weights.codes)
    assert codes[0].shape == codes[1].shape
    assert not torch.equal(*codes)


@pytest.mark.parametrize("samples", [0, 2])
def test_a_rough_head_is_the_same_in_either_precision(samples: int) -> None:
    demo, heads = Demo(), []
    for precision in (Precision.INT8, Precision.INT4):
        *_, last = quantised_parts(
            demo.source.source, precision, demo.sequences[:samples], 0.5, True, lambda *_: None
        )
        assert isinstance(last, QuantisedHead) and isinstance(last.weight, GroupwiseInt4)
        assert torch.equal(last.norm, demo.source.final_norm().float()), "it is not smoothed"
        heads.append(last.weight)
    assert torch.equal(heads[0].codes, heads[1].codes)
    assert torch.equal(heads[0].scales, heads[1].scales)


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT4])
def test_quantising_can_be_stopped_within_a_layer(precision: Precision) -> None:
    demo, steps = Demo(), []

    def on_step(done: int, total: int) -> None:
        steps.append((done, total))
        if len(steps) == 5:
            raise Enough

    with pytest.raises(Enough):
        list(quantised_parts(demo.source.source, precision, demo.sequences, 0.5, False, on_step))
    assert steps == [(0, demo.source.config.layers + 1)] * 5
