"""torch's keys and values of the tokens read so far, preallocated, with the ids they belong to.

Knowing the ids lets the next turn keep the prefix that it shares with the last one.
"""

from collections.abc import Sequence

import torch

from engine.language_model import common_prefix
from engine.model_config import ModelConfig


class KVCache:
    """One conversation's cache.

    keys, values: per layer [kv_heads, context_length, head_dim]. The memory is reserved at once
    and becomes resident only as it is written.
    """

    def __init__(self, config: ModelConfig, context_length: int, dtype: torch.dtype) -> None:
        shape = (config.kv_heads, context_length, config.head_dim)
        self.keys = [torch.empty(shape, dtype=dtype) for _ in range(config.layers)]
        self.values = [torch.empty(shape, dtype=dtype) for _ in range(config.layers)]
        self.context_length = context_length
        self.tokens: list[int] = []

    def __len__(self) -> int:
        return len(self.tokens)

    def keep_prefix(self, ids: Sequence[int]) -> int:
        """Forget all but the longest prefix shared with `ids`; return its length.

        At least the last of `ids` is left to compute, as its logits are wanted.
        """
        shared = common_prefix(self.tokens, ids[:-1])
        del self.tokens[shared:]
        return shared
