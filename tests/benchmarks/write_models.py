"""A shape -> the same random model twice: a Hugging Face folder in bf16, and a GGUF of it.

Weights are made a shard of 1 GiB at a time and read back a tensor at a time, so a 7 B model needs
little more memory than its embedding in float32 and bf16: 3.3 GB.

GGUF: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.checkpoint import Checkpoint
from engine.models import demo_model
from engine.tensor_file import Array
from tests.benchmarks.shapes import Shape, TensorSpec

_ROTATED = ("q_proj.weight", "k_proj.weight")
_SHARD_BYTES = 1 << 30  # a larger tensor has a shard to itself
_VECTOR_STD = 0.1  # of biases and, about 1, of norms: none may be left out unnoticed
# Of what q and k multiply by, where other matrices keep the size of what they get: attention that
# looks at few tokens shows whether positions are right, even attention hides it.
_QK_GAIN = 1.5


@dataclass(frozen=True)
class ModelFiles:
    """Where under `root` the model `name` lies, in both formats."""

    root: Path
    name: str

    @property
    def hf(self) -> Path:
        """The Hugging Face folder."""
        return self.root / self.name

    def gguf(self, file_type: str) -> Path:
        """Return the GGUF file of `file_type`: "BF16", "Q8_0" or "Q4_0"."""
        return self.root / f"{self.name}-{file_type}.gguf"


def write_models(shape: Shape, root: Path, tell: Callable[[str], None]) -> ModelFiles:
    """Return the Hugging Face folder and the BF16 GGUF of `shape` under `root`.

    Each is written under another name and renamed when whole, so what exists is complete and is
    used again. `tell` gets what is being done.
    """
    files = ModelFiles(root, shape.name)
    write_hf(shape, files, tell)
    bf16 = files.gguf("BF16")
    if not bf16.is_file():
        tell(f"{shape.name}: writing the BF16 GGUF")
        unfinished = bf16.with_suffix(".partial")
        _write_gguf(shape, files.hf, unfinished)
        unfinished.rename(bf16)
    return files


def write_hf(shape: Shape, files: ModelFiles, tell: Callable[[str], None]) -> None:
    """Write the Hugging Face folder alone, unless it is there."""
    if not files.hf.is_dir():
        tell(f"{shape.name}: writing the Hugging Face folder")
        partial = _emptied(files.hf.with_name(f"{shape.name}.partial"))
        _write_folder(shape, partial)
        partial.rename(files.hf)


def bytes_per_token(path: Path) -> int:
    """Return the bytes of weights that one token reads: of an embedding table, hardly any."""
    sizes = {tensor.name: int(tensor.n_bytes) for tensor in gguf.GGUFReader(path).tensors}
    embedding = sizes["token_embd.weight"] if "output.weight" in sizes else 0
    return sum(sizes.values()) - embedding


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


# -- Hugging Face --------------------------------------------------------------------------------


def _write_folder(shape: Shape, folder: Path) -> None:
    shards = _shards(shape)
    names = [f"model-{i:05}-of-{len(shards):05}.safetensors" for i in range(1, len(shards) + 1)]
    if len(shards) == 1:
        names = ["model.safetensors"]
    for name, shard in zip(names, shards, strict=True):
        tensors = {spec[0]: _random(spec) for spec in shard}
        save_file(tensors, folder / name, metadata={"format": "pt"})
    if len(shards) > 1:
        places = zip(names, shards, strict=True)
        weight_map = {spec[0]: name for name, shard in places for spec in shard}
        index = {"metadata": {}, "weight_map": weight_map}
        _write_json(folder / "model.safetensors.index.json", index)
    _write_json(folder / "config.json", shape.config())
    for file in demo_model().folder.glob("*token*.json"):
        shutil.copy(file, folder)


def _shards(shape: Shape) -> list[list[TensorSpec]]:
    shards: list[list[TensorSpec]] = [[]]
    size = 0
    for spec in shape.tensors():
        nbytes = 2 * int(np.prod(spec[1]))
        if shards[-1] and size + nbytes > _SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(spec)
        size += nbytes
    return shards


def _random(spec: TensorSpec) -> Tensor:
    """Return the tensor of `spec`, bf16: the same at each call, as its name is the seed."""
    name, shape = spec
    generator = torch.Generator().manual_seed(crc32(name.encode()))
    values = torch.randn(shape, generator=generator)
    values *= _standard_deviation(name, shape)
    if "norm" in name:
        values += 1
    return values.bfloat16()


def _standard_deviation(name: str, shape: tuple[int, ...]) -> float:
    if len(shape) == 1:
        return _VECTOR_STD
    gain = _QK_GAIN if name.endswith(_ROTATED) else 1.0
    return float(gain / shape[1] ** 0.5)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


# -- GGUF ----------------------------------------------------------------------------------------


def _write_gguf(shape: Shape, folder: Path, path: Path) -> None:
    architecture = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2}[shape.family]
    names = gguf.get_tensor_name_map(architecture, shape.layers)
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    _add_metadata(writer, shape)
    for name, size in shape.tensors():
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise ValueError(f"GGUF has no name for the tensor {name}")
        _declare(writer, target, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    checkpoint = Checkpoint(folder)
    for name, size in shape.tensors():
        writer.write_tensor_data(_as_gguf(shape, name, checkpoint.tensor(name, size)))
    writer.close()


def _add_metadata(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name(f"{shape.name} (random weights)")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.intermediate)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_vocab_size(shape.vocab)
    writer.add_tokenizer_model("no_vocab")  # llama.cpp is given token ids


def _declare(writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...]) -> None:
    """Announce a tensor: matrices in BF16, vectors in F32, as llama.cpp's own converter has it."""
    count = int(np.prod(shape))
    if len(shape) == 1:
        writer.add_tensor_info(name, shape, np.dtype(np.float32), 4 * count)
    else:
        kind = gguf.GGMLQuantizationType.BF16
        writer.add_tensor_info(name, shape, np.dtype(np.uint16), 2 * count, raw_dtype=kind)


def _as_gguf(shape: Shape, name: str, tensor: Array) -> Array:
    """Return `tensor` as the GGUF stores it: matrices as bf16's bits, vectors in float32.

    llama.cpp's llama architecture rotates neighbouring elements of q and k, where Hugging Face
    rotates the first half of a head with the second: their rows are interleaved. Its qwen2
    rotates halves too.
    """
    if shape.family == "llama" and name.endswith(_ROTATED):
        halves = tensor.reshape(-1, 2, shape.head_dim // 2, tensor.shape[1])
        tensor = halves.swapaxes(1, 2).reshape(tensor.shape)
    return tensor.astype(np.float32) if tensor.ndim == 1 else tensor.view(np.uint16)
