"""Quantise a checkpoint into packed files, one layer at a time, and read them back mapped.

A packed model is a folder of one .safetensors file a layer, one for the head, and a manifest
that says what it was made from. It is built under another name and renamed when whole, so a
folder that exists is complete. Peak memory is one layer in float and its packed form.
"""

import functools
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psutil
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.checkpoint import Checkpoint, fingerprint
from engine.errors import UnwritableFolder
from engine.kernels import native
from engine.messages import Precision
from engine.model import rms_norm
from engine.model_config import ModelConfig
from engine.paths import make_folder
from engine.quantize.calibration import Calibration, ObservedLinear
from engine.quantize.gptq import quantise_gptq
from engine.quantize.groupwise import GroupwiseInt4, quantise_int4
from engine.quantize.smoothquant import quantise_int8, smoothing_factors

_FORMAT = 3
_ALIGNMENT = 64  # bytes: a cache line, and the widest vector
_MANIFEST = "manifest.json"
_Q, _K, _V, _O = (f"self_attn.{name}_proj" for name in "qkvo")
_GATE, _UP, _DOWN = (f"mlp.{name}_proj" for name in ("gate", "up", "down"))
_SHARED_INPUT = ((_Q, _K, _V), (_O,), (_GATE, _UP), (_DOWN,))


@dataclass(frozen=True)
class Source:
    """What is packed: an open checkpoint with its configuration."""

    checkpoint: Checkpoint
    config: ModelConfig

    def linear(self, layer: int, name: str) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias of a linear."""
        prefix = f"model.layers.{layer}.{name}"
        shape = self.config.linear_shapes()[name]
        weight = self.checkpoint.tensor(f"{prefix}.weight", shape)
        if not self.config.has_bias(name):
            return weight, None
        return weight, self.checkpoint.tensor(f"{prefix}.bias", shape[:1])

    def norms(self, layer: int) -> dict[str, Tensor]:
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

    def embedding(self) -> Tensor:
        """Return the table of token embeddings [vocab, hidden_size]."""
        shape = (self.config.vocab_size, self.config.hidden_size)
        return self.checkpoint.tensor("model.embed_tokens.weight", shape)

    def final_norm(self) -> Tensor:
        """Return the weight of the last norm [hidden_size]."""
        return self.checkpoint.tensor("model.norm.weight", (self.config.hidden_size,))

    def head(self) -> Tensor:
        """Return the weight of the output head [vocab, hidden_size]."""
        if self.config.tied_head:
            return self.embedding()
        shape = (self.config.vocab_size, self.config.hidden_size)
        return self.checkpoint.tensor("lm_head.weight", shape)


def packed_folder(root: Path, source: Source, precision: Precision, calibration: str) -> Path:
    """Return where the packed form of `source` belongs under `root`, there or not.

    Another file, another calibration text or another layout is another folder.
    """
    files = [*source.checkpoint.files, source.checkpoint.folder / "config.json"]
    facts = f"{_FORMAT}\n{source.checkpoint.folder.resolve()}\n{fingerprint(files)}\n{calibration}"
    key = sha256(facts.encode()).hexdigest()[:12]
    title = re.sub(r"[^A-Za-z0-9._-]+", "-", source.checkpoint.folder.name)[:40]
    return root / f"{title}-{key}-{native.layout(precision)}"


def is_packed(folder: Path) -> bool:
    """Return whether a whole packed model lies in `folder`."""
    return (folder / _MANIFEST).is_file()


def read_packed(file: Path) -> dict[str, Tensor]:
    """Return the tensors of one packed file, mapped. Raises SafetensorError or OSError."""
    handle = safe_open(str(file), framework="pt", device="cpu")
    tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    # Odd shapes can leave a tensor where torch's kernels, which load by aligned vectors, crash.
    return {n: t if t.data_ptr() % _ALIGNMENT == 0 else t.clone() for n, t in tensors.items()}


def _write_packed(tensors: dict[str, Tensor], file: Path) -> None:
    """Write a packed file whose data begin at a multiple of 64 bytes: that of the map's pages."""
    save_file(tensors, file, metadata={"padding": ""})
    with file.open("rb") as written:
        begin = 8 + int.from_bytes(written.read(8), "little")
    if begin % _ALIGNMENT:
        save_file(tensors, file, metadata={"padding": " " * (-begin % _ALIGNMENT)})


