"""Small models of random weights, saved as Hugging Face folders by transformers itself."""

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from engine.models import demo_model

_SHAPE: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
}
_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
# Every feature that a supported family has: tied and untied heads, GQA and MHA, biases, head
# norms, a head size of its own, rope scaling.
FAMILIES: dict[str, tuple[type, type, dict[str, Any]]] = {
    "llama-untied": (LlamaConfig, LlamaForCausalLM, {"tie_word_embeddings": False}),
    "llama-tied": (LlamaConfig, LlamaForCausalLM, {"tie_word_embeddings": True}),
    "llama-mha": (LlamaConfig, LlamaForCausalLM, {"num_key_value_heads": 4}),
    "llama3-rope": (LlamaConfig, LlamaForCausalLM, {"rope_scaling": _LLAMA3_ROPE}),
    "llama-linear-rope": (
        LlamaConfig,
        LlamaForCausalLM,
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
    ),
    "llama-biases": (LlamaConfig, LlamaForCausalLM, {"attention_bias": True, "mlp_bias": True}),
    "mistral": (MistralConfig, MistralForCausalLM, {"sliding_window": None}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {"tie_word_embeddings": True}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 64}),
}


def save_random_model(folder: Path, family: str, **changes: Any) -> Path:
    """Save a random model of `family` in bf16, with the demo model's tokenizer."""
    config_class, model_class, own = FAMILIES[family]
    demo = demo_model().folder
    vocabulary = config_class.from_pretrained(demo).vocab_size
    config = config_class(**(_SHAPE | own | {"vocab_size": vocabulary} | changes))
    torch.manual_seed(7)
    model = model_class(config)
    for name, parameter in model.named_parameters():
        # Biases and norms start as zeros and ones, which would hide that they are left out.
        if name.endswith("bias") or "norm" in name:
            parameter.data += torch.randn_like(parameter) * 0.3
    model.to(torch.bfloat16).save_pretrained(folder)
    for file in demo.glob("*token*.json"):
        shutil.copy(file, folder)
    return folder
