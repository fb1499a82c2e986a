"""Weights -> a native decoder, quantised and packed first where that has not been done.

The compiled core (`engine/kernels/native/kit.py`) and torch's operators, which serve where there is
no core (`engine/kernels/torch_kit.py`), know the same models; a `Kit` is what they have in common.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine.language_model import LanguageModel
from engine.packing import OnRemark, is_sound, packing_alone
from engine.source import Source

if TYPE_CHECKING:
    from torch import Tensor

    from engine.quantize.layers import Rounded

OnProgress = Callable[[str, int, int], None]


class NativeModel(LanguageModel, Protocol):
    """A decoder whose parts can be counted (`engine.proof`)."""

    @property
    def layers(self) -> Sequence[Any]:
        """Its layers, each with `norms` and `linears` by name."""

    @property
    def head(self) -> Any:
        """Its output head."""


class Kit(Protocol):
    """One way to store, multiply and assemble."""

    @property
    def refines_logits(self) -> bool:
        """Whether the likeliest logits are computed again, from the published head."""

    def layout(self) -> str:
        """Return the name of the packed layout on this CPU."""

    def pack(self, weights: "Rounded") -> Mapping[str, "Tensor"]:
        """Return rounded weights as tensors that can be kept on disk."""

    def pack_head(self, weights: "Rounded") -> Mapping[str, "Tensor"]:
        """Return those of the output head, of which not every kernel reads all each time."""

    def published(self, source: Source, on_progress: OnProgress) -> NativeModel:
        """Return the decoder over the checkpoint's own bf16 weights."""

    def packed(self, source: Source, folder: Path, on_progress: OnProgress) -> NativeModel:
        """Return the decoder over the packed weights in `folder`."""


def assemble(
    source: Source,
    kit: Kit,
    folder: Path,
    quantise: Callable[[], None],
    on_progress: OnProgress,
    on_remark: OnRemark,
) -> NativeModel:
    """Return the decoder over packed weights in `folder`.

    Where they are missing or damaged, quantise() makes them first.
    """
    model = source.checkpoint.folder

    def make() -> None:
        if is_sound(folder, model, on_progress, on_remark):
            return
        with packing_alone(folder, on_progress):
            # Another window may have made them meanwhile.
            if not is_sound(folder, model, on_progress, on_remark):
                quantise()

    make()
    try:
        return kit.packed(source, folder, on_progress)
    except FileNotFoundError:  # another window has just deleted them
        make()
        return kit.packed(source, folder, on_progress)
