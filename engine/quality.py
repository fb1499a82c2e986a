"""How well a model in some precision predicts a text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import TextTooShort
from engine.language_model import LanguageModel, Logits

DEFAULT_WINDOW = 512


@dataclass(frozen=True)
class Perplexity:
    """exp(nats_per_token), over `tokens` predicted tokens, in windows of `window`."""

    perplexity: float
    nats_per_token: float
    tokens: int
    window: int


def perplexity(
    model: LanguageModel,
    ids: Sequence[int],
    window: int | None,
    on_progress: Callable[[int, int], None],
) -> Perplexity:
    """Return the perplexity of token ids, in windows of `window` tokens that do not overlap.

    None takes 512; the model's own context bounds it.

    The first token of each window is given, the others are predicted from those before them in
    the window. on_progress(done, total) is called before each; what it raises ends the work.
    Raises TextTooShort.
    """
    length = max(2, min(window or DEFAULT_WINDOW, model.context_length))
    windows = [ids[i : i + length] for i in range(0, len(ids), length)]
    windows = [part for part in windows if len(part) > 1]
    if not windows:
        raise TextTooShort(tokens=len(ids))
    nats, tokens = 0.0, 0
    for number, part in enumerate(windows):
        on_progress(number, len(windows))
        nats += _nats(model, part)
        tokens += len(part) - 1
    mean = nats / tokens
    return Perplexity(math.exp(min(mean, 700.0)), mean, tokens, length)


def _nats(model: LanguageModel, ids: Sequence[int]) -> float:
    """Return the summed negative log-likelihood of ids[1:], in nats."""
    targets = np.array(ids[1:])
    total, start = 0.0, 0
    for logits in model.all_logits(ids):
        expected = targets[start : start + len(logits)]
        total += _cross_entropy(logits[: len(expected)], expected)
        start += len(logits)
    return total


def _cross_entropy(logits: Logits, targets: npt.NDArray[np.intp]) -> float:
    """Return the summed negative log of the probability of `targets`; logits: [tokens, vocab]."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    normalisers = np.log(np.exp(logits).sum(axis=-1, dtype=np.float64))
    return float((normalisers - logits[np.arange(len(targets)), targets]).sum())
