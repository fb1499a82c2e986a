"""A comparison as a page to read and print, and as JSON to keep and compare.

Prompts and answers are untrusted: the template escapes everything, and the page's own policy lets
it load, run and send nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from engine.errors import UnwritableFolder
from engine.lab.charts import Bar, Chart
from engine.lab.records import Comparison, Row
from engine.lab.table import facts, figures, nature, number, percent, shade, size
from engine.paths import assets_folder, make_folder

Make: TypeAlias = Callable[[Comparison], bytes]

# What HTML has no place for.
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
    environment.filters |= {"visible": _visible, "shade": shade}
    style = (folder / "report.css").read_text(encoding="utf-8")
    page = environment.get_template("report.html").render(
        it=comparison,
        title=f"Precision lab: {comparison.plan.model}",
        labels=", ".join(row.label for row in comparison.rows),
        style=Markup(style),
        percent=percent,
        number=number,
        figures=figures(comparison.rows),
        facts=facts(comparison.rows) + nature(comparison.rows),
        charts=_charts(comparison.rows),
        origin=_origin(comparison),
    )
    return page.translate(_CONTROLS)


def html_bytes(comparison: Comparison) -> bytes:
    """Return the page as it is kept in a file."""
    return as_html(comparison).encode("utf-8", errors="replace")


def write(path: Path, content: bytes) -> None:
    """Write a report. Raises UnwritableFolder."""
    make_folder(path.parent)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UnwritableFolder(folder=path.parent, reason=error.strerror or error) from error


def _charts(rows: tuple[Row, ...]) -> list[Chart]:
    timed = [(row, row.speed.decode_tokens_per_s) for row in rows if row.speed]
    judged = [(row, row.kl) for row in rows if row.kl]
    charts = (
        Chart("Decode, tokens/s", [Bar.of(row.label, it, number) for row, it in timed]),
        Chart("Peak memory", [Bar.plain(row.label, row.peak_rss_bytes, size) for row in rows]),
        Chart("On disk", [Bar.plain(row.label, row.disk_bytes, size) for row in rows]),
        Chart(
            "KL from the reference, nats a token",
            [Bar.of(row.label, it, number) for row, it in judged],
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
        ("Memory", size(machine.memory_bytes)),
        ("System", " ".join(filter(None, (machine.system, machine.governor)))),
        ("Versions", versions),
        *((f"Why {row.kernel} for {row.label}", row.why) for row in comparison.rows),
        ("Made", comparison.made),
    ]
    return [(name, value) for name, value in lines if value]


def _visible(text: str) -> str:
    """Return a token's text between quotation marks, its line breaks to be seen."""
    return f"“{text.replace(chr(10), '⏎')}”"
