"""The rounds of both engines -> a table for people, and one object for programs."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import truediv

from engine.bench import Spread
from engine.cli import console
from engine.cli.bandwidth import Bandwidth
from engine.messages import Loaded, Precision
from tests.benchmarks.measurement import FIGURES, Measurement

_LABELS: dict[str, tuple[str, Callable[[float], str]]] = {
    "decode_tokens_per_s": ("decode, tokens/s", console.rate),
    "prefill_128_tokens_per_s": ("prefill of 128, tokens/s", console.rate),
    "prefill_512_tokens_per_s": ("prefill of 512, tokens/s", console.rate),
    "ttft_s": ("TTFT of 128, s", "{:.3f}".format),
    "peak_rss_bytes": ("peak RSS, MB", lambda value: f"{value / 1e6:.0f}"),
    "load_s": ("load, s", "{:.2f}".format),
    "decode_4096_tokens_per_s": ("decode at 4096, tokens/s", console.rate),
}
_HEADINGS = ("shape", "precision", "figure", "Tern", "llama.cpp", "Tern / llama.cpp")


@dataclass(frozen=True)
class Round:
    """Both engines, one right after the other. others: share of the CPU time that others took.

    The bandwidths are of reading memory, right before and right after each of them.
    """

    tern: Measurement
    llama_cpp: Measurement
    others: float
    tern_bandwidth: Bandwidth | None
    llama_cpp_bandwidth: Bandwidth | None


@dataclass(frozen=True)
class Comparison:
    """One figure of both engines over the rounds; the ratio is taken in each round."""

    tern: Spread
    llama_cpp: Spread
    ratio: Spread


@dataclass(frozen=True)
class Row:
    """One shape in one precision.

    bandwidth_fraction: weight bytes a token x decode speed, over the read bandwidth that memory
    sustained right before and after, the median of the rounds; of_best, over the best moment of any
    round. It can pass 1 where weights stay in the CPU's cache. read_bandwidth is that around Tern.
    tern_first_load_s is the load that quantised. `others` is that of the worst round.
    """

    shape: str
    precision: Precision
    file_type: str
    tern_kernel: str
    tern_isa: str
    tern_why: str
    tern_first_load_s: float
    tern_weight_bytes: int
    llama_cpp_weight_bytes: int
    read_bandwidth: Spread | None
    best_read_bandwidth: float | None
    tern_bandwidth_fraction: float | None
    llama_cpp_bandwidth_fraction: float | None
    tern_bandwidth_fraction_of_best: float | None
    llama_cpp_bandwidth_fraction_of_best: float | None
    others: float
    figures: dict[str, Comparison]


def make_row(
    shape: str,
    precision: Precision,
    file_type: str,
    chosen: Loaded,
    llama_weight_bytes: int,
    rounds: Sequence[Round],
) -> Row:
    """Return the row of `rounds`, at least one."""
    figures = {name: _compare(name, rounds) for name in FIGURES if _measured(name, rounds)}
    ours = [round_.tern_bandwidth for round_ in rounds if round_.tern_bandwidth]
    theirs = [round_.llama_cpp_bandwidth for round_ in rounds if round_.llama_cpp_bandwidth]
    whole = len(ours) == len(theirs) == len(rounds)
    best = max(bandwidth.bytes_per_s for bandwidth in ours + theirs) if whole else None
    tern = [chosen.weight_bytes * round_.tern.decode_tokens_per_s for round_ in rounds]
    llama = [llama_weight_bytes * round_.llama_cpp.decode_tokens_per_s for round_ in rounds]

    def fraction(reads: Sequence[float], known: Sequence[Bandwidth]) -> float | None:
        return statistics.median(map(truediv, reads, _sustained(known))) if whole else None

    def of_best(reads: Sequence[float]) -> float | None:
        return statistics.median(reads) / best if best else None

    return Row(
        shape=shape,
        precision=precision,
        file_type=file_type,
        tern_kernel=chosen.kernel,
        tern_isa=chosen.isa,
        tern_why=chosen.why,
        tern_first_load_s=chosen.load_s,
        tern_weight_bytes=chosen.weight_bytes,
        llama_cpp_weight_bytes=llama_weight_bytes,
        read_bandwidth=Spread.of(_sustained(ours)) if whole else None,
        best_read_bandwidth=best,
        tern_bandwidth_fraction=fraction(tern, ours),
        llama_cpp_bandwidth_fraction=fraction(llama, theirs),
        tern_bandwidth_fraction_of_best=of_best(tern),
        llama_cpp_bandwidth_fraction_of_best=of_best(llama),
        others=max(round_.others for round_ in rounds),
        figures=figures,
    )


def _sustained(known: Sequence[Bandwidth]) -> list[float]:
    return [bandwidth.sustained_bytes_per_s for bandwidth in known]


def _measured(name: str, rounds: Sequence[Round]) -> bool:
    return all(getattr(round_.tern, name) is not None for round_ in rounds)


def _compare(name: str, rounds: Sequence[Round]) -> Comparison:
    tern = [getattr(round_.tern, name) for round_ in rounds]
    llama = [getattr(round_.llama_cpp, name) for round_ in rounds]
    ratios = [ours / theirs for ours, theirs in zip(tern, llama, strict=True)]
    return Comparison(Spread.of(tern), Spread.of(llama), Spread.of(ratios))


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a Markdown table: medians, smallest and largest in parentheses."""
    cells = [_HEADINGS, *(line for row in rows for line in _lines(row))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = tuple("-" * width for width in widths)
    for line in (cells[0], rule, *cells[1:]):
        padded = (f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        yield f"| {' | '.join(padded)} |"


def _lines(row: Row) -> Iterator[tuple[str, ...]]:
    name = (row.shape, f"{row.precision} ~ {row.file_type}")
    for figure, comparison in row.figures.items():
        label, show = _LABELS[figure]
        yield (
            *name,
            label,
            _spread(comparison.tern, show),
            _spread(comparison.llama_cpp, show),
            _spread(comparison.ratio, "{:.2f}".format),
        )
    for label, ours, theirs in (
        (
            "decode, of sustained bandwidth",
            row.tern_bandwidth_fraction,
            row.llama_cpp_bandwidth_fraction,
        ),
        (
            "decode, of best bandwidth",
            row.tern_bandwidth_fraction_of_best,
            row.llama_cpp_bandwidth_fraction_of_best,
        ),
    ):
        if ours is not None and theirs is not None:
            yield (*name, label, f"{ours:.0%}", f"{theirs:.0%}", f"{ours / theirs:.2f}")


def _spread(spread: Spread, show: Callable[[float], str]) -> str:
    return f"{show(spread.median)} ({show(spread.min)}–{show(spread.max)})"
