"""Whether a model will run here, per precision, as the Models page shows it."""

from dataclasses import dataclass

from desktop.rows import Tone
from engine.fit import expected_memory
from engine.messages import Precision
from engine.model_config import ModelConfig

CONTEXT = 4096  # tokens: a conversation of some length
_TIGHT = 0.85  # of what is available: the rest is for what runs beside Tern

WORDS: dict[Tone, str] = {
    Tone.GOOD: "fits",
    Tone.WARN: "tight",
    Tone.BAD: "will not fit",
}


@dataclass(frozen=True)
class FitRow:
    """What a precision needs at its peak, in bytes, and whether that is there."""

    precision: Precision
    needed: int
    tone: Tone

    @property
    def words(self) -> str:
        """The verdict in words."""
        return WORDS[self.tone]


def fit_rows(shape: ModelConfig, available: int) -> tuple[FitRow, ...]:
    """Return a row for each precision; available: bytes of memory that can be had now."""
    context = min(CONTEXT, shape.max_context)
    needs = ((precision, expected_memory(shape, precision, context)) for precision in Precision)
    return tuple(FitRow(precision, need, _tone(need, available)) for precision, need in needs)


def _tone(needed: int, available: int) -> Tone:
    if needed > available:
        return Tone.BAD
    return Tone.WARN if needed > _TIGHT * available else Tone.GOOD
