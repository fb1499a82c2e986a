"""How much of a prompt is read between two looks at the stop flag."""

import pytest

from engine.pace import Pace


@pytest.mark.parametrize("tokens_per_s", [1, 30, 100, 400, 5000])
def test_a_block_takes_less_than_a_second_once_the_speed_is_known(tokens_per_s: int) -> None:
    pace = Pace.of(1_000_000_000)
    for _ in range(6):
        pace.learn(pace.tokens, pace.tokens / tokens_per_s)
    assert pace.tokens / tokens_per_s < 0.5 or pace.tokens == 16
    assert pace.tokens / tokens_per_s > 0.15 or pace.tokens == 256


def test_a_large_model_is_begun_with_small_blocks() -> None:
    assert Pace.of(5_000_000).tokens == 256
    assert Pace.of(135_000_000).tokens == 64
    assert Pace.of(70_000_000_000).tokens == 16


def test_the_short_end_of_a_prompt_says_nothing_of_the_speed() -> None:
    pace = Pace(64)
    pace.learn(3, 10.0)
    assert pace.tokens == 64
