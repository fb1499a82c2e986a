"""What the three precisions promise on the model that ships with Tern."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM

from engine.errors import TextTooShort
from engine.generate import End, generate
from engine.loader import LoadedModel
from engine.messages import ChatMessage, Precision, SamplingSettings
from engine.models import demo_model
from engine.quality import DEFAULT_WINDOW, Perplexity, perplexity
from tests.engine.conftest import distance

Demo = Callable[[Precision], LoadedModel]
TOKENS = 4000


@cache
def held_out() -> str:
    return (demo_model().folder / "held-out.txt").read_text(encoding="utf-8")


def score(loaded: LoadedModel, window: int | None = None, tokens: int = TOKENS) -> Perplexity:
    ids = loaded.tokenizer.encode(held_out())[:tokens]
    return perplexity(loaded.model, ids, window, lambda done, total: None)


def nats_by_transformers(ids: list[int], window: int, dtype: torch.dtype) -> tuple[float, int]:
    """The summed loss of windows that do not overlap, and how many tokens were predicted."""
    model = AutoModelForCausalLM.from_pretrained(demo_model().folder, torch_dtype=dtype)
    total, count = 0.0, 0
    for start in range(0, len(ids), window):
        part = torch.tensor(ids[start : start + window])
        if len(part) > 1:
            logits = model(part[None]).logits[0, :-1].float()
            total += float(functional.cross_entropy(logits, part[1:], reduction="sum"))
            count += len(part) - 1
    return total, count


@pytest.mark.parametrize(("precision", "limit"), [(Precision.INT8, 1.01), (Precision.INT4, 1.08)])
def test_quantising_costs_little_perplexity(demo: Demo, precision: Precision, limit: float) -> None:
    exact, rounded = score(demo(Precision.BF16)), score(demo(precision))
    assert rounded.tokens == exact.tokens
    assert rounded.perplexity / exact.perplexity < limit


@pytest.mark.parametrize(("precision", "share"), [(Precision.INT8, 0.99), (Precision.INT4, 0.98)])
def test_the_likeliest_token_is_nearly_always_that_of_bf16(
    demo: Demo, precision: Precision, share: float
) -> None:
    ids = demo(precision).tokenizer.encode(held_out())[:500]
    exact, rounded = (
        np.concatenate([block.argmax(-1) for block in demo(p).model.all_logits(ids)])
        for p in (Precision.BF16, precision)
    )
    assert np.mean(exact == rounded) > share


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_perplexity_is_that_of_transformers(demo: Demo, dtype: torch.dtype) -> None:
    loaded = demo(Precision.BF16)
    ids = loaded.tokenizer.encode(held_out())[:2000]
    ours = score(loaded, tokens=2000)
    nats, count = nats_by_transformers(ids, DEFAULT_WINDOW, dtype)
    assert ours.tokens == count
    assert ours.perplexity == pytest.approx(math.exp(nats / count), rel=0.01)


@pytest.mark.parametrize("window", [2, 100, 5000])
def test_windows_are_as_long_as_asked_for_up_to_the_context(demo: Demo, window: int) -> None:
    loaded = demo(Precision.BF16)
    ids = loaded.tokenizer.encode(held_out())[: 100 * window][:1500]
    length = min(window, loaded.model.context_length)
    nats, count = nats_by_transformers(ids, length, torch.float32)
    ours = score(loaded, window, tokens=len(ids))
    assert ours.tokens == count
    assert ours.window == length
    assert ours.nats_per_token == pytest.approx(nats / count, rel=0.01)


def test_the_perplexity_of_two_tokens_is_one_over_a_probability(demo: Demo) -> None:
    loaded = demo(Precision.BF16)
    ids = loaded.tokenizer.encode("Once upon")[:2]
    loaded.model.keep_prefix([-1, -1])
    logits = torch.from_numpy(loaded.model.extend(ids[:1]))
    probability = logits.softmax(-1)[ids[1]]
    result = perplexity(loaded.model, ids, None, lambda done, total: None)
    assert result.tokens == 1
    assert result.perplexity == pytest.approx(1 / float(probability), rel=0.02)
    assert result.perplexity == pytest.approx(math.exp(result.nats_per_token))


@pytest.mark.parametrize("count", [0, 1])
def test_a_text_without_a_token_to_predict_is_refused(demo: Demo, count: int) -> None:
    with pytest.raises(TextTooShort, match=f"{count} tokens"):
        perplexity(demo(Precision.BF16).model, [20] * count, None, lambda done, total: None)


def test_scoring_tells_its_progress_and_can_be_ended(demo: Demo) -> None:
    class Enough(Exception):
        pass

    told = []

    def on_progress(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise Enough

    with pytest.raises(Enough):
        perplexity(demo(Precision.BF16).model, list(range(20, 120)), 10, on_progress)
    assert told == [(0, 10), (1, 10), (2, 10)]


@pytest.mark.parametrize("precision", Precision)
def test_each_precision_can_add(demo: Demo, precision: Precision) -> None:
    loaded = demo(precision)
    prompt = loaded.tokenizer.encode_chat([ChatMessage("user", "What is 3 plus 4?")])
    settings = SamplingSettings(temperature=0, repetition_penalty=1.0, max_new_tokens=40)
    *_, end = generate(loaded.model, loaded.tokenizer, prompt, settings, lambda: False)
    assert isinstance(end, End)
    assert end.finish_reason == "end"
    assert "7" in end.text


@pytest.mark.parametrize("precision", Precision)
def test_a_token_has_the_same_logits_whatever_is_read_with_it(
    demo: Demo, precision: Precision
) -> None:
    """So that a seed gives the same answer with the prompt in the cache and without."""
    model = demo(precision).model
    ids = demo(precision).tokenizer.encode("Tell me a story about a fox. " * 10)
    model.keep_prefix([-1, -1])
    together = model.extend(ids)
    assert model.keep_prefix(ids) == len(ids) - 1
    alone = model.extend(ids[-1:])
    assert distance(alone, together) < 0.01


@pytest.mark.parametrize("precision", Precision)
def test_the_proof_counts_every_linear(demo: Demo, precision: Precision) -> None:
    loaded = demo(precision)
    proof, linears = loaded.proof, 7 * loaded.config.layers + 1
    quantised = 0 if precision is Precision.BF16 else linears
    assert proof.quantised_layers == quantised
    assert proof.float_layers == linears - quantised
    assert proof.weight_dtype == precision
    assert ("head in int4" in proof.method) == (precision is not Precision.BF16)
    assert not any(kind == "linear" for kind, *_ in proof.left_in_float)


def test_fewer_bits_are_fewer_bytes(demo: Demo) -> None:
    sizes = [demo(precision).weight_bytes for precision in Precision]
    weights = demo(Precision.BF16).config.parameters
    assert sizes[0] == 2 * weights
    assert sizes[1] == pytest.approx(weights, rel=0.05)
    assert sizes[2] < 0.75 * sizes[1]


def test_each_precision_has_a_cache_of_the_same_size(demo: Demo) -> None:
    sizes = {demo(precision).kv_bytes_per_token for precision in Precision}
    config = demo(Precision.BF16).config
    assert sizes == {2 * config.layers * config.kv_heads * config.head_dim * 2}  # float16
