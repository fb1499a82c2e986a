"""An old comparison against a new one: what became slower or worse, beyond what may be chance."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.errors import FileUnreadable, NotAComparison
from engine.lab.records import FORMAT, Comparison, Estimate, Row

# A figure that was measured once has no interval of its own; these are what it varies by between
# two runs on a quiet machine.
_TIMING_NOISE, _SIZE_NOISE = 0.10, 0.05
# A process varies by some megabytes however small its model is.
_SIZES = (
    ("peak memory (bytes)", "peak_rss_bytes", 16_000_000),
    ("disk (bytes)", "disk_bytes", 0),
)


@dataclass(frozen=True)
class Change:
    """One figure of one variant that is worse than it was."""

    label: str
    what: str
    before: float
    now: float

    @property
    def sentence(self) -> str:
        """The change, for a person."""
        return f"{self.label}: {self.what} went from {self.before:.4g} to {self.now:.4g}."


def read(path: Path) -> Comparison:
    """Return the comparison in a JSON file, or on the last line of a command's output.

    Raises FileUnreadable or NotAComparison.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileUnreadable(file=path, reason=error.strerror or error) from error
    lines = data.rstrip().splitlines()
    try:
        try:
            found = msgspec.json.decode(data, type=Comparison)
        except msgspec.DecodeError:
            found = msgspec.json.decode(lines[-1] if lines else b"", type=Comparison)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAComparison(file=path, reason=str(error).rstrip(".")) from error
    if found.format != FORMAT:
        raise NotAComparison(file=path, reason=f"its format is {found.format}, not {FORMAT}")
    return found


def worse(old: Comparison, new: Comparison) -> list[Change]:
    """Return what is worse in `new`, for the variants that both have.

    Two estimates differ where their intervals do not touch.
    """
    before = {row.label: row for row in old.rows}
    return [
        change
        for row in new.rows
        if row.label in before
        for change in _changes(before[row.label], row)
    ]


def caveats(old: Comparison, new: Comparison) -> list[str]:
    """Return why the two may not be comparable, a sentence each."""
    pairs = (
        ("model", (old.revision, old.weights), (new.revision, new.weights)),
        ("processor", old.machine.cpu, new.machine.cpu),
        ("prompts", old.plan.prompts, new.plan.prompts),
        ("reference", old.reference, new.reference),
        ("sampling settings", _without_seed(old), _without_seed(new)),
    )
    said = [f"The {name} is another than before." for name, a, b in pairs[:2] if a != b]
    said += [f"The {name} are others than before." for name, a, b in pairs[2:] if a != b]
    gone = {row.label for row in old.rows} - {row.label for row in new.rows}
    return said + [f"{label} was measured before, and not now." for label in sorted(gone)]


def _without_seed(comparison: Comparison) -> object:
    return msgspec.structs.replace(comparison.plan.sampling, seed=None)


def _changes(old: Row, new: Row) -> Iterator[Change]:
    for what, get, higher_is_better in _ESTIMATES:
        before, now = get(old), get(new)
        if before and now and _is_worse(before, now, higher_is_better):
            yield Change(new.label, what, before.value, now.value)
    for what, name, noise in _SIZES:
        was, is_now = getattr(old, name), getattr(new, name)
        if was and is_now > was + max(was * _SIZE_NOISE, noise):
            yield Change(new.label, what, was, is_now)


def _is_worse(before: Estimate, now: Estimate, higher_is_better: bool) -> bool:
    margin = 1 + (_TIMING_NOISE if "none" in (before.over, now.over) else 0)
    if higher_is_better:
        return now.high * margin < before.low
    return now.low > before.high * margin


def _of_speed(name: str) -> "_Get":
    def get(row: Row) -> Estimate | None:
        return getattr(row.speed, name) if row.speed else None

    return get


_Get = Callable[[Row], Estimate | None]
_ESTIMATES: tuple[tuple[str, _Get, bool], ...] = (
    ("decode (tokens/s)", _of_speed("decode_tokens_per_s"), True),
    ("prefill (tokens/s)", _of_speed("prefill_tokens_per_s"), True),
    ("time to the first token (s)", _of_speed("ttft_s"), False),
    ("KL (nats a token)", lambda row: row.kl, False),
    ("top-1 agreement", lambda row: row.top1_agreement, True),
    ("perplexity ratio", lambda row: row.perplexity_ratio, False),
)
