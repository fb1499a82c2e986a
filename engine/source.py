"""A checkpoint by the names of a decoder's parts: linears, norms, embedding, head."""

from dataclasses import dataclass

from engine.checkpoint import Checkpoint
from engine.model_config import ModelConfig
from engine.tensor_file import Array


@dataclass(frozen=True)
class Source:
    """An open checkpoint with its configuration."""

    checkpoint: Checkpoint
    config: ModelConfig

    def linear(self, layer: int, name: str) -> tuple[Array, Array | None]:
        """Return weight and bias of a linear, read-only as all that is mapped."""
        prefix = f"model.layers.{layer}.{name}"
        shape = self.config.linear_shapes()[name]
        weight = self.checkpoint.tensor(f"{prefix}.weight", shape)
        if not self.config.has_bias(name):
            return weight, None
        return weight, self.checkpoint.tensor(f"{prefix}.bias", shape[:1])

    def norms(self, layer: int) -> dict[str, Array]:
        """Return the weights of a layer's norms by name."""
        hidden, head = (self.config.hidden_size,), (self.config.head_dim,)
        shapes = {"input_layernorm": hidden, "post_attention_layernorm": hidden}
        if self.config.qk_norm:
            shapes |= {"self_attn.q_norm": head, "self_attn.k_norm": head}
        prefix = f"model.layers.{layer}"
        return {
            name: self.checkpoint.tensor(f"{prefix}.{name}.weight", shape)
            for name, shape in shapes.items()
        }

    @property
    def embedding_name(self) -> str:
        """The name of the token embeddings."""
        return "model.embed_tokens.weight"

    @property
    def head_name(self) -> str:
        """The name of the output head's weight: the embeddings' where they are shared."""
        return self.embedding_name if self.config.tied_head else "lm_head.weight"

    def table(self, name: str) -> Array:
        """Return the weight of one of these names [vocab, hidden_size]."""
        return self.checkpoint.tensor(name, (self.config.vocab_size, self.config.hidden_size))

    def embedding(self) -> Array:
        """Return the table of token embeddings [vocab, hidden_size]."""
        return self.table(self.embedding_name)

    def final_norm(self) -> Array:
        """Return the weight of the last norm [hidden_size]."""
        return self.checkpoint.tensor("model.norm.weight", (self.config.hidden_size,))

    def head(self) -> Array:
        """Return the weight of the output head [vocab, hidden_size]."""
        return self.table(self.head_name)
