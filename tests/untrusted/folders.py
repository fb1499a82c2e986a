"""A sound model folder of a few weights, and the ways in which one can be spoilt."""

import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.models import demo_model

HIDDEN, HEADS, INNER = 32, 2, 48
SECRET = "a secret outside of the folder"

Spoil = Callable[[Path], object]


def sound(folder: Path) -> Path:
    """Make a model of random weights with the demo model's tokenizer, which loads and answers."""
    folder.mkdir(parents=True)
    demo = demo_model().folder
    for name in ("generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((demo / name).read_bytes())
    values = json.loads((demo / "config.json").read_text()) | {
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": HIDDEN // HEADS,
        "num_hidden_layers": 1,
    }
    (folder / "config.json").write_text(json.dumps(values))
    write_tensors(folder / "model.safetensors", weights())
    return folder


def weights(seed: int = 1) -> dict[str, np.ndarray]:
    """The weights of `sound`, in float32."""
    random = np.random.default_rng(seed)
    square, wide = (HIDDEN, HIDDEN), (INNER, HIDDEN)
    layer = {f"self_attn.{name}_proj": square for name in "qkvo"}
    layer |= {"mlp.gate_proj": wide, "mlp.up_proj": wide, "mlp.down_proj": wide[::-1]}
    layer |= {"input_layernorm": (HIDDEN,), "post_attention_layernorm": (HIDDEN,)}
    shapes: dict[str, tuple[int, ...]] = {f"layers.0.{name}": s for name, s in layer.items()}
    shapes |= {"embed_tokens": (2048, HIDDEN), "norm": (HIDDEN,)}
    return {
        f"model.{name}.weight": random.standard_normal(shape, np.float32) / 4
        for name, shape in shapes.items()
    }


def header_of(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], bytes]:
    """Return the header and the data of a .safetensors file of float32 tensors."""
    header, data = {}, b""
    for name, values in tensors.items():
        begin, data = len(data), data + values.tobytes()
        offsets = [begin, len(data)]
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": offsets}
    return header, data


def write_raw(path: Path, header: object, data: bytes, length: int | None = None) -> None:
    """Write a .safetensors file; header: its bytes, or what becomes JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write a sound .safetensors file."""
    write_raw(path, *header_of(tensors))


def change(folder: Path, name: str, **values: object) -> None:
    """Change values of a JSON file; `...` leaves one out. JSON's NaN and Infinity are allowed."""
    path = folder / name
    known = json.loads(path.read_text()) if path.exists() else {}
    known = {key: value for key, value in (known | values).items() if value is not ...}
    path.write_text(json.dumps(known))


def config(**values: object) -> Spoil:
    """Return what changes config.json."""
    return lambda folder: change(folder, "config.json", **values)


def with_template(source: object) -> Spoil:
    """Return what sets the chat template."""
    return lambda folder: change(folder, "tokenizer_config.json", chat_template=source)


def in_tokenizer(**values: object) -> Spoil:
    """Return what changes tokenizer.json."""
    return lambda folder: change(folder, "tokenizer.json", **values)


def content(name: str, written: bytes | str) -> Spoil:
    """Return what puts another content into a file."""
    octets = written if isinstance(written, bytes) else written.encode()
    return lambda folder: (folder / name).write_bytes(octets)


def tensors(spoil: Callable[[dict[str, Any], bytes], tuple[object, bytes]]) -> Spoil:
    """Return what changes the header and the data of the weights."""

    def write(folder: Path) -> None:
        write_raw(folder / "model.safetensors", *spoil(*header_of(weights())))

    return write


def fifo(name: str) -> Spoil:
    """Return what puts a named pipe, which nobody writes to, in the place of a file."""

    def replace(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return replace


def link(name: str, target: str | Path) -> Spoil:
    """Return what puts a link in the place of a file."""

    def replace(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return replace


def outside(name: str) -> Spoil:
    """Return what moves a file out of the folder and puts a link to it in its place."""

    def replace(folder: Path) -> None:
        target = folder.parent / f"{folder.name}-outside-{name}"
        (folder / name).rename(target)
        (folder / name).symlink_to(target)

    return replace


def a_folder(name: str) -> Spoil:
    """Return what puts a folder in the place of a file."""

    def replace(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return replace


def regex(pattern: str) -> Spoil:
    """Return what lets tokenizer.json split texts by `pattern`."""
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    return in_tokenizer(pre_tokenizer=split | {"invert": False})


def replacing(count: int) -> dict[str, Any]:
    """A normaliser or decoder that makes a text 2 ** count times as long."""
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    kind: dict[str, Any] = {"type": "Sequence"}
    return kind | {"normalizers": [double] * count, "decoders": [double] * count}
