"""A traced graph with its cache: a `LanguageModel` on IPEX's kernels."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
import torch

from engine.errors import UnknownToken
from engine.kernels.ipex.graph import Graph, Past, empty_past, first_tokens, inputs
from engine.language_model import LOGITS_BLOCK, Logits, OnLayer, common_prefix
from engine.messages import Proof


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a graph without running it. Sizes in elements and bytes.

    dtype is that of activations and cache; linears the count of `graph.count_linears`; source
    the fingerprint of the weights that it was made from.
    """

    source: str
    layers: int
    vocab_size: int
    dtype: Literal["float32", "bfloat16"]
    weight_bytes: int
    kv_bytes_per_token: int
    linears: dict[str, int]
    proof: Proof


class IpexModel:
    """Runs a graph token by token or in blocks, and keeps what earlier turns left in the cache."""

    def __init__(self, graph: Graph, facts: Facts, context_length: int) -> None:
        self.context_length = context_length
        self.facts = facts
        self._graph = graph
        self._dtype: torch.dtype = getattr(torch, facts.dtype)
        self._tokens: list[int] = []
        self._past = empty_past(facts.layers, self._dtype)

    @property
    def used(self) -> int:
        """How many tokens the cache holds."""
        return len(self._tokens)

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights that are read for one token."""
        return self.facts.weight_bytes

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token adds to the cache."""
        return self.facts.kv_bytes_per_token

    def warm_up(self) -> None:
        """Run a few steps: TorchScript profiles a graph's first runs, and then compiles it."""
        for _ in range(2):
            self.extend([1] * 8)
            self.extend([1])
            self.extend([1])
            self._forget()

    def keep_prefix(self, ids: Sequence[int]) -> int:
        """Roll the cache back to the longest prefix shared with `ids`; return its length."""
        shared = common_prefix(self._tokens, ids[:-1])
        if shared == 0:
            self._forget()
        elif shared < self.used:
            del self._tokens[shared:]
            self._past = first_tokens(self._past, shared)
        return shared

    def extend(self, ids: Sequence[int], on_layer: OnLayer | None = None) -> Logits:
        """Append `ids` to the context; return the last one's logits, float32 [vocab].

        The traced graph is one piece: on_layer is never called. Raises UnknownToken where an id is
        none of the model's.
        """
        logits: Logits = self._step(ids, range(len(ids) - 1, len(ids)))[0]
        return logits

    def all_logits(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Yield the logits of `ids` as a fresh context, in blocks, float32 [block, vocab].

        The cache is empty afterwards.
        """
        self._forget()
        for start in range(0, len(ids), LOGITS_BLOCK):
            block = ids[start : start + LOGITS_BLOCK]
            yield self._step(block, range(len(block)))
        self._forget()

    @torch.inference_mode()
    def _step(self, ids: Sequence[int], rows: range) -> Logits:
        if max(ids) >= self.facts.vocab_size:
            raise UnknownToken(token=max(ids), vocabulary=self.facts.vocab_size)
        # Autocast's setting belongs to a thread and a moment, so it is entered here.
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._dtype is torch.bfloat16):
            step = inputs(ids, rows, self._past, self.used, self._dtype)
            past: Past
            logits, past = self._graph(*step)
        self._past = past
        self._tokens.extend(ids)
        wanted: Logits = logits[0].float().numpy()
        return wanted

    def _forget(self) -> None:
        self._tokens.clear()
        self._past = empty_past(self.facts.layers, self._dtype)
