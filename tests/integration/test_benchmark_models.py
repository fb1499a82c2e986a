"""The benchmark's models: transformers and the GGUF have the same weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

gguf = pytest.importorskip("gguf")

from tests.benchmarks import write_models  # noqa: E402
from tests.benchmarks.prompts import PromptMaker  # noqa: E402
from tests.benchmarks.shapes import SHAPES, Shape  # noqa: E402
from tests.benchmarks.write_models import ModelFiles, bytes_per_token  # noqa: E402

TINY = {
    "hidden": 64,
    "layers": 2,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 16,
    "intermediate": 96,
    "vocab": 2048,
}
LLAMA = replace(SHAPES["smollm2-135m"], name="tiny-llama", **TINY)
QWEN = replace(SHAPES["qwen2.5-7b"], name="tiny-qwen", **TINY)
WriteModels = Callable[[Shape], ModelFiles]


@pytest.fixture
def write(tmp_path: Path) -> WriteModels:
    return lambda shape: write_models.write_models(shape, tmp_path, lambda _: None)


def stored(files: ModelFiles) -> dict[str, np.ndarray]:
    """The GGUF's tensors by its own names, in float32."""
    tensors = gguf.GGUFReader(files.gguf("BF16")).tensors
    return {t.name: gguf.dequantize(t.data, t.tensor_type).reshape(t.shape[::-1]) for t in tensors}


def interleaved(weight: np.ndarray, head_dim: int) -> np.ndarray:
    """Rows 0, half, 1, half + 1, … of each head: the pairs that llama.cpp rotates."""
    half = head_dim // 2
    order = [row for pair in zip(range(half), range(half, head_dim), strict=True) for row in pair]
    heads = weight.reshape(-1, head_dim, weight.shape[1])
    return heads[:, order].reshape(weight.shape)


def test_transformers_loads_every_weight(write: WriteModels) -> None:
    for shape in (LLAMA, QWEN):
        model, report = AutoModelForCausalLM.from_pretrained(
            write(shape).hf, torch_dtype="auto", output_loading_info=True
        )
        assert not any(report.values())
        assert model.dtype is torch.bfloat16
        assert model(torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, shape.vocab)


def test_the_gguf_holds_the_same_weights(write: WriteModels) -> None:
    for shape in (LLAMA, QWEN):
        files = write(shape)
        model = AutoModelForCausalLM.from_pretrained(files.hf, torch_dtype=torch.float32)
        weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        ours = stored(files)
        permuted = interleaved if shape is LLAMA else lambda weight, _: weight
        for name, target in (("q_proj", "attn_q"), ("k_proj", "attn_k")):
            weight = weights[f"model.layers.1.self_attn.{name}.weight"]
            np.testing.assert_array_equal(
                ours[f"blk.1.{target}.weight"], permuted(weight, shape.head_dim)
            )
        same = {
            "model.embed_tokens.weight": "token_embd.weight",
            "model.norm.weight": "output_norm.weight",
            "model.layers.0.input_layernorm.weight": "blk.0.attn_norm.weight",
            "model.layers.0.post_attention_layernorm.weight": "blk.0.ffn_norm.weight",
            "model.layers.1.self_attn.v_proj.weight": "blk.1.attn_v.weight",
            "model.layers.1.self_attn.o_proj.weight": "blk.1.attn_output.weight",
            "model.layers.1.mlp.gate_proj.weight": "blk.1.ffn_gate.weight",
            "model.layers.1.mlp.up_proj.weight": "blk.1.ffn_up.weight",
            "model.layers.1.mlp.down_proj.weight": "blk.1.ffn_down.weight",
        }
        if shape is QWEN:
            same["lm_head.weight"] = "output.weight"
            same["model.layers.1.self_attn.q_proj.bias"] = "blk.1.attn_q.bias"
        for name, target in same.items():
            np.testing.assert_array_equal(ours[target], weights[name], err_msg=name)
        assert len(ours) == len(list(shape.tensors()))


def test_a_large_model_is_the_same_in_shards(
    write: WriteModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = AutoModelForCausalLM.from_pretrained(write(LLAMA).hf).state_dict()
    monkeypatch.setattr(write_models, "_SHARD_BYTES", 100_000)
    sharded = write(replace(LLAMA, name="tiny-sharded"))
    assert len(list(sharded.hf.glob("model-*-of-*.safetensors"))) > 1
    for name, tensor in AutoModelForCausalLM.from_pretrained(sharded.hf).state_dict().items():
        assert torch.equal(tensor, whole[name]), name


def test_what_is_complete_is_used_again(write: WriteModels) -> None:
    files = write(LLAMA)
    before = {path: path.stat().st_mtime_ns for path in files.root.rglob("*")}
    assert write(LLAMA) == files
    assert {path: path.stat().st_mtime_ns for path in files.root.rglob("*")} == before


def test_only_an_untied_embedding_is_not_read_whole(write: WriteModels) -> None:
    table = 2 * LLAMA.vocab * LLAMA.hidden
    files = write(LLAMA)
    assert bytes_per_token(files.gguf("BF16")) > table
    size = files.gguf("BF16").stat().st_size
    assert size - bytes_per_token(files.gguf("BF16")) < 10_000
    untied = write(QWEN).gguf("BF16")
    assert table < untied.stat().st_size - bytes_per_token(untied) < table + 10_000


def test_prompts_have_exact_lengths_and_different_beginnings() -> None:
    make = PromptMaker().prompt
    prompts = [make(count) for count in (1, 16, 128, 512)]
    assert [len(prompt.ids) for prompt in prompts] == [1, 16, 128, 512]
    assert len({prompt.ids[0] for prompt in prompts}) == 4
    assert [PromptMaker().prompt(1)] == prompts[:1]
