"""Logits to a token id.

The order of the steps is transformers' own: repetition penalty, temperature, top-k, top-p, min-p.
"""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import BadSetting
from engine.messages import SamplingSettings

_SEED_LIMIT = 2**63
_COLDEST = 1e-6
_FEW = 1024


@dataclass(frozen=True)
class Sampler:
    """Settled settings; see `engine.messages.SamplingSettings` for what each does."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    generator: torch.Generator

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
        _check("temperature", temperature, 0 <= temperature <= 100, "from 0 to 100")
        _check("top-k", top_k, 0 <= top_k < 2**31, "from 0 to 2^31 - 1")
        _check("top-p", top_p, 0 < top_p <= 1, "above 0 and at most 1")
        _check("min-p", min_p, 0 <= min_p < 1, "at least 0 and below 1")
        _check("repetition penalty", penalty, 0 < penalty <= 100, "above 0 and at most 100")
        seed = secrets.randbelow(_SEED_LIMIT) if asked.seed is None else asked.seed
        _check("seed", seed, 0 <= seed < _SEED_LIMIT, "from 0 to 2^63 - 1")
        generator = torch.Generator().manual_seed(seed)
        return cls(temperature, int(top_k), top_p, min_p, penalty, generator)

    def draw(self, logits: Tensor, context: Sequence[int]) -> int:
        """Return the next token's id.

        logits: float32 [vocab]; context: the ids so far, which the repetition penalty looks at.
        """
        if self.repetition_penalty != 1.0 and context:
            logits = _penalise(logits, context, self.repetition_penalty)
        if self.temperature == 0:
            return int(logits.argmax())
        # The best at 0: a temperature near 0 then sends the others to -inf and nothing to NaN.
        logits = (logits - logits.max()) / max(self.temperature, _COLDEST)
        values, ids = _candidates(logits, self.top_k, self.top_p, self.min_p)
        # The inverse of the distribution function, in float64; torch.multinomial draws a number for
        # every token of the vocabulary, which takes 30 times as long.
        summed = values.double().softmax(-1).cumsum(-1)
        point = torch.rand(1, dtype=torch.float64, generator=self.generator) * summed[-1]
        place = int(torch.searchsorted(summed, point, right=True))
        return int(ids[min(place, len(ids) - 1)])


def _penalise(logits: Tensor, context: Sequence[int], penalty: float) -> Tensor:
    """Make each token that occurred less likely (Keskar et al. 2019, CTRL, section 4.1)."""
    seen = torch.tensor(sorted(set(context)))
    scores = logits[seen]
    changed = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits.scatter(0, seen, changed)


def _candidates(logits: Tensor, top_k: int, top_p: float, min_p: float) -> tuple[Tensor, Tensor]:
    """Return logits and ids of the tokens that top-k, then top-p, then min-p leave."""
    if 0 < top_k < len(logits):
        logits, ids = logits.topk(top_k)
    else:
        ids = torch.arange(len(logits))
    if top_p < 1:
        values, order = _likeliest(logits, top_p)
        shares = (values - logits.logsumexp(-1)).exp()
        # A token stays while those before it have not yet filled top_p; so the first always does.
        count = int((shares.cumsum(-1) - shares < top_p).sum())
        logits, ids = values[:count], ids[order[:count]]
    if min_p > 0:
        # p >= min_p * max(p), in logarithms.
        kept = logits >= logits.max() + math.log(min_p)
        logits, ids = logits[kept], ids[kept]
    return logits, ids


def _likeliest(logits: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return logits and ids, best first, of enough tokens to fill `share` of the probability.

    Sorting a vocabulary of 128,000 takes as long as a layer; the best 1024 nearly always do.
    """
    few = logits.topk(min(_FEW, len(logits)))
    if float((few.values.logsumexp(-1) - logits.logsumexp(-1)).exp()) > share:
        return few.values, few.indices
    return logits.sort(descending=True)


def _pick(asked: float | None, own: object, default: float) -> float:
    if asked is not None:
        return asked
    return own if isinstance(own, int | float) and not isinstance(own, bool) else default


def _check(name: str, value: float, good: bool, allowed: str) -> None:
    if not good:
        raise BadSetting(name=name, value=value, allowed=allowed)
