"""How a comparison is shown, for window, page and terminal alike: lines of a table, shades."""

from collections.abc import Callable
from typing import TypeAlias

from engine.lab.records import Estimate, Row

Format: TypeAlias = Callable[[float], str]
Cell: TypeAlias = tuple[Estimate | None, Format]
Rows: TypeAlias = tuple[Row, ...]

SHADES = (0.01, 0.1, 0.5, 2.0)  # nats; KL from here on is one shade darker


def shade(kl: float) -> int:
    """Return how dark a token is, 0 to 4."""
    return sum(kl >= limit for limit in SHADES)


def figures(rows: Rows) -> list[tuple[str, list[Cell]]]:
    """Return the lines of the table that have intervals: a name, and a cell for each row."""

    def speed(name: str, form: Format) -> list[Cell]:
        return [(getattr(row.speed, name) if row.speed else None, form) for row in rows]

    def quality(name: str, form: Format) -> list[Cell]:
        return [(getattr(row, name), form) for row in rows]

    return [
        ("Decode, tokens/s", speed("decode_tokens_per_s", number)),
        ("Prefill, tokens/s", speed("prefill_tokens_per_s", number)),
        ("Time to the first token, s", speed("ttft_s", number)),
        ("A token, median, ms", speed("token_ms_p50", number)),
        ("A token, 95th percentile, ms", speed("token_ms_p95", number)),
        ("Speed against the reference", speed("decode_ratio", number)),
        ("KL from the reference, nats a token", quality("kl", number)),
        ("Top-1 agreement", quality("top1_agreement", percent)),
        ("Perplexity ratio", quality("perplexity_ratio", ratio)),
    ]


def facts(rows: Rows) -> list[tuple[str, list[str]]]:
    """Return the lines without intervals: a name, and a text for each row."""

    def text(row: Row) -> str:
        if row.text_perplexity is None:
            return "–"
        over = row.text_perplexity_ratio
        return f"{row.text_perplexity:.4f}" + (f" (ratio {over:.4f})" if over else "")

    return [
        ("Perplexity on the text", [text(row) for row in rows]),
        ("Peak memory", [size(row.peak_rss_bytes) for row in rows]),
        ("On disk", [size(row.disk_bytes) for row in rows]),
        ("Loading, s", [number(row.load_s) for row in rows]),
    ]


def nature(rows: Rows) -> list[tuple[str, list[str]]]:
    """Return the lines that say what ran, in more words than fit a terminal."""
    return [
        ("Kernels", [f"{row.kernel}, {row.isa}, {row.threads} threads" for row in rows]),
        ("Weights", [f"{row.proof.weight_dtype}: {row.proof.method}" for row in rows]),
    ]


def in_words(cell: Cell) -> str:
    """Return an estimate as text, its interval in parentheses."""
    figure, form = cell
    if figure is None:
        return "–"
    interval = f" ({form(figure.low)}–{form(figure.high)})" if figure.over != "none" else ""
    return f"{form(figure.value)}{interval}"


def number(value: float) -> str:
    """Return `value` with three digits, or to five places where it is very small."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 1e-3 else f"{value:.5f}"


def ratio(value: float) -> str:
    """Return `value` to four places: it is mostly near one."""
    return f"{value:.4f}" if value < 10 else number(value)


def percent(share: float) -> str:
    """Return `share` in per cent."""
    return f"{share:.1%}".replace("%", " %")


def size(count: float) -> str:
    """Return so many bytes as a person reads them."""
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
