"""`tern models search`, `download` and `catalogue`: what the Hub has, and fetching it."""

import argparse
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from engine.cli import console
from engine.cli.models_show import outlooks_of, print_outlooks
from engine.cli.session import Explained
from engine.cli.store import describe, make_hub, open_settings, transfer
from engine.errors import NotEnoughMemory, Stopped
from engine.fit import Fit
from engine.hardware import available_memory, read_cpu
from engine.messages import Precision
from engine.preflight import Outlook, Preflight
from engine.store.catalogue import CatalogueEntry, Suggestion, load_catalogue, recommend
from engine.store.hub_cache import store_root
from engine.store.meter import Meter
from engine.store.phase import Phase
from engine.store.plan import Plan, plan
from engine.store.reference import Reference

_TELL_S = 0.1
_WORDS = {
    Phase.LOCKED: "another program downloads it: waiting",
    Phase.CHECKING: "checking what is there",
    Phase.RETRYING: "the line broke off: trying again",
}


def search(args: argparse.Namespace) -> int:
    """Run `tern models search`."""
    _, paths = open_settings()
    found = make_hub(paths).search(args.query, args.sort, args.limit)
    if args.json:
        console.print_json({"models": found})
        return 0
    for model in found:
        size = console.size(model.weight_bytes) if model.weight_bytes else "?"
        marks = (
            model.licence,
            f"{model.downloads:,} downloads",
            f"{model.likes:,} likes",
            "gated" if model.gated else "",
            "" if model.supported else f"Tern cannot run {model.architecture or 'it'}",
            f"quantised by {model.quantised}" if model.quantised else "",
        )
        print(console.one_line(f"{model.repo}  {size}  {' · '.join(filter(None, marks))}"))
    if not found:
        console.note("The Hub knows no such text-generation model with safetensors.")
    return 0


def fetch(args: argparse.Namespace) -> int:
    """Run `tern models download`; Ctrl-C pauses it."""
    from engine.store.download import download  # requests takes a while, and the others need none

    settings, paths = open_settings()
    described = describe(args.model, paths)
    planned, outlooks = plan(described), outlooks_of(described, paths)
    if not args.regardless:
        _check_memory(str(described.reference), outlooks)
    root = store_root(settings.value)
    with _Line(planned) as line, _paused_by_ctrl_c() as stop:
        try:
            folder = download(make_hub(paths), planned, root, line, stop)
        except Stopped as stopped:
            raise _paused(described.reference, line.done, planned.size) from stopped
    if args.json:
        console.print_json(
            {
                "model": str(described.reference),
                "commit": planned.commit,
                "folder": folder,
                "bytes": planned.size,
                "outlooks": outlooks,
            }
        )
        return 0
    print(console.one_line(f"{described.reference} can be used now."))
    print_outlooks(outlooks)
    return 0


def _check_memory(name: str, outlooks: tuple[Outlook, ...]) -> None:
    """Raise NotEnoughMemory where no precision would fit."""
    runnable = [look for look in outlooks if look.fit]
    if not runnable or any(look.fit is not Fit.TOO_LARGE for look in runnable):
        return
    least = min(runnable, key=lambda look: look.peak)
    raise NotEnoughMemory(
        model=name,
        precision=least.precision,
        needed=f"{least.peak / 1e9:.1f} GB",
        free=f"{least.free / 1e9:.1f} GB",
        advice="Choose a smaller model, or download it all the same with --regardless.",
    )


def _paused(reference: Reference, done: int, total: int) -> Explained:
    arrived = f"{console.size(done)} of {console.size(total)} have arrived"
    advice = f"`tern models download {reference}` goes on with it."
    return Explained(f"Paused: {arrived}.", advice, exit_code=130)


@contextlib.contextmanager
def _paused_by_ctrl_c() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets; the next one is an exception again."""
    stop = threading.Event()

    def pause(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    before = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or before is signal.SIG_IGN:
        yield stop
        return
    signal.signal(signal.SIGINT, pause)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)


class _Line:
    """The line that tells how a download goes: a context manager and an `OnProgress`."""

    def __init__(self, planned: Plan) -> None:
        self.done = 0
        self._planned = planned
        self._line = console.ProgressLine()
        self._meter = Meter()
        self._told_at = 0.0

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()

    def __call__(self, phase: Phase, done: int) -> None:
        """Show `phase`, and how much is there."""
        self.done = done
        if phase not in (Phase.RECEIVING, Phase.RETRYING):
            self._meter.reset()
        speed = self._meter.add(done)
        if time.monotonic() - self._told_at < _TELL_S:
            return
        self._told_at = time.monotonic()
        total = self._planned.size
        left = (total - done) / speed if speed else None
        words = _WORDS.get(phase)
        tail = f" ({words})" if words else ""
        self._line.say(f"{self._planned.repo}: {transfer(done, total, speed, left)}{tail}")


def catalogue(args: argparse.Namespace) -> int:
    """Run `tern models catalogue`: the best for this computer first. Asks nobody."""
    _, paths = open_settings()
    cpu = read_cpu()
    preflight = Preflight(paths, cpu)

    def needed(entry: CatalogueEntry, precision: Precision, context: int) -> int:
        looks = preflight.outlooks(entry.shape, context=context)
        return next(look.peak for look in looks if look.precision is precision)

    found = recommend(load_catalogue(), available_memory(), len(cpu.cores), needed)
    if args.json:
        console.print_json({"models": [_as_json(one) for one in found]})
        return 0
    width = max(len(one.entry.repo) for one in found)
    for one in found:
        print(f"{one.entry.repo:{width}}  {_words(one)}")
    return 0


def _as_json(one: Suggestion) -> dict[str, object]:
    entry = one.entry
    return {
        "repo": entry.repo,
        "title": entry.title,
        "parameters": entry.parameters,
        "download_bytes": entry.download_bytes,
        "licence": entry.licence,
        "languages": entry.languages,
        "gated": entry.gated,
        "context": entry.context,
        "supported": entry.supported,
        "precision": one.precision,
        "needed_bytes": one.needed,
        "fits": one.fits,
        "fluent": one.fluent,
    }


def _words(one: Suggestion) -> str:
    entry = one.entry
    if not entry.supported:
        return f"Tern cannot run {entry.architecture} yet"
    verdict = (
        "fits" if one.fits and one.fluent else "fits, slow here" if one.fits else Fit.TOO_LARGE
    )
    parts = (
        f"{verdict} in {one.precision}: {console.size(one.needed)}",
        f"download {console.size(entry.download_bytes)}",
        f"{entry.parameters / 1e9:.2g} B parameters",
        entry.licence,
        "gated" if entry.gated else "",
    )
    return " · ".join(filter(None, parts))
