"""How a token is drawn, against transformers' own logits processors."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from engine.errors import BadSetting
from engine.language_model import Logits
from engine.messages import SamplingSettings
from engine.sampling import Sampler, recommended

VOCABULARY = 60
CONTEXT = [3, 3, 17, 59, 0]
DRAWS = 1500
PROCESSORS: dict[str, Callable[[Any], Any]] = {
    "repetition_penalty": RepetitionPenaltyLogitsProcessor,
    "temperature": TemperatureLogitsWarper,
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
}
OFF = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
FILTERS: list[dict[str, float]] = [
    {"temperature": 0.3},
    {"temperature": 1.7},
    {"top_k": 1},
    {"top_k": 7},
    {"top_k": 1000},
    {"top_p": 0.5},
    {"top_p": 0.95},
    {"top_p": 0.001},
    {"min_p": 0.1},
    {"min_p": 0.5},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.6},
    {"temperature": 1.5, "top_p": 0.9},
    {"repetition_penalty": 1.2, "temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.05},
    {"repetition_penalty": 0.9, "temperature": 1.4, "top_k": 40, "top_p": 0.7, "min_p": 0.02},
]


def random_logits(seed: int, size: int = VOCABULARY, spread: float = 1.0) -> Logits:
    return np.random.default_rng(seed).standard_normal(size, np.float32) * np.float32(spread)


def settle(own: dict[str, object] | None = None, **asked: Any) -> Sampler:
    return Sampler.settle(SamplingSettings(**asked), own or {})


def by_transformers(logits: Logits, filters: dict[str, float]) -> Logits:
    chain = LogitsProcessorList(
        [make(filters[name]) for name, make in PROCESSORS.items() if name in filters]
    )
    scores = chain(torch.tensor([CONTEXT]), torch.from_numpy(logits[None].copy()))
    return scores[0].softmax(-1).numpy()


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_the_tokens_that_survive_and_their_shares_are_those_of_transformers(filters) -> None:
    logits = random_logits(5, size=24, spread=0.5)
    logits = np.append(logits, np.full(VOCABULARY - 24, -20, np.float32))
    sampler = settle(seed=1, **(OFF | filters))
    counts = np.zeros(VOCABULARY)
    for _ in range(DRAWS):
        counts[sampler.draw(logits, CONTEXT)] += 1
    expected = by_transformers(logits, filters)
    frequent, drawn = set(np.flatnonzero(expected > 0.01)), set(np.flatnonzero(counts))
    assert frequent <= drawn <= set(np.flatnonzero(expected))
    # Each share within four standard errors of its own.
    spread = np.sqrt(expected * (1 - expected) / DRAWS)
    assert (abs(counts / DRAWS - expected) <= 4 * spread + 1e-3).all()


@pytest.mark.parametrize(
    "filters",
    [{"top_p": 0.3}, {"top_p": 0.9}, {"top_k": 3000, "top_p": 0.9}, {"top_p": 0.9, "min_p": 0.2}],
    ids=str,
)
@pytest.mark.parametrize("spread", [0.2, 1.0, 4.0])
def test_of_a_large_vocabulary_the_same_tokens_survive(filters, spread: float) -> None:
    """Half of the draws come from the likelier half of what transformers leaves, none from else."""
    logits = random_logits(3, size=8000, spread=spread)
    sampler = settle(seed=1, **(OFF | filters))
    drawn = np.array([sampler.draw(logits, []) for _ in range(400)])
    expected = by_transformers(logits, filters)
    assert (expected[drawn] > 0).all()
    for share in (0.25, 0.5, 0.95):
        order = np.argsort(-expected)
        likelier = order[: int((expected[order].cumsum() < share).sum()) + 1]
        mass = float(expected[likelier].sum())
        counted = float(np.isin(drawn, likelier).mean())
        assert abs(counted - mass) <= 4 * (mass * (1 - mass) / len(drawn)) ** 0.5 + 1e-3


@pytest.mark.parametrize("penalty", [1.0, 1.5])
def test_temperature_zero_is_greedy(penalty: float) -> None:
    for seed in range(20):
        logits = random_logits(seed)
        token = settle(temperature=0, repetition_penalty=penalty).draw(logits, CONTEXT)
        expected = by_transformers(logits, {"repetition_penalty": penalty})
        assert token == int(expected.argmax())


def test_greedy_disregards_the_filters() -> None:
    logits = random_logits(1)
    sampler = settle(temperature=0, top_k=3, top_p=0.1, min_p=0.9, seed=1)
    assert {sampler.draw(logits, []) for _ in range(5)} == {int(logits.argmax())}


@pytest.mark.parametrize("temperature", [1e-3, 1e-6, 1e-38, 1e-45])
def test_a_temperature_near_zero_is_as_good_as_greedy(temperature: float) -> None:
    logits = random_logits(2, spread=10.0)
    assert settle(temperature=temperature).draw(logits, []) == int(logits.argmax())


# -- presence and frequency ----------------------------------------------------------------------

PENALTY = st.floats(-2, 2, width=32)


def penalised_as_defined(
    logits: Sequence[float], answer: Sequence[int], presence: float, frequency: float
) -> list[float]:
    """OpenAI's definition, token by token: mu - c * frequency - (c > 0) * presence."""
    counts = [sum(1 for token in answer if token == i) for i in range(len(logits))]
    return [
        mu - count * frequency - (presence if count else 0.0)
        for mu, count in zip(logits, counts, strict=True)
    ]


