"""The decoder on torch: token ids -> logits, for the Llama line of architectures.

It knows attention, norms and rope; how a linear is stored and multiplied is the linear's own
affair (`engine.kernels`). The order of operations and of roundings follows transformers' own
modelling code, so that bf16 gives the same tokens.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from engine.errors import UnknownToken
from engine.kv_cache import KVCache
from engine.language_model import LOGITS_BLOCK, Logits, OnLayer
from engine.model_config import ModelConfig
from engine.rope import rope_tables


class Linear(Protocol):
    """y = x W^T + b. x: [tokens, in_features] -> [tokens, out_features], in x's dtype."""

    @property
    def weight_dtype(self) -> str:
        """What its weights are: "bf16", "int8", "int4"; "fp32" only while calibrating."""

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return y."""


@dataclass
class DecoderLayer:
    """One layer: the weights of its norms, and its linears by their checkpoint names."""

    norms: Mapping[str, Tensor]
    linears: Mapping[str, Linear]


class Rope:
    """Rotary position embedding, tables for `context_length` positions."""

    def __init__(self, config: ModelConfig, context_length: int, dtype: torch.dtype) -> None:
        cos, sin = (torch.from_numpy(table) for table in rope_tables(config, context_length))
        self._cos = torch.cat((cos, cos), dim=-1).to(dtype)
        self._sin = torch.cat((sin, sin), dim=-1).to(dtype)

    def __call__(self, x: Tensor, start: int) -> Tensor:
        """Rotate x [heads, tokens, head_dim], whose first token stands at position `start`."""
        window = slice(start, start + x.shape[1])
        half = x.shape[-1] // 2
        turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
        rotated: Tensor = x * self._cos[window] + turned * self._sin[window]
        return rotated


def embed(ids: Sequence[int], table: Tensor) -> Tensor:
    """Return the rows of `table` [vocab, hidden] of `ids`. Raises UnknownToken for one beyond."""
    if max(ids) >= len(table):
        raise UnknownToken(token=max(ids), vocabulary=len(table))
    return functional.embedding(torch.tensor(ids), table)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm (Zhang and Sennrich 2019): statistics in float32, scaled in x's own dtype."""
    wide = x.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    return weight * wide.to(x.dtype)


