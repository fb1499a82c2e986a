"""config.json -> ModelConfig: what a decoder of the Llama line looks like, checked.

The file is input from strangers: every number is checked before anything is allocated by it.
Light half: no torch.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from engine.errors import DamagedFile, NotAModel, UnsupportedArchitecture, UnsupportedFeature
from engine.model_folder import read_file

FAMILIES = {
    "LlamaForCausalLM": "Llama",
    "MistralForCausalLM": "Mistral",
    "Qwen2ForCausalLM": "Qwen2",
    "Qwen3ForCausalLM": "Qwen3",
}
# How IPEX's loader calls the ways in which other programs store 4-bit weights.
_FOUR_BIT_METHODS = {
    "gptq": "gptq",
    "awq": "awq",
    "intel/auto-round": "gptq",
    "auto-round": "gptq",
}
_JSON_LIMIT = 50_000_000  # bytes


@dataclass(frozen=True)
class Llama3Scaling:
    """Frequency-dependent rope scaling of Llama 3.1 (transformers' `rope_type: llama3`)."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int


@dataclass(frozen=True)
class FourBitCheckpoint:
    """Weights that another program has quantised to 4 bits: GPTQ's or AWQ's way of storing them.

    desc_act: whether GPTQ ordered the input channels by activation.
    """

    method: str
    group_size: int
    desc_act: bool


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a decoder. Sizes in elements.

    `qkv_bias` is Qwen2's bias on q, k and v only; `attention_bias` puts one on the output
    projection too. `qk_norm` is Qwen3's RMSNorm over each head of q and k.
    """

    architecture: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    max_context: int
    norm_eps: float
    rope_theta: float
    rope_factor: float
    llama3_scaling: Llama3Scaling | None
    tied_head: bool
    qkv_bias: bool
    attention_bias: bool
    mlp_bias: bool
    qk_norm: bool
    four_bit: FourBitCheckpoint | None = None

    def linear_shapes(self) -> dict[str, tuple[int, int]]:
        """Return (out_features, in_features) of one layer's linears by their checkpoint names."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        hidden, inner = self.hidden_size, self.intermediate_size
        return {
            "self_attn.q_proj": (q, hidden),
            "self_attn.k_proj": (kv, hidden),
            "self_attn.v_proj": (kv, hidden),
            "self_attn.o_proj": (hidden, q),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }

    def has_bias(self, linear: str) -> bool:
        """Return whether the linear of that name in a layer has a bias."""
        if linear.startswith("mlp."):
            return self.mlp_bias
        return self.attention_bias or (self.qkv_bias and linear != "self_attn.o_proj")

    @property
    def layer_parameters(self) -> int:
        """Weights in the linears of one layer."""
        return sum(rows * columns for rows, columns in self.linear_shapes().values())

    @property
    def parameters(self) -> int:
        """Weights in all, the tied head counted once and norms and biases left out."""
        tables = 1 if self.tied_head else 2
        return self.layers * self.layer_parameters + tables * self.vocab_size * self.hidden_size

    @property
    def kv_elements_per_token(self) -> int:
        """Elements that one token adds to the KV cache."""
        return 2 * self.layers * self.kv_heads * self.head_dim


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`. Raises LinkLeavesFolder, or DamagedFile for none."""
    try:
        content = json.loads(read_file(path, _JSON_LIMIT).decode())
    except (ValueError, RecursionError) as error:
        raise DamagedFile(file=path, reason=f"it is not readable JSON ({error})") from error
    if not isinstance(content, dict):
        raise DamagedFile(file=path, reason="it holds no JSON object")
    return content


def read_config(folder: Path) -> ModelConfig:
    """Return the configuration of the model in `folder`.

    Raises NotAModel, DamagedFile, LinkLeavesFolder, UnsupportedArchitecture or UnsupportedFeature.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise NotAModel(folder=folder, reason="it holds no config.json")
    return parse_config(read_json(path), path)


def parse_config(values: dict[str, Any], source: Path) -> ModelConfig:
    """Return the configuration in the values of a config.json; `source` names it in a failure.

    Raises DamagedFile, UnsupportedArchitecture or UnsupportedFeature.
    """
    return _Fields(source, values).config()


class _Fields:
    """The values of one config.json, checked as they are taken."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self._path = path
        self._values = values

    def config(self) -> ModelConfig:
        architecture = self._architecture()
        self._refuse_unknown_features()
        heads = self._count("num_attention_heads")
        kv_heads = self._count("num_key_value_heads", heads)
        hidden = self._count("hidden_size")
        if heads % kv_heads:
            self._damaged("num_key_value_heads does not divide num_attention_heads")
        factor, llama3 = self._rope_scaling()
        attention_bias = self._flag("attention_bias")
        return ModelConfig(
            architecture=architecture,
            vocab_size=self._count("vocab_size", limit=4_000_000),
            hidden_size=hidden,
            intermediate_size=self._count("intermediate_size"),
            layers=self._count("num_hidden_layers", limit=1000),
            heads=heads,
            kv_heads=kv_heads,
            head_dim=self._count("head_dim", hidden // heads),
            max_context=self._context(),
            norm_eps=self._number("rms_norm_eps", 1e-6),
            rope_theta=self._number("rope_theta", 10_000.0),
            rope_factor=factor,
            llama3_scaling=llama3,
            tied_head=self._flag("tie_word_embeddings"),
            qkv_bias=architecture == "Qwen2ForCausalLM",
            attention_bias=attention_bias,
            mlp_bias=self._flag("mlp_bias"),
            qk_norm=architecture == "Qwen3ForCausalLM",
            four_bit=self._four_bit(),
        )

    def _architecture(self) -> str:
        names = self._values.get("architectures")
        name = names[0] if isinstance(names, list) and names else "(none named in config.json)"
        if not isinstance(name, str) or name not in FAMILIES:
            supported = ", ".join(FAMILIES.values())
            raise UnsupportedArchitecture(architecture=str(name)[:80], supported=supported)
        return name

    def _refuse_unknown_features(self) -> None:
        activation = self._values.get("hidden_act", "silu")
        if activation != "silu":
            raise UnsupportedFeature(feature=f"the activation function {str(activation)[:40]}")

    def _four_bit(self) -> FourBitCheckpoint | None:
        values = self._values.get("quantization_config")
        if values is None:
            return None
        if not isinstance(values, dict):
            self._damaged("quantization_config is no object")
        inner = _Fields(self._path, values)
        name, bits = str(values.get("quant_method"))[:40], values.get("bits", 4)
        method = _FOUR_BIT_METHODS.get(name)
        if "auto-round" in name and "awq" in str(values.get("packing_format", "")):
            method = "awq"
        if method is None or bits != 4:
            raise UnsupportedFeature(feature=f"weights quantised by {name} to {bits!s:.8} bits")
        return FourBitCheckpoint(method, inner._group_size(), inner._flag("desc_act"))

    def _group_size(self) -> int:
        return -1 if self._values.get("group_size") == -1 else self._count("group_size", 128)

    def _context(self) -> int:
        """The longest exact context: a sliding window ends it, as full attention is used."""
        context = self._count("max_position_embeddings", limit=100_000_000)
        window = self._values.get("sliding_window")
        if window is not None and self._values.get("use_sliding_window", True):
            return min(context, self._count("sliding_window", limit=100_000_000))
        return context

    def _rope_scaling(self) -> tuple[float, Llama3Scaling | None]:
        scaling = self._values.get("rope_scaling")
        if scaling is None:
            return 1.0, None
        if not isinstance(scaling, dict):
            self._damaged("rope_scaling is no object")
        kind = scaling.get("rope_type", scaling.get("type", "default"))
        inner = _Fields(self._path, scaling)
        if kind == "default":
            return 1.0, None
        if kind == "linear":
            return inner._number("factor"), None
        if kind == "llama3":
            return 1.0, Llama3Scaling(
                factor=inner._number("factor"),
                low_freq_factor=inner._number("low_freq_factor"),
                high_freq_factor=inner._number("high_freq_factor"),
                original_context=inner._count(
                    "original_max_position_embeddings", limit=100_000_000
                ),
            )
        raise UnsupportedFeature(feature=f"rope scaling of the type {str(kind)[:40]}")

    def _count(self, name: str, default: int | None = None, limit: int = 1_000_000) -> int:
        value = self._values.get(name)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= limit:
            self._damaged(f"{name} is not a whole number from 1 to {limit}")
        return value

    def _number(self, name: str, default: float | None = None) -> float:
        value = self._values.get(name)
        value = default if value is None else value
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e12:
            self._damaged(f"{name} is not a positive number")
        return float(value)

    def _flag(self, name: str) -> bool:
        return self._values.get(name) is True

    def _damaged(self, reason: str) -> NoReturn:
        raise DamagedFile(file=self._path, reason=reason)
