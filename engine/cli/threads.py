"""`tern threads`: how many threads are best for a model in a precision, measured."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from engine.cli import console
from engine.cli.session import ClientFactory, Explained
from engine.hardware import read_cpu
from engine.lab.process import Refused
from engine.messages import Precision, Progress
from engine.models import resolve
from engine.paths import Paths
from engine.settings import SettingsFile

if TYPE_CHECKING:
    from engine.lab.threads import Curve, Point, Tuner


def run(args: argparse.Namespace, make_client: ClientFactory) -> int:
    """Run the command."""
    from engine.lab.threads import Tuner, remember  # with numpy, which no other command waits for

    model, precision = resolve(args.model), Precision(args.precision)
    settings = SettingsFile.of(Paths.default())
    if args.forget:
        remember(settings, model.folder, precision, None, args.kernel)
        console.note(f"{model.title} in {precision} takes the usual number of threads again.")
        return 0
    progress = console.ProgressLine()

    def on_progress(stage: str, done: int, total: int) -> None:
        progress.show(Progress(request_id=0, stage=stage, done=done, total=total))

    cpu, kernel = read_cpu(), args.kernel
    tuner = Tuner(model.name, precision, make_client, cpu, kernel, on_progress=on_progress)
    curve = _measure(tuner, progress)
    best = curve.best
    if best is None:
        reason = curve.points[-1].spoiled if curve.points else "nothing was measured"
        raise Explained(f"No number of threads could be measured: {reason}.", "Try again later.")
    console.note(f"{best.threads} threads are best; {curve.usual} are usual.")
    if args.apply:
        remember(settings, model.folder, precision, best.threads, args.kernel)
        console.note(f"{model.title} in {precision} takes {best.threads} from now on.")
    if args.json:
        console.print_json({**dataclasses.asdict(curve), "best": best.threads})
    return 0


def _measure(tuner: "Tuner", progress: console.ProgressLine) -> "Curve":
    try:
        for point in tuner.points():
            progress.clear()
            print(_line(point), flush=True)
    except Refused as refused:
        raise Explained(refused.failed.sentence, refused.failed.way_out) from refused
    finally:
        progress.clear()
    return tuner.curve()


def _line(point: "Point") -> str:
    speed, prefill = point.decode_tokens_per_s, point.prefill_tokens_per_s
    spoiled = f"  not to be trusted: {point.spoiled}" if point.spoiled else ""
    return (
        f"{point.threads:4} threads  {console.rate(speed.value):>6} tokens/s "
        f"({console.rate(speed.low)}–{console.rate(speed.high)})  "
        f"prefill {console.rate(prefill.value)}{spoiled}"
    )
