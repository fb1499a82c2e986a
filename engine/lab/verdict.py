"""The figures of a variant, said in one sentence that is never surer than their intervals."""

import math
from dataclasses import dataclass

from engine.lab.records import Estimate, Likeness

# What a person would notice is a matter of taste; these are ours, and the figures stand beside.
_WORSE_PERPLEXITY, _WORSE_AGREEMENT = 1.02, 0.90
_BROKEN_PERPLEXITY, _BROKEN_AGREEMENT = 1.5, 0.50


@dataclass(frozen=True)
class Figures:
    """What is known of `label` beside `reference`. unmeasured: why there is no `speed`."""

    label: str
    reference: str
    prompts: int
    tokens: int
    speed: Estimate | None
    memory: float | None
    agreement: Estimate | None
    perplexity: Estimate | None
    unmeasured: str = ""


def likeness(figures: Figures) -> Likeness:
    """Return how near the variant comes to the reference, as far as the intervals tell.

    same: every token agrees and perplexity may be equal. broken: nobody would use it. worse: surely
    below what is hardly noticed. close: neither is sure. unknown: there is too little to tell.
    """
    agreement, perplexity = figures.agreement, figures.perplexity
    if agreement is None or perplexity is None:
        return "unknown"
    if agreement.value == 1 and perplexity.low <= 1 <= perplexity.high:
        return "same"
    if agreement.over == "none":
        return "unknown"
    if perplexity.low > _BROKEN_PERPLEXITY or agreement.high < _BROKEN_AGREEMENT:
        return "broken"
    if perplexity.low > _WORSE_PERPLEXITY or agreement.high < _WORSE_AGREEMENT:
        return "worse"
    return "close"


def sentence(figures: Figures) -> str:
    """Return the verdict on one variant."""
    kind, speed = likeness(figures), figures.speed
    even = speed is not None and speed.over != "none" and speed.low <= 1 <= speed.high
    if kind == "same" and even:
        return (
            f"There is no measurable difference between {figures.label} and {figures.reference} "
            f"{_on_prompts(figures)}, in speed or in quality{_at_least(figures)}; "
            f"{_memory(figures, 'it takes')}."
        )
    return f"{_speed(figures)}{_memory(figures, ' in')}; {_quality(figures, kind)}."


def _speed(figures: Figures) -> str:
    ratio, label = figures.speed, figures.label
    if ratio is None:
        reason = f" ({figures.unmeasured})" if figures.unmeasured else ""
        return f"The speed of {label} could not be measured{reason}; it runs"
    fast = f"{_times(ratio.value)} times as fast as {figures.reference}"
    if ratio.over == "none":
        return f"{label} was about {fast}, timed too seldom to be sure,"
    if ratio.low <= 1 <= ratio.high:
        return f"{label} is as fast as {figures.reference}, as far as can be measured,"
    return f"{label} is {fast} ({_times(ratio.low)}–{_times(ratio.high)})"


def _memory(figures: Figures, before: str) -> str:
    share = "a share of the memory that was not measured"
    if figures.memory is not None:
        share = f"{figures.memory * 100:.0f} % of the memory"
    if figures.memory is not None and figures.memory >= 2:
        share = f"{_times(figures.memory)} times the memory"
    return f"{before} {share}"


def _quality(figures: Figures, kind: Likeness) -> str:
    agreement, perplexity = figures.agreement, figures.perplexity
    if agreement is None or perplexity is None:
        return "its quality was not compared"
    where = _on_prompts(figures)
    if kind == "same":
        return f"{where} no difference in quality was measurable{_at_least(figures)}"
    agreed = f"{where} it agreed with {figures.reference} on {_share(agreement)}"
    if agreement.over == "none":
        return f"{agreed}, which are too few ({figures.tokens}) to tell more"
    loss = _loss(perplexity)
    if kind == "broken":
        return f"{agreed}{loss}: it is not fit for use here, as if its weights were damaged"
    return f"{agreed}{loss}"


def _loss(perplexity: Estimate) -> str:
    if perplexity.low <= 1 <= perplexity.high:
        return ", with no measurable loss of perplexity"
    value, low, high = perplexity.value, perplexity.low, perplexity.high
    if value >= 2:
        interval = f"({_times(low)}–{_times(high)})"
        return f", and its perplexity is {_times(value)} times as high {interval}"
    more, ends = ("higher", (low, high)) if value > 1 else ("lower", (high, low))
    first, last = (f"{abs(end - 1) * 100:.2g}" for end in ends)
    return f", and its perplexity is {abs(value - 1) * 100:.2g} % {more} ({first}–{last} %)"


def _on_prompts(figures: Figures) -> str:
    return f"on your {figures.prompts} prompts" if figures.prompts > 1 else "on your prompt"


def _at_least(figures: Figures) -> str:
    """Return how sure it is that all tokens agree."""
    low = figures.agreement.low if figures.agreement else 0.0
    return f" (all {figures.tokens} tokens agree, so at least {_number(low)} % do)"


def _share(estimate: Estimate) -> str:
    within = " within these answers" if estimate.over == "blocks" else ""
    interval = f"{_number(estimate.low)}–{_number(estimate.high)} %{within}"
    agreed = f"{_number(estimate.value)} % of tokens"
    return agreed if estimate.over == "none" else f"{agreed} ({interval})"


def _times(ratio: float) -> str:
    """Return a ratio with the digits that mean something: "0.86", "2.1", "120"."""
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


def _number(share: float) -> str:
    """Return a share in per cent. 100 means all and 0 means none, never nearly so."""
    whole = round(share * 100)
    if whole in (0, 100) and share not in (0, 1):
        return f"{min(max(math.floor(share * 1000) / 10, 0.1), 99.9)}"
    return str(whole)
