"""A whole decoder in Tern's compiled core: one call for a token, no operator of torch's between.

The core computes (decoder.h); this module hands it the weights as they lie,
keeps the token ids that the cache stands for, and returns numpy arrays. Activations are float32,
keys and values float16.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.errors import UnknownToken
from engine.kernels.native import _core
from engine.language_model import LOGITS_BLOCK, Logits, OnLayer, common_prefix
from engine.model_config import ModelConfig
from engine.rope import rope_tables
from engine.tensor_file import BF16, Array

_VALUE_ALIGNMENT = 16  # elements that the core pads a value to
_HALF_BYTES = 2


class Table(NamedTuple):
    """A published matrix [vocab, hidden] that is read by rows: float32, float16 or bfloat16.

    place: (path, first byte) of the file that holds the same bytes. Rows are then read from there,
    as those of a map stay in memory, 64 KB around each.
    """

    values: Array
    place: tuple[str, int] | None = None


class PackedLinear(NamedTuple):
    """y = x W^T + bias over packed weights: what the core takes for a linear.

    format: a member of the core's `Format`. weights: uint8 [packed bytes]. bias: float32 [out].
    """

    format: Any
    out_features: int
    in_features: int
    weights: Array
    bias: Array | None

    @property
    def weight_dtype(self) -> str:
        """What its weights are: "bf16", "int8" or "int4"."""
        return str(self.format.name).lower().removesuffix("rows").removesuffix("high")

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self.weights.nbytes


@dataclass(frozen=True)
class CoreLayer:
    """One layer: the float32 weights of its norms, and its linears by their checkpoint names."""

    norms: Mapping[str, Array]
    linears: Mapping[str, PackedLinear]


class CoreDecoder:
    """A model with its cache on the compiled core: a `LanguageModel`.

    final_norm: float32 [hidden]. All arrays are used where they lie, and kept. With `exact_head`,
    the published head, `head` only finds the 128 likeliest tokens, whose logits are computed again.
    head_low: of a head that has only the high halves of its codes the low ones, uint8 [bytes].
    `threads` counts the calling thread; `cores` may name a logical CPU for each. Raises ValueError
    where arrays and config do not fit together.
    """

    def __init__(
        self,
        config: ModelConfig,
        embedding: Table,
        layers: Sequence[CoreLayer],
        final_norm: Array,
        head: PackedLinear,
        context_length: int,
        threads: int,
        cores: Sequence[int] = (),
        head_low: Array | None = None,
        exact_head: Table | None = None,
    ) -> None:
        self.config = config
        self.context_length = context_length
        self.layers = layers
        self.head = head
        exact, exact_place = exact_head or (None, None)
        halved = 0 if head_low is None else _rows(head_low, config, _core.Decoder.HALVED)
        refined = 0 if exact is None else _rows(exact, config, _core.Decoder.REFINED)
        self._head_bytes = head.nbytes + halved + refined
        self._tokens: list[int] = []
        cos, sin = rope_tables(config, context_length)
        self._core = _core.Decoder(
            _core.Team(threads, list(cores)),
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            heads=config.heads,
            kv_heads=config.kv_heads,
            head_dim=config.head_dim,
            context_length=context_length,
            norm_eps=config.norm_eps,
            embedding=_bits(embedding.values),
            embedding_place=embedding.place,
            layers=[{**layer.norms, **layer.linears} for layer in layers],
            final_norm=final_norm,
            head=head,
            head_low=head_low,
            exact_head=None if exact is None else _bits(exact),
            exact_head_place=exact_place,
            cos=cos,
            sin=sin,
        )

    @property
    def used(self) -> int:
        """How many tokens the cache holds."""
        return len(self._tokens)

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights that are read for one token."""
        linears = (linear for layer in self.layers for linear in layer.linears.values())
        return sum(linear.nbytes for linear in linears) + self._head_bytes

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token adds to the cache, the padding of its values included."""
        config = self.config
        value = -(-config.head_dim // _VALUE_ALIGNMENT) * _VALUE_ALIGNMENT
        return config.layers * config.kv_heads * (config.head_dim + value) * _HALF_BYTES

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds spent so far in "linears", "attention" and "elementwise"."""
        seconds: Mapping[str, float] = self._core.seconds
        return seconds

    def keep_prefix(self, ids: Sequence[int]) -> int:
        """Roll the cache back to the longest prefix shared with `ids`; return its length.

        At least the last of `ids` is left to compute, as its logits are wanted.
        """
        shared = common_prefix(self._tokens, ids[:-1])
        self._truncate(shared)
        return shared

    def extend(self, ids: Sequence[int], on_layer: OnLayer | None = None) -> Logits:
        """Append `ids` to the context; return the last one's logits, float32 [vocab].

        on_layer() is called after each layer; what it raises ends the call, and the cache then
        holds what it did, or whole chunks of 512 tokens more. Raises UnknownToken where an id is
        none of the model's, and ValueError where the context is too short.
        """
        self._append(ids, 1, on_layer)
        logits: Logits = self._logits(0, 1)[0]
        return logits

    def all_logits(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Yield the logits of `ids` as a fresh context, in blocks, float32 [block, vocab].

        The cache is empty afterwards.
        """
        self._truncate(0)
        try:
            for start in range(0, len(ids), self._core.CHUNK):
                chunk = ids[start : start + self._core.CHUNK]
                self._append(chunk, len(chunk), None)
                for first in range(0, len(chunk), LOGITS_BLOCK):
                    yield self._logits(first, min(LOGITS_BLOCK, len(chunk) - first))
        finally:
            self._truncate(0)

    def _append(self, ids: Sequence[int], kept: int, on_layer: OnLayer | None) -> None:
        unknown = next((i for i in ids if not 0 <= i < self.config.vocab_size), None)
        if unknown is not None:
            raise UnknownToken(token=unknown, vocabulary=self.config.vocab_size)
        try:
            self._core.append(ids, kept, on_layer)
        finally:
            # Also after a stop: whole chunks are in the cache, and their ids belong to them.
            self._tokens.extend(ids[: self._core.used - len(self._tokens)])

    def _logits(self, first: int, rows: int) -> Logits:
        out = np.empty((rows, self.config.vocab_size), np.float32)
        self._core.logits(first, out)
        return out

    def _truncate(self, length: int) -> None:
        self._core.truncate(length)
        del self._tokens[length:]


def _rows(matrix: Array, config: ModelConfig, count: int) -> int:
    """Return the bytes of `count` rows, or of all, of a matrix with a row for each token."""
    return matrix.nbytes // config.vocab_size * min(count, config.vocab_size)


def _bits(table: Array) -> Array:
    """Return `table`; of bfloat16 the bits, as its name in DLPack is beyond numpy."""
    return table.view(np.uint16) if table.dtype == BF16 else table
