"""`tern bench`: speed and memory of each precision, as a table; with --json as an object too."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from engine.bench import Plan, Row, Spread, measure
from engine.cli import console
from engine.cli.bandwidth import Bandwidth, measure_apart
from engine.cli.inputs import quantisation_from
from engine.cli.session import ClientFactory, Explained, Session
from engine.errors import BadSetting, TernError
from engine.hardware import Cpu, read_cpu
from engine.messages import Precision
from engine.models import resolve

_HEADINGS = (
    "",
    "kernel",
    "prefill tok/s",
    "decode tok/s",
    "TTFT s",
    "p50 ms/token",
    "p95 ms/token",
    "peak memory",
    "load s",
    "of bandwidth",
)


@dataclass
class Results:
    """What was measured, and which precisions could not be."""

    bandwidth: Bandwidth | None
    rows: list[Row] = field(default_factory=list)
    failures: dict[Precision, TernError | Explained] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def run(args: argparse.Namespace, make_client: ClientFactory) -> int:
    """Run the command. A precision that fails does not keep the others from being measured."""
    name = resolve(args.model).name
    plan = Plan(
        name,
        args.kernel,
        args.prompt_tokens,
        args.new_tokens,
        args.repeats,
        quantisation_from(args),
        args.regardless,
        args.threads,
    )
    cpu = read_cpu()
    results = _measure_all(plan, _precisions(args.precision), cpu, make_client)
    for line in _table(results.rows):
        print(line)
    for line in _remarks(results, plan, cpu):
        console.note(line)
    for precision, failure in results.failures.items():
        console.error(f"{precision}: {failure.said}", failure.advice)
    if args.json:
        console.print_json(_json(results, plan, cpu))
    return max((failure.exit_code for failure in results.failures.values()), default=0)


def _precisions(choice: str) -> tuple[Precision, ...]:
    return tuple(Precision) if choice == "all" else (Precision(choice),)


def _measure_all(
    plan: Plan, precisions: tuple[Precision, ...], cpu: Cpu, make_client: ClientFactory
) -> Results:
    progress = console.ProgressLine()
    progress.say("Measuring the memory's read bandwidth")
    results = Results(measure_apart(cpu))
    speed = results.bandwidth.bytes_per_s if results.bandwidth else None
    for precision in precisions:
        try:
            with Session(make_client) as session:
                results.versions = session.versions
                results.rows.append(measure(session, precision, plan, speed, progress.say))
        except BadSetting:  # wrong for every precision
            raise
        except (TernError, Explained) as failure:
            results.failures[precision] = failure
        finally:
            progress.clear()
    if not results.rows:
        raise next(iter(results.failures.values()))
    return results


def _table(rows: list[Row]) -> Iterator[str]:
    """Yield the lines of the table: medians, with the smallest and largest in parentheses."""
    cells = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(f"{cell:{w}}" for cell, w in zip(line, widths, strict=True)).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    share = row.bandwidth_fraction
    return (
        f"{row.precision}{'*' * row.noisy}",
        row.kernel,
        _spread(row.prefill_tokens_per_s),
        _spread(row.decode_tokens_per_s),
        _spread(row.ttft_s),
        _spread(row.token_ms_p50),
        _spread(row.token_ms_p95),
        console.size(row.peak_rss_bytes.max),
        f"{row.load_s.median:.1f}",
        "–" if share is None else f"{share:.0%}",
    )


def _spread(spread: Spread) -> str:
    middle, low, high = (_plain(value) for value in (spread.median, spread.min, spread.max))
    return f"{middle} ({low}–{high})"


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _remarks(results: Results, plan: Plan, cpu: Cpu) -> Iterator[str]:
    """Yield what the table must be read with."""
    first = results.rows[0]
    asked = plan.prompt_tokens
    lengths = {
        int(n) for row in results.rows for n in (row.prompt_tokens.min, row.prompt_tokens.max)
    }
    counted = "" if lengths == {asked} else f" (in fact {min(lengths)} to {max(lengths)})"
    yield (
        f"{plan.model} on {cpu.model}, {first.threads} threads, {first.isa}; median (min–max) of "
        f"{plan.repeats}; prompts of {asked}{counted} tokens, replies of {plan.new_tokens}."
    )
    if results.bandwidth:
        yield (
            f"of bandwidth: bytes a token needs (computed: all weights, and the keys and values of "
            f"the mean context) x decode speed / read bandwidth, which is "
            f"{results.bandwidth.bytes_per_s / 1e9:.1f} GB/s ({results.bandwidth.method})."
        )
    else:
        yield "The memory's read bandwidth could not be measured."
    for row in results.rows:
        if row.noisy:
            yield f"* {row.precision} is not to be trusted: {row.noise}."


def _json(results: Results, plan: Plan, cpu: Cpu) -> dict[str, object]:
    bandwidth = results.bandwidth
    return {
        "rows": results.rows,
        "failures": {
            precision: f"{failure.said} {failure.advice}"
            for precision, failure in results.failures.items()
        },
        **asdict(plan),
        "cpu": cpu.model,
        "isa": cpu.isa.name,
        "threads": plan.threads or cpu.threads,
        "read_bandwidth_bytes_per_s": bandwidth.bytes_per_s if bandwidth else None,
        "read_bandwidth_method": bandwidth.method if bandwidth else None,
        "versions": results.versions,
    }
