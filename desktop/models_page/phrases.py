"""What the Models page says of models and downloads. Pure functions over the engine's values."""

from collections.abc import Iterable

from PySide6.QtCore import QLocale

from desktop import wording
from desktop.translation import line, mark, number, tr
from engine.messages import Precision
from engine.store.downloads import DownloadState
from engine.store.local import Origin, StoredModel
from engine.store.phase import Phase

_WAITING: dict[Phase, str] = {
    Phase.QUEUED: mark("Waits for its turn"),
    Phase.PREPARING: mark("Asking the Hub what to fetch…"),
    Phase.LOCKED: mark("Waits: another program is downloading it"),
    Phase.CHECKING: mark("Checking what has arrived before…"),
    Phase.RETRYING: mark("The line broke off; trying again…"),
}
_MANY_LANGUAGES = 6
_LANGUAGES = frozenset(
    {
        mark("English"),
        mark("German"),
        mark("French"),
        mark("Spanish"),
        mark("Italian"),
        mark("Portuguese"),
        mark("Dutch"),
        mark("Polish"),
        mark("Russian"),
        mark("Ukrainian"),
        mark("Czech"),
        mark("Greek"),
        mark("Turkish"),
        mark("Arabic"),
        mark("Hebrew"),
        mark("Persian"),
        mark("Hindi"),
        mark("Bengali"),
        mark("Thai"),
        mark("Vietnamese"),
        mark("Indonesian"),
        mark("Korean"),
        mark("Japanese"),
        mark("Chinese"),
        mark("Swedish"),
        mark("Romanian"),
    }
)


def parameters(count: int) -> str:
    """Return a number of parameters: "135 M", "1.54 B"; a dash where nobody knows."""
    if count <= 0:
        return wording.UNKNOWN
    if count >= 1_000_000_000:
        return tr("{number} B", number=number(f"{count / 1e9:.2f}"))
    return tr("{number} M", number=f"{count / 1e6:.0f}")


def languages(codes: Iterable[str]) -> str:
    """Return the names of languages given by their ISO 639-1 codes, the first few."""
    names = [_language(code) for code in codes]
    more = len(names) - _MANY_LANGUAGES
    shown = ", ".join(names[:_MANY_LANGUAGES])
    return tr("{names} and {count} more", names=shown, count=more) if more > 0 else shown


def _language(code: str) -> str:
    """Return a language's name; the rarer ones are called as in English."""
    name = QLocale.languageToString(QLocale(code).language())
    return tr(name) if name in _LANGUAGES else name


def duration(seconds: float) -> str:
    """Return a time as a person says it: "40 s", "12 min", "3 h 05 min"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return tr("{seconds} s", seconds=f"{seconds:.0f}")
    if minutes < 100:
        return tr("{minutes} min", minutes=minutes)
    return tr("{hours} h {minutes} min", hours=minutes // 60, minutes=f"{minutes % 60:02}")


def download(state: DownloadState) -> str:
    """Return how a download stands, in one line."""
    match state.phase:
        case Phase.FAILED:
            return f"{state.sentence} {state.way_out}"
        case Phase.DONE:
            return tr("Done: {size}", size=wording.size(state.total))
        case Phase.PAUSED:
            return tr("Paused at {amount}", amount=_amount(state)) if state.total else tr("Paused")
        case Phase.RECEIVING:
            parts = [_amount(state), tr("{size}/s", size=wording.size(round(state.speed)))]
            if state.seconds_left is not None:
                parts.append(tr("{time} left", time=duration(state.seconds_left)))
            return line(parts)
        case _:
            return tr(_WAITING[state.phase])


def _amount(state: DownloadState) -> str:
    done, total = wording.size(state.done), wording.size(state.total)
    return tr("{done} of {total}", done=done, total=total)


def on_disk(model: StoredModel) -> str:
    """Return what a model takes on disk, packed weights included: "988 MB · int4 packed 310 MB"."""
    packed = [
        tr("{precision} packed {size}", precision=p, size=wording.size(n))
        for p, n in packed_sizes(model)
    ]
    return line([wording.size(model.disk), *packed])


def packed_sizes(model: StoredModel) -> list[tuple[Precision, int]]:
    """Return the packed weights there are, per precision, in bytes."""
    return [(p, model.packed[p]) for p in Precision if model.packed.get(p)]


def origin(model: StoredModel) -> str:
    """Return where a model comes from, as a sentence begins."""
    said = tr(wording.ORIGINS[model.origin])
    return said[0].upper() + said[1:]


def can_be_deleted(model: StoredModel) -> bool:
    """Whether deleting frees the model itself, and is not only forgetting it."""
    return model.origin in (Origin.COPY, Origin.STORE, Origin.SHARED)