def attend(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Causal grouped-query attention of the last tokens of a context.

    q: [heads, tokens, head_dim]; keys, values: [kv_heads, context, head_dim], the tokens' own
    included. Returns [heads, tokens, head_dim].
    """
    heads, tokens, head_dim = q.shape
    kv_heads, context, _ = keys.shape
    # kv heads as the batch and their group as heads, with keys repeated by stride 0: no copy of
    # the cache, and the same sums in the same order as with copies.
    grouped = q.reshape(kv_heads, heads // kv_heads, tokens, head_dim)
    shape = (kv_heads, heads // kv_heads, context, head_dim)
    mask = None
    if 1 < tokens < context:
        mask = torch.ones(tokens, context, dtype=torch.bool).tril(context - tokens)
    out = functional.scaled_dot_product_attention(
        grouped,
        keys[:, None].expand(shape),
        values[:, None].expand(shape),
        attn_mask=mask,
        is_causal=mask is None and tokens > 1,
    )
    return out.reshape(heads, tokens, head_dim)


class Decoder:
    """A model with its cache on torch's operators: a `LanguageModel`.

    Activations flow in `dtype`; attention and the cache are bf16 whatever the precision.
    """

    def __init__(
        self,
        config: ModelConfig,
        embedding: Tensor,
        layers: Sequence[DecoderLayer],
        final_norm: Tensor,
        head: Linear,
        context_length: int,
        dtype: torch.dtype,
        attention_dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        self.config = config
        self.context_length = context_length
        self.layers = layers
        self.head = head
        self._embedding = embedding
        self._final_norm = final_norm
        self._dtype = dtype
        self._attention_dtype = attention_dtype
        self._rope = Rope(config, context_length, dtype)
        self._cache = KVCache(config, context_length, attention_dtype)

    @property
    def used(self) -> int:
        """How many tokens the cache holds."""
        return len(self._cache)

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights that are read for one token."""
        linears = (linear for layer in self.layers for linear in layer.linears.values())
        return sum(linear.nbytes for linear in linears) + self.head.nbytes

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token adds to the cache."""
        return self.config.kv_elements_per_token * self._attention_dtype.itemsize

    def keep_prefix(self, ids: Sequence[int]) -> int:
        """Roll the cache back to the longest prefix shared with `ids`; return its length."""
        return self._cache.keep_prefix(ids)

    @torch.inference_mode()
    def extend(self, ids: Sequence[int], on_layer: OnLayer | None = None) -> Logits:
        """Append `ids` to the context; return the last one's logits, float32 [vocab].

        on_layer is called after each layer; what it raises ends the call with the context as it
        was. Raises UnknownToken where an id is none of the model's.
        """
        hidden = self._hidden(ids, on_layer)
        self._cache.tokens.extend(ids)
        logits: Logits = self._logits(hidden[-1:])[0]
        return logits

    @torch.inference_mode()
    def all_logits(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Yield the logits of `ids` as a fresh context, in blocks, float32 [block, vocab]."""
        self._cache.tokens.clear()
        for block in self._hidden(ids).split(LOGITS_BLOCK):
            yield self._logits(block)

    def _hidden(self, ids: Sequence[int], on_layer: OnLayer | None = None) -> Tensor:
        start = len(self._cache)
        hidden = embed(ids, self._embedding).to(self._dtype)
        for number, layer in enumerate(self.layers):
            hidden = self.run_layer(layer, number, hidden, start)
            if on_layer:
                on_layer()
        return hidden

    def _logits(self, hidden: Tensor) -> Logits:
        normed = rms_norm(hidden, self._final_norm, self.config.norm_eps)
        logits: Logits = self.head(normed).float().numpy()
        return logits

    def run_layer(self, layer: DecoderLayer, number: int, hidden: Tensor, start: int) -> Tensor:
        """Return hidden [tokens, hidden_size] after `layer`, whose cache slot is `number`."""
        eps, norms, linears = self.config.norm_eps, layer.norms, layer.linears
        x = rms_norm(hidden, norms["input_layernorm"], eps)
        hidden = hidden + self._attention(layer, number, x, start)
        x = rms_norm(hidden, norms["post_attention_layernorm"], eps)
        gated = functional.silu(linears["mlp.gate_proj"](x)) * linears["mlp.up_proj"](x)
        return hidden + linears["mlp.down_proj"](gated)

    def _attention(self, layer: DecoderLayer, number: int, x: Tensor, start: int) -> Tensor:
        linears, tokens = layer.linears, x.shape[0]
        q = self._heads(linears["self_attn.q_proj"](x), layer.norms.get("self_attn.q_norm"))
        k = self._heads(linears["self_attn.k_proj"](x), layer.norms.get("self_attn.k_norm"))
        v = self._heads(linears["self_attn.v_proj"](x), None)
        q, k = self._rope(q, start), self._rope(k, start)
        keys, values = self._cache.keys[number], self._cache.values[number]
        keys[:, start : start + tokens] = k
        values[:, start : start + tokens] = v
        context = slice(0, start + tokens)
        out = attend(q.to(self._attention_dtype), keys[:, context], values[:, context])
        return linears["self_attn.o_proj"](out.transpose(0, 1).reshape(tokens, -1).to(x.dtype))

    def _heads(self, x: Tensor, norm: Tensor | None) -> Tensor:
        """[tokens, heads * head_dim] -> [heads, tokens, head_dim], normed where the model does."""
        x = x.view(x.shape[0], -1, self.config.head_dim)
        if norm is not None:
            x = rms_norm(x, norm, self.config.norm_eps)
        return x.transpose(0, 1)
