"""Whether a model will run here, as the Models page shows it: in colour and in words."""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

from desktop.rows import Tone
from desktop.translation import tr
from desktop.wording import FITS
from engine.fit import Fit
from engine.hardware import available_memory, read_cpu
from engine.messages import Precision
from engine.model_config import ModelConfig
from engine.preflight import Outlook, Preflight
from engine.store.catalogue import CatalogueEntry, Suggestion, load_catalogue, recommend

# Of a model's shape, and its folder where it is on this computer.
Outlooks = Callable[[ModelConfig, Path | None], tuple[Outlook, ...]]

_TONES: dict[Fit | None, Tone] = {
    Fit.FITS: Tone.GOOD,
    Fit.TIGHT: Tone.WARN,
    Fit.TOO_LARGE: Tone.BAD,
    None: Tone.PLAIN,
}
_ORDER = list(_TONES)


def tone_of(outlook: Outlook) -> Tone:
    """Return how an outlook is meant."""
    return _TONES[outlook.fit]


def words_of(outlook: Outlook) -> str:
    """Return an outlook in words."""
    return tr(FITS[outlook.fit]) if outlook.fit else outlook.problem


def best(outlooks: Iterable[Outlook]) -> Outlook | None:
    """Return the outlook of the precision that fits best, the most exact one among equals."""
    return min(outlooks, key=lambda look: _ORDER.index(look.fit), default=None)


def fits_nowhere(outlooks: Iterable[Outlook]) -> bool:
    """Whether memory suffices in no precision that the model can run in."""
    found = best(outlooks)
    return found is not None and found.fit is Fit.TOO_LARGE


def suggestions(preflight: Preflight) -> list[Suggestion]:
    """Return the catalogue, the best for this computer first; asks no network."""

    @functools.cache
    def outlooks(shape: ModelConfig, context: int) -> tuple[Outlook, ...]:
        return preflight.outlooks(shape, context=context)

    def needed(entry: CatalogueEntry, precision: Precision, context: int) -> int:
        looks = outlooks(entry.shape, context)
        return next(look.peak for look in looks if look.precision is precision)

    cores = len(read_cpu().cores)
    return recommend(load_catalogue(), available_memory(), cores, needed)
