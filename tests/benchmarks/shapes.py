"""The shapes of well-known models, for models of random weights: speed depends on nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

TensorSpec: TypeAlias = tuple[str, tuple[int, ...]]  # checkpoint name, shape

_CONTEXT = 8192  # tokens; the real models have more, which costs nothing until it is used


@dataclass(frozen=True)
class Shape:
    """A decoder of the Llama line. Sizes in elements.

    Rope is unscaled even where the real model scales it: the tables cost the same.
    """

    name: str
    family: Literal["llama", "qwen2"]
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool
    rope_theta: float
    norm_eps: float
    context: int = _CONTEXT

    @property
    def qkv_bias(self) -> bool:
        """Whether q, k and v have biases."""
        return self.family == "qwen2"

    def config(self) -> dict[str, Any]:
        """Return the content of config.json."""
        architecture = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}[self.family]
        return {
            "architectures": [architecture],
            "model_type": self.family,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "vocab_size": self.vocab,
            "max_position_embeddings": self.context,
            "rms_norm_eps": self.norm_eps,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": self.tied,
            "torch_dtype": "bfloat16",
        }

    def tensors(self) -> Iterator[TensorSpec]:
        """Yield name and shape of each tensor by its Hugging Face name, layer after layer."""
        yield "model.embed_tokens.weight", (self.vocab, self.hidden)
        for number in range(self.layers):
            for name, shape in self._layer():
                yield f"model.layers.{number}.{name}", shape
        yield "model.norm.weight", (self.hidden,)
        if not self.tied:
            yield "lm_head.weight", (self.vocab, self.hidden)

    def _layer(self) -> Iterator[TensorSpec]:
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        yield "input_layernorm.weight", (self.hidden,)
        for name, rows in (("q", q), ("k", kv), ("v", kv)):
            yield f"self_attn.{name}_proj.weight", (rows, self.hidden)
            if self.qkv_bias:
                yield f"self_attn.{name}_proj.bias", (rows,)
        yield "self_attn.o_proj.weight", (self.hidden, q)
        yield "post_attention_layernorm.weight", (self.hidden,)
        yield "mlp.gate_proj.weight", (self.intermediate, self.hidden)
        yield "mlp.up_proj.weight", (self.intermediate, self.hidden)
        yield "mlp.down_proj.weight", (self.hidden, self.intermediate)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape(
            name="smollm2-135m",
            family="llama",
            hidden=576,
            layers=30,
            heads=9,
            kv_heads=3,
            head_dim=64,
            intermediate=1536,
            vocab=49152,
            tied=True,
            rope_theta=1e5,
            norm_eps=1e-5,
        ),
        Shape(
            name="llama-3.2-1b",
            family="llama",
            hidden=2048,
            layers=16,
            heads=32,
            kv_heads=8,
            head_dim=64,
            intermediate=8192,
            vocab=128256,
            tied=True,
            rope_theta=5e5,
            norm_eps=1e-5,
        ),
        Shape(
            name="qwen2.5-7b",
            family="qwen2",
            hidden=3584,
            layers=28,
            heads=28,
            kv_heads=4,
            head_dim=128,
            intermediate=18944,
            vocab=152064,
            tied=False,
            rope_theta=1e6,
            norm_eps=1e-6,
        ),
    )
}
