"""A comparison as a page to read and print, and as JSON to keep and compare.

Prompts and answers are untrusted: the template escapes everything, and the page's own policy lets
it load, run and send nothing.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.errors import UnwritableFolder
from engine.lab.charts import Bar, Chart
from engine.lab.records import Comparison, Estimate, Row
from engine.paths import assets_folder, make_folder

Format = Callable[[float], str]

_SHADES = (0.01, 0.1, 0.5, 2.0)  # nats; KL from here on is one shade darker
_CONTROLS = dict.fromkeys(code for code in (*range(0x20), 0x7F) if chr(code) not in "\n\t")


def as_json(comparison: Comparison) -> bytes:
    """Return all of the comparison; `engine.lab.against.read` reads it."""
    return msgspec.json.encode(comparison)


def as_html(comparison: Comparison) -> str:
    """Return one page that needs nothing else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    folder = assets_folder() / "report"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"plain": _plain, "visible": _visible, "shade": _shade}
    style = (folder / "report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        it=comparison,
        title=f"Precision lab: {comparison.plan.model}",
        labels=", ".join(row.label for row in comparison.rows),
        style=Markup(style),
        percent=_percent,
        number=_number,
        figures=_figures(comparison.rows),
        facts=_facts(comparison.rows),
        charts=_charts(comparison.rows),
        origin=_origin(comparison),
    )


def write(path: Path, content: bytes) -> None:
    """Write a report. Raises UnwritableFolder."""
    make_folder(path.parent)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UnwritableFolder(folder=path.parent, reason=error.strerror or error) from error


def _figures(rows: tuple[Row, ...]) -> list[tuple[str, list[tuple[Estimate | None, Format]]]]:
    """Return the lines of the table that have intervals: a name, and a cell for each row."""

    def speed(name: str, form: Format) -> list[tuple[Estimate | None, Format]]:
        return [(getattr(row.speed, name) if row.speed else None, form) for row in rows]

    def quality(name: str, form: Format) -> list[tuple[Estimate | None, Format]]:
        return [(getattr(row, name), form) for row in rows]

    return [
        ("Decode, tokens/s", speed("decode_tokens_per_s", _number)),
        ("Prefill, tokens/s", speed("prefill_tokens_per_s", _number)),
        ("Time to the first token, s", speed("ttft_s", _number)),
        ("A token, median, ms", speed("token_ms_p50", _number)),
        ("A token, 95th percentile, ms", speed("token_ms_p95", _number)),
        ("Speed against the reference", speed("decode_ratio", _number)),
        ("KL from the reference, nats a token", quality("kl", _number)),
        ("Top-1 agreement", quality("top1_agreement", _percent)),
        ("Perplexity ratio", quality("perplexity_ratio", _ratio)),
    ]


def _facts(rows: tuple[Row, ...]) -> list[tuple[str, list[str]]]:
    def text(row: Row) -> str:
        if row.text_perplexity is None:
            return "–"
        ratio = f" (ratio {row.text_perplexity_ratio:.4f})" if row.text_perplexity_ratio else ""
        return f"{row.text_perplexity:.4f}{ratio}"

    return [
        ("Perplexity on the text", [text(row) for row in rows]),
        ("Peak memory", [_bytes(row.peak_rss_bytes) for row in rows]),
        ("On disk", [_bytes(row.disk_bytes) for row in rows]),
        ("Loading, s", [_number(row.load_s) for row in rows]),
        ("Kernels", [f"{row.kernel}, {row.isa}, {row.threads} threads" for row in rows]),
        ("Weights", [f"{row.proof.weight_dtype}: {row.proof.method}" for row in rows]),
    ]


def _charts(rows: tuple[Row, ...]) -> list[Chart]:
    timed = [(row, row.speed.decode_tokens_per_s) for row in rows if row.speed]
    judged = [(row, row.kl) for row in rows if row.kl]
    charts = (
        Chart("Decode, tokens/s", [Bar.of(row.label, it, _number) for row, it in timed]),
        Chart("Peak memory", [Bar.plain(row.label, row.peak_rss_bytes, _bytes) for row in rows]),
        Chart("On disk", [Bar.plain(row.label, row.disk_bytes, _bytes) for row in rows]),
        Chart(
            "KL from the reference, nats a token",
            [Bar.of(row.label, it, _number) for row, it in judged],
        ),
    )
    return [chart.drawn() for chart in charts if chart.bars]


def _origin(comparison: Comparison) -> list[tuple[str, str]]:
    plan, machine = comparison.plan, comparison.machine
    sampling = msgspec.to_builtins(plan.sampling)
    chosen = ", ".join(f"{name} {value}" for name, value in sampling.items() if value is not None)
    versions = ", ".join(f"{name} {version}" for name, version in comparison.versions.items())
    lines = [
        ("Model", f"{plan.model}, {comparison.revision}"),
        ("SHA-256 of the weights", comparison.weights or "not read"),
        ("Sampling", chosen),
        ("Text for perplexity", plan.text_name),
        ("Processor", f"{machine.cpu}, {machine.isa}, {machine.cores} cores"),
        ("Memory", _bytes(machine.memory_bytes)),
        ("System", " ".join(filter(None, (machine.system, machine.governor)))),
        ("Versions", versions),
        *((f"Why {row.kernel} for {row.label}", row.why) for row in comparison.rows),
        ("Made", comparison.made),
    ]
    return [(name, value) for name, value in lines if value]


def _plain(text: str) -> str:
    """Return text without the characters that HTML has no place for."""
    return text.translate(_CONTROLS)


def _visible(text: str) -> str:
    """Return a token's text between quotation marks, its line breaks to be seen."""
    return f"“{_plain(text.replace(chr(10), '⏎'))}”"


def _shade(kl: float) -> int:
    return sum(kl >= limit for limit in _SHADES)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(value: float) -> str:
    return f"{value:.4f}" if value < 10 else _number(value)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _bytes(count: float) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
