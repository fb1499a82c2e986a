"""int8 activations: each token has its own scale, and 7 bits do where the CPU has no VNNI."""

from dataclasses import replace

import pytest
import torch

from engine.hardware import read_cpu
from engine.kernels.torch_ops import Int8Linear
from engine.loader import LoadRequest, load
from engine.messages import Precision
from engine.models import demo_model
from engine.paths import Paths
from engine.quality import perplexity
from engine.quantize.smoothquant import quantise_int8
from tests.engine.conftest import load_folder


@pytest.mark.parametrize("seven_bits", [False, True])
def test_one_large_token_does_not_cost_the_others_their_bits(seven_bits: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(64, 128, generator=generator)
    x = torch.randn(5, 128, generator=generator)
    x[2] *= 1000
    quantised = quantise_int8(weight)
    y = Int8Linear(Int8Linear.pack(quantised), None, seven_bits)(x)
    exact = x @ quantised.dequantise().T
    errors = (y - exact).norm(dim=1) / exact.norm(dim=1)
    assert errors.max() < (0.03 if seven_bits else 0.015)


def test_a_token_alone_and_among_others_gives_nearly_the_same() -> None:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(64, 128, generator=generator)
    x = torch.randn(9, 128, generator=generator)
    linear = Int8Linear(Int8Linear.pack(quantise_int8(weight)), torch.randn(64), False)
    alone = torch.cat([linear(row[None]) for row in x])
    assert (linear(x) - alone).norm() / alone.norm() < 0.015


def test_perplexity_without_vnni_stays_within_one_percent() -> None:
    folder = demo_model().folder
    text = (folder / "held-out.txt").read_text(encoding="utf-8")
    cpu = read_cpu()
    old = replace(cpu, flags=frozenset(f for f in cpu.flags if "vnni" not in f))
    request = LoadRequest(folder, Precision.INT8, "torch", None, Paths.default(), old)
    exact, rounded = load_folder(folder), load(request, lambda stage, done, total: None)
    ids = exact.tokenizer.encode(text)[:4096]
    reference, found = (
        perplexity(loaded.model, ids, None, lambda done, total: None).perplexity
        for loaded in (exact, rounded)
    )
    assert found == pytest.approx(reference, rel=0.01)
