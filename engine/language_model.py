"""What generation needs of a model, whoever's kernels run it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Logits: TypeAlias = npt.NDArray[np.float32]
OnLayer: TypeAlias = Callable[[], object]

LOGITS_BLOCK = 64  # rows of logits computed at a time when scoring: bounds memory


class LanguageModel(Protocol):
    """A model with its cache. Token ids go in, logits come out as numpy arrays."""

    context_length: int

    @property
    def used(self) -> int:
        """How many tokens the cache holds."""

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights that are read for one token."""

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token adds to the cache."""

    def keep_prefix(self, ids: Sequence[int]) -> int:
        """Roll the cache back to the longest prefix shared with `ids`; return its length."""

    def extend(self, ids: Sequence[int], on_layer: OnLayer | None = None) -> Logits:
        """Append `ids` to the context; return the last one's logits, float32 [vocab].

        on_layer is called after each layer, where the kernels let it; what it raises ends the call.
        """

    def all_logits(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Yield the logits of `ids` as a fresh context, in blocks, float32 [block, vocab].

        The cache is empty afterwards.
        """


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the length of the longest common prefix."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
