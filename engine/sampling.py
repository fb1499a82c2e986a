"""Logits to a token id.

The order of the steps is transformers' own: repetition penalty, temperature, top-k, top-p, min-p.
Presence and frequency penalties come right after the repetition penalty.
"""

import math
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.errors import BadSetting, NoNumbers
from engine.language_model import Logits
from engine.messages import SamplingSettings

Ids: TypeAlias = npt.NDArray[np.intp]

_SEED_LIMIT = 2**63
_COLDEST = 1e-6
_FEW = 1024
_GROUP = 16  # logits of which the greatest stands for all, where the best are sought


@dataclass(frozen=True)
class Sampler:
    """Settled settings; see `engine.messages.SamplingSettings` for what each does."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    generator: random.Random

    @classmethod
    def settle(cls, asked: SamplingSettings, own: Mapping[str, object]) -> "Sampler":
        """Return a sampler with what was asked for, or else the model's `own` generation config.

        Raises BadSetting for a value out of its range.
        """
        temperature = _pick(asked.temperature, own.get("temperature"), 1.0)
        if asked.temperature is None and own.get("do_sample") is False:
            temperature = 0.0
        top_k = _pick(asked.top_k, own.get("top_k"), 0)
        top_p = _pick(asked.top_p, own.get("top_p"), 1.0)
        min_p = _pick(asked.min_p, own.get("min_p"), 0.0)
        penalty = _pick(asked.repetition_penalty, own.get("repetition_penalty"), 1.0)
        presence = _pick(asked.presence_penalty, own.get("presence_penalty"), 0.0)
        frequency = _pick(asked.frequency_penalty, own.get("frequency_penalty"), 0.0)
        _check("temperature", temperature, 0 <= temperature <= 100, "from 0 to 100")
        _check("top-k", top_k, 0 <= top_k < 2**31, "from 0 to 2^31 - 1")
        _check("top-p", top_p, 0 < top_p <= 1, "above 0 and at most 1")
        _check("min-p", min_p, 0 <= min_p < 1, "at least 0 and below 1")
        _check("repetition penalty", penalty, 0 < penalty <= 100, "above 0 and at most 100")
        _check("presence penalty", presence, -2 <= presence <= 2, "from -2 to 2")
        _check("frequency penalty", frequency, -2 <= frequency <= 2, "from -2 to 2")
        seed = secrets.randbelow(_SEED_LIMIT) if asked.seed is None else asked.seed
        _check("seed", seed, 0 <= seed < _SEED_LIMIT, "from 0 to 2^63 - 1")
        # Python promises the same numbers for a seed in every version; numpy does not.
        generator = random.Random(seed)
        return cls(temperature, int(top_k), top_p, min_p, penalty, presence, frequency, generator)

    def draw(self, logits: Logits, context: Sequence[int], answered: int = 0) -> int:
        """Return the next token's id.

        logits: float32 [vocab]; context: the ids so far, which the repetition penalty looks at; its
        last `answered` ids are of the answer, which the other two penalties look at. Raises
        NoNumbers.
        """
        if not np.isfinite(logits.max()):  # NaN is greater than all
            raise NoNumbers()
        if self.repetition_penalty != 1.0 and context:
            logits = _penalise(logits, context, self.repetition_penalty)
        if answered and (self.presence_penalty or self.frequency_penalty):
            answer = context[len(context) - answered :]
            logits = _lower(logits, answer, self.presence_penalty, self.frequency_penalty)
        if self.temperature == 0:
            return int(logits.argmax())
        # The best at 0: a temperature near 0 then sends the others to -inf and nothing to NaN.
        logits = (logits - logits.max()) / np.float32(max(self.temperature, _COLDEST))
        ids = self._candidates(logits)
        return int(ids[_place(logits[ids], self.generator.random())])

    def _candidates(self, logits: Logits) -> Ids:
        """Return the ids that top-k, then top-p, then min-p leave. The best logit is 0."""
        all_ids = np.arange(len(logits))
        ids = _best(logits, self.top_k) if 0 < self.top_k < len(logits) else all_ids
        if self.top_p < 1:
            ids = ids[_likeliest(logits[ids], self.top_p)]
        if self.min_p > 0:
            # p >= min_p * max(p), in logarithms.
            ids = ids[~(logits[ids] < math.log(self.min_p))]
        return ids


def _penalise(logits: Logits, context: Sequence[int], penalty: float) -> Logits:
    """Make each token that occurred less likely (Keskar et al. 2019, CTRL, section 4.1)."""
    seen = np.array(context)
    scores = logits[seen]
    changed = logits.copy()
    changed[seen] = np.where(scores < 0, scores * penalty, scores / penalty)
    return changed


def _lower(logits: Logits, answer: Sequence[int], presence: float, frequency: float) -> Logits:
    """Subtract from each token of the answer, once and for each time that it occurred.

    The definition is OpenAI's (API guide, "frequency and presence penalties").
    """
    seen, counts = np.unique(answer, return_counts=True)
    changed = logits.copy()
    changed[seen] -= (presence + frequency * counts).astype(np.float32)
    return changed


def _best(logits: Logits, count: int) -> Ids:
    """Return the places of the `count` greatest logits, or of all, best first.

    Sorting a vocabulary of 128,000 takes as long as a layer. The count-th greatest of the maxima of
    disjoint groups is a bound that at least `count` logits reach, and few others do.
    """
    groups = len(logits) // _GROUP
    near = np.arange(len(logits))
    if groups > count:
        maxima = logits[: groups * _GROUP].reshape(_GROUP, groups).max(0)
        bound = np.partition(maxima, groups - count)[groups - count]
        near = np.flatnonzero(~(logits < bound))  # so that NaN, of a broken model, stays
    order = np.argsort(-logits[near], kind="stable")
    return near[order[:count]]


def _likeliest(logits: Logits, share: float) -> Ids:
    """Return the places, best first, of the fewest tokens that fill `share` of the probability."""
    total = float(np.exp(logits).sum(dtype=np.float64))
    for count in (_FEW, len(logits)):  # the first few nearly always do
        best = _best(logits, count)
        shares = np.exp(logits[best], dtype=np.float64) / total
        # A token stays while those before it have not yet filled the share; so the first does.
        before = shares.cumsum() - shares
        if before[-1] + shares[-1] > share:
            break
    return best[before < share]


def _place(logits: Logits, point: float) -> int:
    """Return the place at `point`, from 0 to 1, of the distribution that `logits` make."""
    # The inverse of the distribution function, in float64.
    summed = np.exp(logits).astype(np.float64).cumsum()
    place = int(np.searchsorted(summed, point * summed[-1], side="right"))
    return min(place, len(logits) - 1)


def recommended(own: Mapping[str, object]) -> SamplingSettings:
    """Return what a model's `own` generation config makes of settings that are left open.

    All None where a value there is out of its range, which every answer then says.
    """
    try:
        sampler = Sampler.settle(SamplingSettings(seed=0), own)
    except BadSetting:
        return SamplingSettings()
    return SamplingSettings(
        temperature=sampler.temperature,
        top_k=sampler.top_k,
        top_p=sampler.top_p,
        min_p=sampler.min_p,
        repetition_penalty=sampler.repetition_penalty,
        presence_penalty=sampler.presence_penalty,
        frequency_penalty=sampler.frequency_penalty,
    )


def _pick(asked: float | None, own: object, default: float) -> float:
    if asked is not None:
        return asked
    return own if isinstance(own, int | float) and not isinstance(own, bool) else default


def _check(name: str, value: float, good: bool, allowed: str) -> None:
    if not good:
        raise BadSetting(name=name, value=value, allowed=allowed)
