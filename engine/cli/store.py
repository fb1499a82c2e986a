"""What the commands of the model store share: the settings, a question, progress in bytes."""

import sys
import time
from types import TracebackType

from engine.cli import console
from engine.cli.session import Explained
from engine.network import Ledger, Network
from engine.paths import Paths
from engine.settings import SettingsFile
from engine.store.description import Description
from engine.store.hub import Hub
from engine.store.meter import Meter
from engine.store.reference import parse_reference

_TELL_S = 0.1


def open_settings() -> tuple[SettingsFile, Paths]:
    """Return the settings and the folders; what was wrong with the file is said."""
    paths = Paths.default()
    settings = SettingsFile.of(paths)
    if settings.trouble:
        console.note(settings.trouble)
    return settings, paths


def make_network(paths: Paths) -> Network:
    """Return what may connect: nothing while the settings say sealed, asked at each connection."""
    return Network(Ledger(paths.ledger), lambda: SettingsFile.of(paths).value.sealed)


def make_hub(paths: Paths) -> Hub:
    """Return the Hub that HF_ENDPOINT names."""
    return Hub(make_network(paths))


def describe(name: str, paths: Paths) -> Description:
    """Return what the Hub says of the model `name`. Raises BadReference, and what the Hub does."""
    reference = parse_reference(name)
    return make_hub(paths).describe(reference.repo, reference.revision)


def confirm(question: str, yes: bool) -> None:
    """Ask before something is deleted or moved; `yes` answers it already.

    Raises Explained where the answer is no, or nobody can be asked.
    """
    if yes:
        return
    if not console.is_terminal(sys.stdin):
        raise Explained("Nobody can be asked here.", "Give --yes to do it without asking.", 2)
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Explained("Nothing was changed.", "Answer y to do it.", 3)


class ByteProgress:
    """A line that tells how far files have come, how fast, and how long it will take.

    A context manager, and an `engine.store.files.OnProgress`.
    """

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._line = console.ProgressLine()
        self._meter = Meter()
        self._told_at = 0.0

    def __enter__(self) -> "ByteProgress":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._line.clear()

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show `done` of `total` bytes."""
        speed = self._meter.add(done)
        if time.monotonic() - self._told_at >= _TELL_S:
            self._told_at = time.monotonic()
            left = (total - done) / speed if speed else None
            self._line.say(f"{self._doing} {name}: {transfer(done, total, speed, left)}")


def transfer(done: int, total: int, speed: float, seconds_left: float | None) -> str:
    """Return how far a transfer has come: bytes, bytes a second, seconds."""
    share = f" ({done / total:.0%})" if total else ""
    words = f"{console.size(done)} of {console.size(total)}{share}, {console.size(speed)}/s"
    return words if seconds_left is None else f"{words}, {duration(seconds_left)} left"


def duration(seconds: float) -> str:
    """Return a time as a person says it: "40 s", "12 min", "3 h 05 min"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
