"""The figures of a comparison: names, how each is computed, and values in words. No Qt."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from desktop import wording
from desktop.telemetry.figures import Figure
from desktop.translation import isolated, mark, number, tr
from engine.lab import table
from engine.lab.records import Comparison, Estimate, Over, Row

Words: TypeAlias = Callable[[float], str]

_OVER: dict[Over, str] = {
    "prompts": mark("In parentheses the 95 % interval over other prompts of this kind."),
    "blocks": mark(
        "In parentheses the 95 % interval over passages of these answers: too few prompts to tell "
        "of others."
    ),
    "runs": mark("In parentheses the 95 % interval over runs."),
    "none": mark("Measured too seldom for an interval."),
}

DECODE = Figure(
    mark("Decode tokens/s"),
    mark(
        "Speed of writing, median over the prompts: tokens after the first, divided by the time "
        "from the first to the last."
    ),
)
PREFILL = Figure(
    mark("Prefill tokens/s"),
    mark(
        "Speed of reading, median over the prompts: tokens of the prompt, divided by the time that "
        "computing them took."
    ),
)
TTFT = Figure(
    mark("First token"),
    mark("TTFT, median over the prompts: from the engine's receipt to the first token."),
)
P50 = Figure(
    mark("Per token, p50"),
    mark("Half of an answer's tokens came within this time; median over the prompts."),
)
P95 = Figure(
    mark("Per token, p95"),
    mark("95 of 100 of an answer's tokens came within this time; median over the prompts."),
)
FASTER = Figure(
    mark("Speed ratio"),
    mark("Decode speed over the reference's, prompt by prompt; the median of these ratios."),
)
KL = Figure(
    mark("KL, nats a token"),
    mark(
        "Kullback-Leibler divergence of the next token's probabilities from the reference's, along "
        "the reference's answers; the mean over all tokens. 0 is no difference."
    ),
)
AGREEMENT = Figure(
    mark("Top-1 agreement"),
    mark("Share of the tokens of the reference's answers that this one would have written, too."),
)
PERPLEXITY = Figure(
    mark("Perplexity ratio"),
    mark("Perplexity on the reference's answers, over the reference's own. 1 is no difference."),
)
TEXT = Figure(
    mark("Perplexity of the text"),
    mark("On the text file; in parentheses its ratio to the reference's."),
)
PEAK = Figure(
    mark("Memory peak"), mark("The most resident memory of this variant's own engine process.")
)
DISK = Figure(mark("On disk"), mark("The files that the weights were read from."))
LOADING = Figure(
    mark("Loading"),
    mark("Until the model could answer, the first time with the quantising of its weights."),
)
KERNEL = Figure(mark("Kernel"), mark("What really ran, as counted after loading."))


@dataclass(frozen=True)
class Cell:
    """A value, its interval or "", how it came about, and whether it must not be counted."""

    text: str
    interval: str = ""
    how: str = ""
    is_invalid: bool = False

    @property
    def whole(self) -> str:
        """All of it on one line."""
        invalid = tr("invalid") if self.is_invalid else ""
        return " ".join(filter(None, (self.text, self.interval, invalid)))


@dataclass(frozen=True)
class Line:
    """A figure, and a cell for each variant."""

    figure: Figure
    cells: tuple[Cell, ...]


def lines(comparison: Comparison) -> list[Line]:
    """Return the figures that were measured for some variant."""
    rows = comparison.rows
    listed = [Line(figure, tuple(map(make, rows))) for figure, make in _MAKERS]
    return [line for line in listed if any(c.text != wording.UNKNOWN for c in line.cells)]


def why_invalid(row: Row) -> str:
    """Return why speeds of `row` do not count, or ""."""
    if not row.spoiled:
        return ""
    reasons = isolated("; ".join(row.spoiled))
    if row.speed is None:
        return tr("Invalid, do not count on it: {reasons}.", reasons=reasons)
    spoiled = number(f"{sum(bool(answer.spoiled) for answer in row.answers):,}")
    total = number(f"{len(row.answers):,}")
    return tr(
        "{spoiled} of {total} answers are invalid and left out: {reasons}.",
        spoiled=spoiled,
        total=total,
        reasons=reasons,
    )


def _estimate(figure: Estimate | None, words: Words, more: str = "") -> Cell:
    if figure is None:
        return Cell(wording.UNKNOWN)
    has_interval = figure.over != "none"
    interval = isolated(f"({words(figure.low)} – {words(figure.high)})") if has_interval else ""
    return Cell(
        words(figure.value), interval, " ".join(filter(None, (tr(_OVER[figure.over]), more)))
    )


def _speed(name: str, words: Words) -> Callable[[Row], Cell]:
    """Return what makes the cell of a speed; of nothing but invalid answers it shows the median."""

    def make(row: Row) -> Cell:
        if row.speed:
            return _estimate(getattr(row.speed, name), words, why_invalid(row))
        if not row.answers:
            return Cell(wording.UNKNOWN)
        value = statistics.median(getattr(answer.metrics, name) for answer in row.answers)
        return Cell(words(value), how=why_invalid(row), is_invalid=True)

    return make


def _quality(name: str, words: Words) -> Callable[[Row], Cell]:
    return lambda row: _estimate(getattr(row, name), words)


def _text(row: Row) -> Cell:
    if row.text_perplexity is None:
        return Cell(wording.UNKNOWN)
    over = row.text_perplexity_ratio
    return Cell(_ratio(row.text_perplexity), f"({_ratio(over)})" if over else "")


def _memory(row: Row) -> Cell:
    return Cell(wording.size(row.peak_rss_bytes) if row.peak_rss_bytes else wording.UNKNOWN)


def _milliseconds(value: float) -> str:
    return number(f"{value:.1f} ms")


def _ratio(value: float) -> str:
    return number(table.ratio(value))


def _figure(value: float) -> str:
    return number(table.number(value))


def nats(value: float) -> str:
    """Return a divergence as text, never with an exponent."""
    return number(f"{value:.6f}" if value < 0.001 else table.number(value))


def share(value: float) -> str:
    """Return a share of 1 as "97.5%"."""
    return tr("{number}%", number=number(f"{value * 100:.1f}"))


_MAKERS: tuple[tuple[Figure, Callable[[Row], Cell]], ...] = (
    (DECODE, _speed("decode_tokens_per_s", wording.speed)),
    (PREFILL, _speed("prefill_tokens_per_s", wording.speed)),
    (TTFT, _speed("ttft_s", wording.seconds)),
    (P50, _speed("token_ms_p50", _milliseconds)),
    (P95, _speed("token_ms_p95", _milliseconds)),
    (FASTER, lambda row: _estimate(row.speed.decode_ratio if row.speed else None, _figure)),
    (KL, _quality("kl", nats)),
    (AGREEMENT, _quality("top1_agreement", share)),
    (PERPLEXITY, _quality("perplexity_ratio", _ratio)),
    (TEXT, _text),
    (PEAK, _memory),
    (LOADING, lambda row: Cell(wording.seconds(row.load_s))),
    (DISK, lambda row: Cell(wording.size(row.disk_bytes))),
    (KERNEL, lambda row: Cell(f"{row.kernel}, {row.isa}", how=row.why)),
)