@given(
    st.lists(st.integers(-800, 800).map(lambda n: n / 100), min_size=8, max_size=8),
    st.lists(st.integers(0, 7), max_size=20),
    st.lists(st.integers(0, 7), max_size=20),
    PENALTY,
    PENALTY,
)
def test_presence_and_frequency_lower_what_the_answer_has(
    logits, prompt, answer, presence, frequency
) -> None:
    sampler = settle(temperature=0, presence_penalty=presence, frequency_penalty=frequency)
    token = sampler.draw(np.array(logits, np.float32), [*prompt, *answer], len(answer))
    expected = penalised_as_defined(logits, answer, presence, frequency)
    assert expected[token] == pytest.approx(max(expected), abs=1e-4)


def test_the_prompts_own_words_are_free() -> None:
    logits = random_logits(9)
    best = int(logits.argmax())
    sampler = settle(temperature=0, presence_penalty=2.0, frequency_penalty=2.0)
    assert sampler.draw(logits, [best] * 5, answered=0) == best
    assert sampler.draw(logits, [best] * 5, answered=2) != best


def test_a_frequency_penalty_ends_a_loop() -> None:
    """A model that always prefers the same token is driven off it."""
    logits = np.array([3.0, 2.0, 1.0], np.float32)
    sampler = settle(temperature=0, frequency_penalty=0.6)
    answer: list[int] = []
    for _ in range(6):
        answer.append(sampler.draw(logits, answer, len(answer)))
    assert answer == [0, 0, 1, 0, 1, 0]


def test_the_penalty_leaves_the_logits_of_the_caller_alone() -> None:
    logits = random_logits(4)
    before = logits.copy()
    on = {"repetition_penalty": 2.0, "presence_penalty": 1.0, "frequency_penalty": 1.0, "top_k": 3}
    settle(**(OFF | on), seed=1).draw(logits, CONTEXT, len(CONTEXT))
    assert (logits == before).all()


# -- seeds ---------------------------------------------------------------------------------------


def draws(**asked: Any) -> list[int]:
    sampler = settle(**(OFF | asked))
    logits = random_logits(0)
    return [sampler.draw(logits, []) for _ in range(30)]


def test_the_same_seed_draws_the_same() -> None:
    assert draws(seed=42) == draws(seed=42)


