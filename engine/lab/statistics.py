"""How sure a figure is: bootstrap intervals (Efron 1979) over prompts, or blocks of tokens.

Tokens of one answer hang together, so the unit that is resampled is the prompt. The interval then
tells how the figure would vary with other prompts of the kind. With fewer than 5 prompts there is
no honest interval over prompts: blocks of 16 tokens of the answers are resampled in their place,
which tells how the figure varies within these answers, and says nothing of other prompts. With
fewer than 5 blocks there is no interval at all.

Percentile intervals are too narrow for few units; they are widened as Hesterberg, What Teachers
Should Know About the Bootstrap (2015), section 4.4, does it ("expanded percentile"). Every
resampling has the same seed, so the same figures give the same interval.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.lab.records import Estimate, Over

if TYPE_CHECKING:  # the window starts without numpy, which is loaded with the first figures
    import numpy as np
    import numpy.typing as npt

LEVEL = 0.95
LEAST_UNITS = 5
BLOCK = 16  # tokens
_RESAMPLES = 10_000
_SEED = 20_240_101

Values: TypeAlias = "npt.NDArray[np.float64]"
_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf((1 + LEVEL) / 2)


def token_mean(answers: Sequence[Sequence[float]]) -> Estimate:
    """Return the mean of a figure over all tokens; answers: the tokens' figures, by prompt."""
    import numpy as np

    units, over = _units(answers)
    sums = np.array([sum(unit) for unit in units], np.float64)
    sizes = np.array([len(unit) for unit in units], np.float64)
    return _bootstrapped(
        sums.sum() / sizes.sum(), len(units), over, lambda i: sums[i].sum(1) / sizes[i].sum(1)
    )


def token_share(answers: Sequence[Sequence[bool]]) -> Estimate:
    """Return the share of tokens that are true.

    Where all are alike, resampling sees no variation; so the interval is at least as wide as
    Wilson's (1927) for so many tokens.
    """
    estimate = token_mean(answers)
    low, high = _wilson(estimate.value, sum(map(len, answers)))
    return Estimate(estimate.value, min(low, estimate.low), max(high, estimate.high), estimate.over)


def exponential(estimate: Estimate) -> Estimate:
    """Return the estimate of e to the figure: the perplexity of nats."""
    value, low, high = (
        math.exp(min(x, 700.0)) for x in (estimate.value, estimate.low, estimate.high)
    )
    return Estimate(value, low, high, estimate.over)


def median(values: Sequence[float], over: Over = "prompts") -> Estimate:
    """Return the median of at least one figure; `over` is what they are one each of."""
    import numpy as np

    array = np.array(values, np.float64)
    return _bootstrapped(
        float(np.median(array)),
        len(values),
        over if len(values) >= LEAST_UNITS else "none",
        lambda i: np.median(array[i], 1),
    )


def _units(answers: Sequence[Sequence[Any]]) -> tuple[list[Sequence[Any]], Over]:
    """Return what is resampled: whole answers, or blocks of them where there are few."""
    answers = [answer for answer in answers if len(answer)]
    if len(answers) >= LEAST_UNITS:
        return list(answers), "prompts"
    blocks = [
        answer[start : start + BLOCK if start + 2 * BLOCK <= len(answer) else len(answer)]
        for answer in answers
        for start in range(0, max(1, len(answer) - BLOCK + 1), BLOCK)
    ]
    return blocks, "blocks" if len(blocks) >= LEAST_UNITS else "none"


def _bootstrapped(
    value: float, count: int, over: Over, statistic: "Callable[[npt.NDArray[np.intp]], Values]"
) -> Estimate:
    """statistic: from places [resamples, units] to a value each."""
    import numpy as np

    value = float(value)
    if over == "none":
        return Estimate(value, value, value)
    places = np.random.default_rng(_SEED).integers(0, count, (_RESAMPLES, count))
    tail = _expanded_tail(count)
    low, high = map(float, np.quantile(statistic(places), [tail, 1 - tail]))
    # The figure itself is within, also where a resampled median never meets it.
    return Estimate(value, min(low, value), max(high, value), over)


def _expanded_tail(count: int) -> float:
    """Return the share of resamples that is left out on each side."""
    return _NORMAL.cdf(-math.sqrt(count / (count - 1)) * _student(count - 1))


def _student(freedom: int) -> float:
    """Return Student's t for the level (Cornish-Fisher; within 1 % from 4 degrees on)."""
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / float(freedom) ** power for power, term in enumerate(terms, 1))


def _wilson(share: float, count: int) -> tuple[float, float]:
    z = _Z
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + (z / count / 2) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)
