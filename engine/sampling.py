"""Logits to a token id.

The order of the steps is transformers' own: repetition penalty, temperature, top-k, top-p, min-p.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import BadSetting
from engine.messages import SamplingSettings

_SEED_LIMIT = 2**63


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
        _check("top-k", top_k, top_k >= 0, "0 or more")
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
        logits = _keep_top(logits / self.temperature, self.top_k, self.top_p, self.min_p)
        probabilities = logits.softmax(-1)
        return int(torch.multinomial(probabilities, 1, generator=self.generator))


def _penalise(logits: Tensor, context: Sequence[int], penalty: float) -> Tensor:
    """Make each token that occurred less likely (Keskar et al. 2019, CTRL, section 4.1)."""
    seen = torch.tensor(sorted(set(context)))
    scores = logits[seen]
    changed = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits.scatter(0, seen, changed)


def _keep_top(logits: Tensor, top_k: int, top_p: float, min_p: float) -> Tensor:
    """Set to -inf what top-k, then top-p (nucleus), then min-p leave out."""
    if 0 < top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -torch.inf)
    if top_p < 1:
        ordered, order = logits.sort(descending=True)
        probabilities = ordered.softmax(-1)
        # A token stays while those before it have not yet filled top_p; so the first always does.
        beyond = probabilities.cumsum(-1) - probabilities >= top_p
        logits = logits.masked_fill(torch.zeros_like(beyond).scatter(0, order, beyond), -torch.inf)
    if min_p > 0:
        probabilities = logits.softmax(-1)
        logits = logits.masked_fill(probabilities < min_p * probabilities.max(), -torch.inf)
    return logits


def _pick(asked: float | None, own: object, default: float) -> float:
    if asked is not None:
        return asked
    return own if isinstance(own, int | float) and not isinstance(own, bool) else default


def _check(name: str, value: float, good: bool, allowed: str) -> None:
    if not good:
        raise BadSetting(name=name, value=value, allowed=allowed)
