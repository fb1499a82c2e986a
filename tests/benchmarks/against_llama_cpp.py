"""Tern against llama.cpp: the same random model, the same machine, turn about.

    python -m tests.benchmarks.against_llama_cpp --shapes smollm2-135m --rounds 5

Prints a table, and one JSON object as its last line. docs/benchmarks.md says how the figures are
computed. Exit codes: 0 done, 3 an explained failure, 2 wrong usage.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine.cli import console
from engine.cli.session import Explained
from engine.errors import TernError
from engine.hardware import Cpu, read_cpu
from engine.messages import Precision
from tests.benchmarks import isa, llama_build, tern_runner
from tests.benchmarks.contest import FILE_TYPES, Bench, Contest, Invalid, Prompts
from tests.benchmarks.llama_build import LlamaBuild, LlamaFailed
from tests.benchmarks.neighbours import BUSY_SHARE
from tests.benchmarks.report import Round, Row, make_row, table
from tests.benchmarks.shapes import SHAPES, Shape
from tests.benchmarks.tern_runner import TernFailed
from tests.benchmarks.write_models import ModelFiles, bytes_per_token, write_models

_ROOT = Path(__file__).resolve().parents[2]


def main(argv: list[str]) -> int:
    """Run the benchmark and return the exit code."""
    args = _arguments(argv)
    try:
        _run(args)
    except Invalid as invalid:
        print(f"invalid: {invalid}", file=sys.stderr)
        return 3
    except (TernError, Explained, TernFailed, LlamaFailed) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 3
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    cpu = read_cpu()
    parser = argparse.ArgumentParser(prog="against_llama_cpp", description=__doc__)
    precisions = [str(precision) for precision in Precision]
    default_cache = Path(tempfile.gettempdir(), "tern-benchmarks")
    add = parser.add_argument
    add("--shapes", nargs="+", choices=SHAPES, default=["smollm2-135m"])
    add("--precisions", nargs="+", choices=precisions, default=precisions)
    add("--rounds", type=int, default=5)
    add("--new-tokens", type=int, default=64, help="tokens of each reply, at least 2")
    add("--threads", type=int, default=cpu.threads, help="default: physical cores")
    add("--isa", choices=isa.ENVIRONMENT, default="native", help="what both engines may use")
    add("--long", action="store_true", help="also decode at 4,096 tokens of context")
    add("--cache", type=Path, default=default_cache, help="models and builds; default: %(default)s")
    add("--force", action="store_true", help="go on where the machine is busy")
    args = parser.parse_args(argv)
    if args.rounds < 1 or args.new_tokens < 2:
        parser.error("--rounds is at least 1, --new-tokens at least 2")
    if not 1 <= args.threads <= len(cpu.cores):
        parser.error(f"--threads is 1 to {len(cpu.cores)}, the cores of this machine")
    return args


def _run(args: argparse.Namespace) -> None:
    cache = args.cache.absolute()
    cache.mkdir(parents=True, exist_ok=True)
    cpu = _settle(cache, args.isa, args.threads)
    build = llama_build.install(cache, args.isa, cpu, _tell)
    prompts = Prompts.make(args.new_tokens, args.long)
    bench = Bench(build, prompts, args.new_tokens, cpu, args.force)
    precisions = [Precision(name) for name in args.precisions]
    contests = [
        contest
        for name in args.shapes
        for contest in _prepare(SHAPES[name], precisions, cache / "models", bench)
    ]
    rows = _measure(contests, bench, args.rounds)
    for line in (*table(rows), *_remarks(rows, build, cpu, prompts.context)):
        print(line)
    setting = {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": cpu.model,
        "threads": cpu.threads,
        "isa": args.isa,
        "rounds": args.rounds,
        "new_tokens": args.new_tokens,
        "context": prompts.context,
        "llama_cpp": build,
    }
    console.print_json({**setting, "rows": rows})


def _settle(cache: Path, choice: isa.IsaChoice, threads: int) -> Cpu:
    """Set what child processes inherit, cores included, and return the CPU as they will see it."""
    os.environ.update(isa.ENVIRONMENT[choice])
    os.environ["TERN_HOME"] = str(cache / "tern-home")
    os.environ["PYTHONPATH"] = str(_ROOT)  # the children find this checkout
    os.sched_setaffinity(0, read_cpu().cores[:threads])
    return read_cpu()


def _prepare(
    shape: Shape, precisions: list[Precision], root: Path, bench: Bench
) -> Iterator[Contest]:
    """Make the models of `shape`, check that they are one, and yield what is to be measured."""
    files = write_models(shape, root, _tell)
    _tell(f"{shape.name}: {bench.check_same_model(files)}")
    for precision in precisions:
        _tell(f"{shape.name}: preparing {precision}")
        _quantise(files, FILE_TYPES[precision], bench.build)
        chosen = tern_runner.prepare(files.hf, precision)
        yield Contest(shape.name, precision, files, chosen)


def _quantise(files: ModelFiles, file_type: str, build: LlamaBuild) -> None:
    """Let llama.cpp's own quantiser make the file that its users would have."""
    target = files.gguf(file_type)
    if not target.is_file():
        partial = target.with_suffix(".partial")
        source = str(files.gguf("BF16"))
        build.run("quantise", source=source, target=str(partial), file_type=file_type)
        partial.rename(target)


def _measure(contests: list[Contest], bench: Bench, rounds: int) -> list[Row]:
    results: dict[int, list[Round]] = {index: [] for index in range(len(contests))}
    for number in range(rounds):
        for index, contest in enumerate(contests):
            _tell(f"round {number + 1} of {rounds}: {contest.shape}, {contest.precision}")
            results[index].append(bench.round(contest, tern_first=number % 2 == 0))
    return [
        make_row(
            contest.shape,
            contest.precision,
            FILE_TYPES[contest.precision],
            contest.chosen,
            bytes_per_token(contest.gguf),
            results[index],
        )
        for index, contest in enumerate(contests)
    ]


def _remarks(rows: list[Row], build: LlamaBuild, cpu: Cpu, context: int) -> Iterator[str]:
    """Yield what the table must be read with."""
    yield f"{cpu.model}, {cpu.threads} threads; context {context}."
    yield (
        f"llama-cpp-python {build.version} built for {build.isa}: {build.system_info}; mapped "
        "files, repacked weights, flash attention auto and f16 KV cache, all its defaults."
    )
    for row in rows:
        yield (
            f"Tern {row.shape} {row.precision}: {row.tern_kernel} kernels on {row.tern_isa} "
            f"({row.tern_why}); first load {row.tern_first_load_s:.1f} s."
        )
        if row.others > BUSY_SHARE:
            yield f"invalid: machine busy in {row.shape} {row.precision}: others {row.others:.0%}."


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
