"""`tern compare`: the precision lab. What int8 or int4 cost on one's own prompts.

Exit codes beside the usual ones: 4 where `--against` finds something slower or worse.
"""

import argparse
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import msgspec

from engine.cli import console
from engine.cli.inputs import as_text, quantisation_from, read_text
from engine.cli.session import ClientFactory, Explained
from engine.errors import BadSetting, FileUnreadable
from engine.lab import against, report
from engine.lab.records import GREEDY, Comparison, Plan, Prompt, Variant
from engine.lab.steps import Answered, Finished, GaveUp, Running, Step, Working, Wrote
from engine.lab.table import facts, figures, in_words
from engine.messages import ChatMessage, KernelChoice, Precision, Progress
from engine.models import resolve
from engine.paths import Paths, make_folder

if TYPE_CHECKING:
    from engine.lab.run import Runner

WORSE = 4
_INTERRUPTED = 130
_FLOAT32 = "fp32"
_EXAMPLE = '["What is 3 plus 4?", [{"role": "user", "content": "Hello"}]]'


def run(args: argparse.Namespace, make_client: ClientFactory) -> int:
    """Run the command. A precision that fails does not keep the others from being compared."""
    from engine.lab.run import Runner  # with numpy, which no other command waits for

    old = against.read(Path(args.against)) if args.against else None
    reports = _reports(args.report)
    runner = Runner(_plan(args), make_client, Paths.default())
    with _stops(runner):
        comparison = _follow(runner, quiet=args.json)
    _show(comparison, args.json)
    for path, make in reports:
        report.write(path, make(comparison))
    code = _compare(old, comparison) if old else 0
    if args.json:
        console.print_json(comparison)
    if comparison.stopped:
        return _INTERRUPTED
    return 3 if comparison.failures else code


def precisions(text: str) -> tuple[str, ...]:
    """Convert the list of precisions for argparse."""
    known = (_FLOAT32, *Precision)
    names = tuple(name.strip() for name in text.split(","))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return names


def _plan(args: argparse.Namespace) -> Plan:
    kernels: list[KernelChoice] = args.kernels or [args.kernel]
    variants = [_variant(name, kernel) for name in args.precisions for kernel in kernels]
    sampling = msgspec.structs.replace(
        GREEDY,
        temperature=args.temperature,
        max_new_tokens=args.max_new_tokens,
        seed=args.seed,
    )
    return Plan(
        model=resolve(args.model).name,
        variants=tuple(dict.fromkeys(variants)),
        prompts=_prompts(args),
        sampling=sampling,
        quality=not args.no_quality,
        text=read_text(args.text) if args.text else "",
        text_name=args.text or "",
        quantisation=quantisation_from(args),
        context_length=args.context_length,
        threads=args.threads,
        regardless=args.regardless,
    )


def _variant(name: str, kernel: KernelChoice) -> Variant:
    if name == _FLOAT32:
        return Variant(precision=Precision.BF16, float32=True)
    return Variant(precision=Precision(name), kernel=kernel)


def _prompts(args: argparse.Namespace) -> tuple[Prompt, ...]:
    typed = [as_text("--prompt", prompt) for prompt in args.prompt]
    listed = _from_file(args.prompts) if args.prompts else []
    return tuple(_prompt(one, args) for one in (*typed, *listed))


def _prompt(said: str | tuple[ChatMessage, ...], args: argparse.Namespace) -> Prompt:
    if args.raw:
        if not isinstance(said, str) or args.system is not None:
            value = "combined with --system or messages"
            raise BadSetting(name="--raw", value=value, allowed="used with plain prompts")
        return Prompt(text=said)
    messages = (ChatMessage(role="user", content=said),) if isinstance(said, str) else said
    if args.system is None or messages[0].role == "system":
        return Prompt(messages=messages)
    return Prompt(messages=(ChatMessage(role="system", content=args.system), *messages))


def _from_file(name: str) -> list[str | tuple[ChatMessage, ...]]:
    """Return the prompts in a file: a JSON list, or one on each line of a text."""
    text = read_text(name)
    if not text.lstrip().startswith("["):
        return [line for line in text.splitlines() if line.strip()]
    kind = list[str | tuple[ChatMessage, ...]]
    try:
        found = msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise Explained(
            f"The file {name} is not a list of prompts: {error}.",
            f"It must have one on each line, or be a JSON list such as {_EXAMPLE}.",
        ) from error
    if not all(found):
        raise FileUnreadable(file=name, reason="one of its prompts is empty")
    return found


def _reports(names: list[str]) -> list[tuple[Path, "report.Make"]]:
    """Return what makes each report; a wrong name or folder is known before the work."""
    makers = {".html": report.html_bytes, ".json": report.as_json}
    for name in names:
        if Path(name).suffix not in makers:
            raise BadSetting(name="--report", value=name, allowed="a file name in .html or .json")
    for name in names:
        make_folder(Path(name).absolute().parent)
    return [(Path(name).absolute(), makers[Path(name).suffix]) for name in names]


def _follow(runner: "Runner", quiet: bool) -> Comparison:
    progress = console.ProgressLine()
    try:
        for step in runner.steps():
            if isinstance(step, Finished):
                return step.comparison
            _tell(step, progress, quiet)
    finally:
        progress.clear()
    raise AssertionError("the last step is Finished")


def _tell(step: Step, progress: console.ProgressLine, quiet: bool) -> None:
    if isinstance(step, Working):
        progress.show(Progress(request_id=0, stage=step.stage, done=step.done, total=step.total))
        return
    progress.clear()
    match step:
        case Running(_, loaded):
            console.note(console.describe(loaded))
        case GaveUp(_, failure):
            console.error(f"{failure.label}: {failure.sentence}", failure.way_out)
        case Wrote() if not quiet:
            print(console.printable(step.text), end="", flush=True)
        case Answered() if not quiet:
            print("\n", flush=True)


def _show(comparison: Comparison, quiet: bool) -> None:
    """Print the table, the verdict and what it must be read with."""
    if comparison.rows and not quiet:
        for line in _table(comparison):
            print(line)
        print(console.printable(comparison.verdict))
    for said in comparison.missing:
        console.note(said)


def _table(comparison: Comparison) -> Iterator[str]:
    rows = comparison.rows
    lines = [["", *(row.label for row in rows)]]
    lines += [[name, *map(in_words, cells)] for name, cells in figures(rows)]
    lines += [[name, *cells] for name, cells in facts(rows)]
    shown = [line for line in lines if set(line[1:]) != {"–"}]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for line in shown:
        yield "  ".join(f"{cell:{w}}" for cell, w in zip(line, widths, strict=True)).rstrip()


def _compare(old: Comparison, new: Comparison) -> int:
    """Say what is worse than it was; return the exit code for it."""
    for caveat in against.caveats(old, new):
        console.note(caveat)
    changes = against.worse(old, new)
    for change in changes:
        console.error(change.sentence, "It was better in the comparison that you gave.")
    if not changes:
        console.note("Nothing is slower or worse than before, beyond what may be chance.")
    return WORSE if changes else 0


@contextlib.contextmanager
def _stops(runner: "Runner") -> Iterator[None]:
    """Let Ctrl-C end the comparison with the figures that there are; a second one ends all."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        runner.stop()

    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
