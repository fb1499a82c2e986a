"""What the Models page says of models and downloads. Pure functions over the engine's values."""

from collections.abc import Iterable

from PySide6.QtCore import QLocale

from desktop import wording
from engine.messages import Precision
from engine.store.downloads import DownloadState
from engine.store.local import Origin, StoredModel
from engine.store.phase import Phase

_WAITING: dict[Phase, str] = {
    Phase.QUEUED: "Waits for its turn",
    Phase.PREPARING: "Asking the Hub what to fetch…",
    Phase.LOCKED: "Waits: another program is downloading it",
    Phase.CHECKING: "Checking what has arrived before…",
    Phase.RETRYING: "The line broke off; trying again…",
}
_MANY_LANGUAGES = 6


def parameters(count: int) -> str:
    """Return a number of parameters: "135 M", "1.54 B"; a dash where nobody knows."""
    if count <= 0:
        return wording.UNKNOWN
    return f"{count / 1e9:.2f} B" if count >= 1_000_000_000 else f"{count / 1e6:.0f} M"


def languages(codes: Iterable[str]) -> str:
    """Return the names of languages given by their ISO 639-1 codes, the first few."""
    names = [QLocale.languageToString(QLocale(code).language()) for code in codes]
    more = len(names) - _MANY_LANGUAGES
    shown = ", ".join(names[:_MANY_LANGUAGES])
    return f"{shown} and {more} more" if more > 0 else shown


def duration(seconds: float) -> str:
    """Return a time as a person says it: "40 s", "12 min", "3 h 05 min"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def download(state: DownloadState) -> str:
    """Return how a download stands, in one line."""
    match state.phase:
        case Phase.FAILED:
            return f"{state.sentence} {state.way_out}"
        case Phase.DONE:
            return f"Done: {wording.size(state.total)}"
        case Phase.PAUSED:
            return f"Paused at {_amount(state)}" if state.total else "Paused"
        case Phase.RECEIVING:
            parts = [_amount(state), f"{wording.size(round(state.speed))}/s"]
            if state.seconds_left is not None:
                parts.append(f"{duration(state.seconds_left)} left")
            return " · ".join(parts)
        case _:
            return _WAITING[state.phase]


def _amount(state: DownloadState) -> str:
    return f"{wording.size(state.done)} of {wording.size(state.total)}"


def on_disk(model: StoredModel) -> str:
    """Return what a model takes on disk, packed weights included: "988 MB · int4 packed 310 MB"."""
    packed = [f"{p} packed {wording.size(n)}" for p, n in packed_sizes(model)]
    return " · ".join([wording.size(model.disk), *packed])


def packed_sizes(model: StoredModel) -> list[tuple[Precision, int]]:
    """Return the packed weights there are, per precision, in bytes."""
    return [(p, model.packed[p]) for p in Precision if model.packed.get(p)]


def origin(model: StoredModel) -> str:
    """Return where a model comes from, as a sentence begins."""
    return str(model.origin)[0].upper() + str(model.origin)[1:]


def can_be_deleted(model: StoredModel) -> bool:
    """Whether deleting frees the model itself, and is not only forgetting it."""
    return model.origin in (Origin.COPY, Origin.STORE, Origin.SHARED)