def test_another_seed_draws_otherwise() -> None:
    assert draws(seed=42) != draws(seed=43)
    assert draws(seed=0) != draws(seed=2**63 - 1)


def test_without_a_seed_each_answer_is_another() -> None:
    assert draws() != draws()


# -- the model's own settings --------------------------------------------------------------------

OWN: dict[str, object] = {
    "do_sample": True,
    "temperature": 0.6,
    "top_k": 20,
    "top_p": 0.95,
    "min_p": 0.01,
    "repetition_penalty": 1.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.25,
}


def test_what_is_not_asked_for_is_the_models_own() -> None:
    sampler = settle(OWN)
    for name in OFF:
        assert getattr(sampler, name) == OWN[name], name


def test_what_is_asked_for_wins() -> None:
    sampler = settle(OWN, **OFF)
    for name, value in OFF.items():
        assert getattr(sampler, name) == value, name


def test_a_model_without_settings_is_sampled_plainly() -> None:
    sampler = settle({"eos_token_id": 5})
    for name, value in OFF.items():
        assert getattr(sampler, name) == value, name


def test_a_model_that_does_not_sample_is_greedy_unless_asked() -> None:
    own: dict[str, object] = {"do_sample": False, "temperature": 0.6}
    assert settle(own).temperature == 0
    assert settle(own, temperature=0.9).temperature == 0.9


@pytest.mark.parametrize("value", [None, "hot", [0.5], True, {}])
def test_nonsense_in_the_models_own_settings_is_passed_over(value: object) -> None:
    sampler = settle(dict.fromkeys(OWN, value) | {"do_sample": True})
    for name, default in OFF.items():
        assert getattr(sampler, name) == default, name


# -- ranges --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"temperature": -0.1},
        {"temperature": 101},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": -1},
        {"top_p": 0},
        {"top_p": -0.5},
        {"top_p": 1.01},
        {"top_p": float("nan")},
        {"min_p": -0.1},
        {"min_p": 1},
        {"repetition_penalty": 0},
        {"repetition_penalty": -1},
        {"repetition_penalty": 1000},
        {"presence_penalty": 2.1},
        {"presence_penalty": float("nan")},
        {"frequency_penalty": -2.1},
        {"seed": -1},
        {"seed": 2**63},
    ],
    ids=str,
)
def test_a_value_out_of_its_range_is_refused_by_name(asked: dict[str, Any]) -> None:
    with pytest.raises(BadSetting) as caught:
        settle(**asked)
    [name], [value] = asked.keys(), asked.values()
    assert name.replace("_", " ") in caught.value.said.replace("-", " ")
    assert str(value) in caught.value.said


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), -3])
@pytest.mark.parametrize("name", list(OFF))
def test_a_value_out_of_range_of_the_models_own_is_an_explained_failure(
    name: str, value: float
) -> None:
    """JSON as Python reads it has Infinity and NaN."""
    with pytest.raises(BadSetting):
        settle({name: value})
    assert recommended({name: value}) == SamplingSettings()


def test_a_models_own_settings_can_be_shown() -> None:
    shown = recommended(OWN)
    assert {name: getattr(shown, name) for name in OFF} == {name: OWN[name] for name in OFF}
    assert recommended({"do_sample": False, "temperature": 0.6}).temperature == 0
    plain = recommended({})
    assert {name: getattr(plain, name) for name in OFF} == OFF


@pytest.mark.parametrize(
    "asked",
    [
        {"temperature": 0},
        {"temperature": 100},
        {"top_k": 10**9},
        {"top_p": 1},
        {"min_p": 0.99},
        {"seed": 0},
        {"seed": 2**63 - 1},
    ],
    ids=str,
)
def test_the_ends_of_the_ranges_are_allowed(asked: dict[str, Any]) -> None:
    assert 0 <= settle(**asked).draw(random_logits(0), CONTEXT) < VOCABULARY
