"""Weights -> a native decoder, quantised and packed first where that has not been done.

The compiled core (`engine/kernels/native/kit.py`) and torch's operators, which serve where there is
no core (`engine/kernels/torch_kit.py`), know the same models; a `Kit` is what they have in common.
"""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from torch import Tensor

from engine import packing
from engine.messages import Precision
from engine.model import LanguageModel
from engine.quantize.layers import Rounded, quantised_parts
from engine.source import Source

_log = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]


class NativeModel(LanguageModel, Protocol):
    """A decoder whose parts can be counted (`engine.proof`)."""

    @property
    def layers(self) -> Sequence[Any]:
        """Its layers, each with `norms` and `linears` by name."""

    @property
    def head(self) -> Any:
        """Its output head."""


@dataclass(frozen=True)
class Recipe:
    """How a model is quantised. `calibration` is all that the result depends on, as a text."""

    precision: Precision
    alpha: float
    sequences: Callable[[], Sequence[list[int]]]
    calibration: str


class Kit(Protocol):
    """One way to store, multiply and assemble."""

    @property
    def refines_logits(self) -> bool:
        """Whether the likeliest logits are computed again, from the published head."""

    def layout(self) -> str:
        """Return the name of the packed layout on this CPU."""

    def pack(self, weights: Rounded) -> Mapping[str, Tensor]:
        """Return rounded weights as tensors that can be kept on disk."""

    def published(self, source: Source, on_progress: OnProgress) -> NativeModel:
        """Return the decoder over the checkpoint's own bf16 weights."""

    def packed(self, source: Source, folder: Path, on_progress: OnProgress) -> NativeModel:
        """Return the decoder over the packed weights in `folder`."""


def assemble(
    source: Source, kit: Kit, recipe: Recipe, cache: Path, on_progress: OnProgress
) -> NativeModel:
    """Return the decoder; packed weights are made first where they are missing or damaged."""
    if recipe.precision is Precision.BF16:
        return kit.published(source, on_progress)
    folder = packing.packed_folder(cache, source, kit.layout(), recipe.calibration)
    if packing.is_packed(folder):
        try:
            return kit.packed(source, folder, on_progress)
        except (SafetensorError, OSError, KeyError, RuntimeError, ValueError) as error:
            _log.warning("packed weights in %s are damaged, packing again: %s", folder, error)
            shutil.rmtree(folder, ignore_errors=True)

    def step(done: int, total: int) -> None:
        on_progress(f"Quantising to {recipe.precision}", done, total)

    sequences = recipe.sequences()
    parts = quantised_parts(
        source, recipe.precision, sequences, recipe.alpha, kit.refines_logits, step
    )
    packing.pack(source, parts, kit.pack, folder)
    return kit.packed(source, folder, on_progress)
