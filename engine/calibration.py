"""The text that quantisation is calibrated on, as text and as token ids."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import FileUnreadable, TextTooShort
from engine.messages import Quantisation
from engine.model_config import ModelConfig
from engine.paths import assets_folder
from engine.tokenizer import ChatTokenizer


def calibration_text(options: Quantisation) -> str:
    """Return the text to calibrate on. Raises FileUnreadable."""
    path = Path(options.calibration or assets_folder() / "calibration.txt")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise FileUnreadable(file=path, reason=error) from error


def calibration_ids(
    options: Quantisation, tokenizer: ChatTokenizer, config: ModelConfig
) -> list[list[int]]:
    """Return the token ids to calibrate on, as `options` cut them; none where it wants none.

    Raises FileUnreadable or TextTooShort.
    """
    if options.samples == 0:
        return []
    ids = tokenizer.encode(calibration_text(options))
    sequences = calibration_sequences(ids, min(options.length, config.max_context), options.samples)
    if not sequences:
        raise TextTooShort(tokens=len(ids))
    return sequences


def calibration_sequences(ids: Sequence[int], length: int, samples: int) -> list[list[int]]:
    """Cut a text's token ids into up to `samples` sequences of up to `length`."""
    cuts = [list(ids[i : i + length]) for i in range(0, len(ids), length)]
    return [cut for cut in cuts if len(cut) > 1][:samples]
