"""Intervals: they cover what they promise to, and never claim more than they know."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lab.statistics import exponential, median, token_mean, token_share

ANSWERS = st.lists(st.lists(st.floats(0, 10), min_size=1, max_size=40), min_size=1, max_size=12)


@pytest.mark.parametrize("prompts", [5, 12])
def test_intervals_cover_the_truth_about_as_often_as_they_say(prompts: int) -> None:
    """Answers of 8 tokens with a mean of their own each: resampling tokens would be far off."""
    source, covered, cases = np.random.default_rng(1), 0, 200
    for _ in range(cases):
        own = source.normal(1, 0.5, prompts)
        found = token_mean([source.normal(mean, 0.1, 8) for mean in own])
        covered += found.low <= 1 <= found.high
    assert 0.90 <= covered / cases <= 0.995


def test_the_median_of_known_figures() -> None:
    found = median([10, 20, 30, 40, 50, 60, 70, 80, 90])
    assert found.value == 50
    assert 10 <= found.low <= 30
    assert 70 <= found.high <= 90
    assert found.over == "prompts"


@given(ANSWERS)
def test_the_mean_weighs_every_token_alike_and_lies_within(answers: list[list[float]]) -> None:
    found = token_mean(answers)
    tokens = [token for answer in answers for token in answer]
    assert found.value == pytest.approx(sum(tokens) / len(tokens))
    assert found.low <= found.value <= found.high


@given(ANSWERS)
def test_the_same_figures_give_the_same_interval(answers: list[list[float]]) -> None:
    assert token_mean(answers) == token_mean(answers)


@pytest.mark.parametrize(
    ("lengths", "over"),
    [
        ([3] * 5, "prompts"),
        ([100], "blocks"),
        ([40, 40], "none"),
        ([50, 50], "blocks"),
        ([9], "none"),
    ],
)
def test_what_is_resampled_depends_on_how_much_there_is(lengths: list[int], over: str) -> None:
    assert token_mean([np.arange(length) for length in lengths]).over == over


def test_blocks_leave_no_token_out() -> None:
    """Resampling the whole text gives its mean: a token that no block has would shift it."""
    found = token_mean([[0.0] * 95 + [1000.0]])
    assert found.high > 10


@pytest.mark.parametrize("count", [1, 20, 400])
def test_that_all_tokens_agree_is_never_certain(count: int) -> None:
    found = token_share([[True] * count])
    assert found.value == found.high == 1
    assert found.low == pytest.approx(1 / (1 + 3.8416 / count), abs=1e-3)  # Wilson's


def test_perplexity_is_the_exponential_of_nats() -> None:
    found = exponential(token_mean([[0.5] * 10] * 6))
    assert found.value == found.low == found.high == pytest.approx(np.exp(0.5))
    assert np.isfinite(exponential(token_mean([[1e6]])).value)