def layer_file(folder: Path, number: int) -> Path:
    """Return the file of a packed layer."""
    return folder / f"layer-{number:03}.safetensors"


def head_file(folder: Path) -> Path:
    """Return the file of the packed head and the last norm."""
    return folder / "head.safetensors"


def pack(
    source: Source,
    precision: Precision,
    sequences: Sequence[list[int]],
    folder: Path,
    on_step: Callable[[int, int], None],
) -> None:
    """Quantise `source` to `precision` into `folder`, calibrating on token id `sequences`.

    Without sequences it is quick and less exact: int8 is not smoothed, int4 not corrected (GPTQ).
    on_step(done, total) is called before each layer and every second or so within one; what it
    raises ends the work and leaves nothing behind. Raises UnwritableFolder where the disk is full
    or refuses.
    """
    make_folder(folder.parent)
    _sweep(folder.parent)
    partial = folder.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.mkdir()
        _pack_into(source, precision, sequences, partial, on_step)
        manifest = {
            "format": _FORMAT,
            "precision": precision,
            "source": str(source.checkpoint.folder),
        }
        (partial / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        if not is_packed(folder):
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
    except (OSError, SafetensorError) as error:
        raise UnwritableFolder(folder=folder.parent, reason=error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _pack_into(
    source: Source,
    precision: Precision,
    sequences: Sequence[list[int]],
    folder: Path,
    on_step: Callable[[int, int], None],
) -> None:
    config = source.config
    calibration = Calibration(config, source.embedding(), sequences)
    for number in range(config.layers):
        step = functools.partial(on_step, number, config.layers + 1)
        step()
        tensors = _pack_layer(source, number, precision, calibration, step)
        _write_packed(tensors, layer_file(folder, number))
    on_step(config.layers, config.layers + 1)
    _write_packed(_pack_head(source, precision, calibration), head_file(folder))


def _pack_layer(
    source: Source,
    number: int,
    precision: Precision,
    calibration: Calibration,
    step: Callable[[], None],
) -> dict[str, Tensor]:
    """Calibrate and quantise one layer; return its tensors by their names in the packed file."""
    config, calibrated = source.config, bool(calibration.hidden)
    gptq = precision is Precision.INT4 and calibrated
    leaders = {names[0] for names in _SHARED_INPUT} if gptq else set()
    norms = {name: norm.float() for name, norm in source.norms(number).items()}
    linears = {
        name: ObservedLinear(*source.linear(number, name), keeps_hessian=name in leaders)
        for name in config.linear_shapes()
    }
    calibration.run(norms, linears, step)
    if precision is Precision.INT8 and calibrated:
        smooth(norms, linears, config)
    tensors = {f"norms.{name}": norm for name, norm in norms.items()}
    for names in _SHARED_INPUT:
        group = {name: linears.pop(name) for name in names}
        tensors |= _pack_int8(group) if precision is Precision.INT8 else _pack_int4(group, step)
    return tensors


def smooth(
    norms: dict[str, Tensor], linears: Mapping[str, ObservedLinear], config: ModelConfig
) -> None:
    """Apply SmoothQuant's factors to a layer's observed float32 weights, in place.

    The divisions go into what makes the activations: the norm before q, k, v and before gate,
    up; the rows of up before down; the rows of v before the output projection, where the heads
    that share a kv head share its factors. So they cost nothing at run time.
    """
    down = linears[_DOWN]
    factors = smoothing_factors(down.peak, [down.weight])
    _divide_rows(linears[_UP], factors)
    down.weight = down.weight * factors
    out, value = linears[_O], linears[_V]
    groups = config.heads // config.kv_heads

    def per_kv_head(peaks: Tensor) -> Tensor:
        return peaks.view(config.kv_heads, groups, config.head_dim).amax(1)

    factors = smoothing_factors(
        per_kv_head(out.peak).flatten(),
        [per_kv_head(out.weight.abs().amax(0)).flatten()[None]],
    )
    _divide_rows(value, factors)
    by_head = factors.view(config.kv_heads, 1, config.head_dim).expand(-1, groups, -1)
    out.weight = out.weight * by_head.reshape(1, -1)
    for norm, names in (
        ("input_layernorm", (_Q, _K, _V)),
        ("post_attention_layernorm", (_GATE, _UP)),
    ):
        group = [linears[name] for name in names]
        factors = smoothing_factors(group[0].peak, [linear.weight for linear in group])
        norms[norm] = norms[norm] / factors
        for linear in group:
            linear.weight = linear.weight * factors


def _divide_rows(linear: ObservedLinear, factors: Tensor) -> None:
    linear.weight = linear.weight / factors[:, None]
    if linear.bias is not None:
        linear.bias = linear.bias / factors


def _pack_int8(linears: Mapping[str, ObservedLinear]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, linear in linears.items():
        tensors |= _named(name, native.Int8Linear.pack(quantise_int8(linear.weight)), linear)
    return tensors


def _pack_int4(
    linears: Mapping[str, ObservedLinear], step: Callable[[], None]
) -> dict[str, Tensor]:
    """Pack linears that share an input; those of a shape that int4 cannot take stay in bf16."""
    fit = [n for n, linear in linears.items() if not native.why_not_int4(*linear.weight.shape)]
    hessian = next(iter(linears.values())).hessian
    weights = [linears[name].weight for name in fit]
    rounded = dict(zip(fit, _round_int4(weights, hessian, step), strict=True))
    tensors: dict[str, Tensor] = {}
    for name, linear in linears.items():
        if name in rounded:
            # torch's kernel wants bf16; a scale's rounding is lost in that of the weights.
            packed = native.Int4Linear.pack(rounded[name].with_scales(torch.bfloat16))
        else:
            packed = {"weight": linear.weight.bfloat16()}
        tensors |= _named(name, packed, linear)
    return tensors


def _round_int4(
    weights: Sequence[Tensor], hessian: Tensor | None, step: Callable[[], None]
) -> list[GroupwiseInt4]:
    if hessian is None:
        return [quantise_int4(weight) for weight in weights]
    return quantise_gptq(weights, hessian, step)


def _named(name: str, packed: Mapping[str, Tensor], linear: ObservedLinear) -> dict[str, Tensor]:
    tensors = {f"{name}.{part}": tensor for part, tensor in packed.items()}
    return tensors if linear.bias is None else tensors | {f"{name}.bias": linear.bias}


def _pack_head(source: Source, precision: Precision, calibration: Calibration) -> dict[str, Tensor]:
    """The head is int8 in either precision: it decides the token."""
    norm, weight = source.final_norm().float(), source.head()
    factors = None
    if precision is Precision.INT8 and calibration.hidden:
        eps = source.config.norm_eps
        inputs = [rms_norm(hidden, norm, eps) for hidden in calibration.hidden]
        peak = torch.cat([x.abs().amax(0, keepdim=True) for x in inputs]).amax(0)
        factors = smoothing_factors(peak, [weight])
        norm = norm / factors
    packed = native.Int8Linear.pack(quantise_int8(weight, factors))
    return {"norm": norm} | {f"head.{part}": tensor for part, tensor in packed.items()}


def _sweep(root: Path) -> None:
    """Remove what packers left that were killed: folders whose process is gone."""
    for partial in root.glob(".*.partial"):
        pid = partial.name[1:].partition("-")[0]
        if not (pid.isdigit() and psutil.pid_exists(int(pid))):
            shutil.rmtree(partial, ignore_errors=True)
