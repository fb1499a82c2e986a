"""The verdict says what the figures say, and is never surer than their intervals."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lab.records import Estimate
from engine.lab.verdict import Figures, likeness, sentence

GOOD = Figures(
    label="int4",
    reference="bf16",
    prompts=12,
    tokens=900,
    speed=Estimate(2.1, 1.9, 2.3, "prompts"),
    memory=0.31,
    agreement=Estimate(0.94, 0.90, 0.97, "prompts"),
    perplexity=Estimate(1.01, 0.99, 1.03, "prompts"),
)
EQUAL = replace(
    GOOD,
    speed=Estimate(1.0, 0.97, 1.02, "prompts"),
    memory=1.0,
    agreement=Estimate(1.0, 0.996, 1.0, "prompts"),
    perplexity=Estimate(1.0, 1.0, 1.0, "prompts"),
)


def test_the_sentence_that_a_person_came_for() -> None:
    assert sentence(GOOD) == (
        "int4 is 2.1 times as fast as bf16 (1.9–2.3) in 31 % of the memory; on your 12 prompts it "
        "agreed with bf16 on 94 % of tokens (90–97 %), with no measurable loss of perplexity."
    )
    assert likeness(GOOD) == "close"


def test_no_measurable_difference() -> None:
    assert likeness(EQUAL) == "same"
    text = sentence(EQUAL)
    assert "no measurable difference" in text
    assert "at least 99.6 %" in text


def test_a_loss_of_perplexity_has_its_interval() -> None:
    worse = replace(GOOD, perplexity=Estimate(1.08, 1.04, 1.12, "prompts"))
    assert likeness(worse) == "worse"
    assert "its perplexity is 8 % higher (4–12 %)" in sentence(worse)
    far = replace(GOOD, perplexity=Estimate(3.0, 2.0, 4.0, "prompts"))
    assert likeness(far) == "broken"
    assert "3 times as high (2–4)" in sentence(far)
    assert "not fit for use" in sentence(far)


def test_large_ratios_are_plain_numbers() -> None:
    extreme = replace(
        GOOD,
        speed=Estimate(123.4, 100.0, 150.0, "prompts"),
        memory=13.1,
        perplexity=Estimate(2e5, 1e5, 3e5, "prompts"),
    )
    assert "123 times as fast as bf16 (100–150) in 13 times the memory" in sentence(extreme)
    assert "200000 times as high (100000–300000)" in sentence(extreme)


def test_too_little_text_tells_nothing() -> None:
    short = replace(
        GOOD, prompts=1, tokens=7, agreement=Estimate(0.2, 0.1, 0.4), perplexity=Estimate(9, 9, 9)
    )
    assert likeness(short) == "unknown"
    assert "too few (7) to tell more" in sentence(short)
    assert "not fit" not in sentence(short)


def test_what_was_not_measured_is_said() -> None:
    busy = replace(GOOD, speed=None, unmeasured="other processes took 80%")
    assert "could not be measured (other processes took 80%)" in sentence(busy)
    assert "was not compared" in sentence(replace(GOOD, agreement=None, perplexity=None))


def test_one_run_is_not_sure_of_its_speed() -> None:
    assert "too seldom to be sure" in sentence(replace(GOOD, speed=Estimate(2.1, 2.1, 2.1)))


def test_one_prompt_says_what_its_interval_is_over() -> None:
    one = replace(GOOD, prompts=1, agreement=Estimate(0.94, 0.9, 0.97, "blocks"))
    assert "on your prompt it agreed" in sentence(one)
    assert "(90–97 % within these answers)" in sentence(one)


@pytest.mark.parametrize("share", [0.9951, 0.9999])
def test_nearly_all_is_not_all(share: float) -> None:
    nearly = replace(GOOD, agreement=Estimate(share, 0.99, 1.0, "prompts"))
    assert f"on {str(share * 100)[:4]} % of tokens" in sentence(nearly)


@given(st.floats(0.2, 5), st.floats(0, 1), st.floats(0, 1))
def test_speeds_that_may_be_equal_are_never_said_to_differ(
    value: float, below: float, above: float
) -> None:
    speed = Estimate(value, value * (1 - below), value * (1 + above), "prompts")
    text = sentence(replace(GOOD, speed=speed))
    may_be_equal = speed.low <= 1 <= speed.high
    assert ("as fast as bf16, as far as can be measured" in text) == may_be_equal


@given(st.floats(0.5, 3), st.floats(0, 0.5), st.floats(0, 0.5))
def test_perplexities_that_may_be_equal_are_never_said_to_differ(
    value: float, below: float, above: float
) -> None:
    figure = Estimate(value, value * (1 - below), value * (1 + above), "prompts")
    text = sentence(replace(GOOD, perplexity=figure))
    assert ("no measurable loss" in text) == (figure.low <= 1 <= figure.high)
