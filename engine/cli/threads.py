"""`tern threads`: how many threads are best for a model in a precision, measured."""

import argparse
import dataclasses

from engine.cli import console
from engine.cli.session import ClientFactory, Explained
from engine.hardware import read_cpu
from engine.lab.process import Refused
from engine.lab.threads import Curve, Point, Tuner, remember
from engine.messages import Precision
from engine.models import resolve
from engine.paths import Paths
from engine.settings import SettingsFile


def run(args: argparse.Namespace, make_client: ClientFactory) -> int:
    """Run the command."""
    model, precision = resolve(args.model), Precision(args.precision)
    settings = SettingsFile.of(Paths.default())
    if args.forget:
        remember(settings, model.folder, precision, None, args.kernel)
        console.note(f"{model.title} in {precision} takes the usual number of threads again.")
        return 0
    curve = _measure(Tuner(model.name, precision, make_client, read_cpu(), args.kernel))
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


def _measure(tuner: Tuner) -> Curve:
    progress = console.ProgressLine()
    progress.say("Loading")
    try:
        for point in tuner.points():
            progress.clear()
            print(_line(point), flush=True)
            progress.say("Measuring")
    except Refused as refused:
        raise Explained(refused.failed.sentence, refused.failed.way_out) from refused
    finally:
        progress.clear()
    return tuner.curve()


def _line(point: Point) -> str:
    speed, prefill = point.decode_tokens_per_s, point.prefill_tokens_per_s
    spoiled = f"  not to be trusted: {point.spoiled}" if point.spoiled else ""
    return (
        f"{point.threads:4} threads  {console.rate(speed.value):>6} tokens/s "
        f"({console.rate(speed.low)}–{console.rate(speed.high)})  "
        f"prefill {console.rate(prefill.value)}{spoiled}"
    )
