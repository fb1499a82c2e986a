"""A model folder -> a model ready to generate, in one precision, by one set of kernels.

What was really built is counted from the built model, not from what was asked for.
"""

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError

from engine import packing
from engine.checkpoint import Checkpoint
from engine.errors import NotEnoughMemory, NothingQuantised
from engine.hardware import Cpu, available_memory
from engine.kernels import native
from engine.kernels.base import ipex_installed, pick
from engine.messages import Kernel, KernelChoice, Precision, Proof
from engine.model import Decoder, DecoderLayer, LanguageModel, Linear
from engine.model_config import ModelConfig, read_config, read_json
from engine.packing import Source
from engine.paths import Paths, assets_folder
from engine.quantize.calibration import calibration_sequences
from engine.tokenizer import ChatTokenizer

DEFAULT_CONTEXT = 8192
_BITS = {Precision.BF16: 16.0, Precision.INT8: 8.1, Precision.INT4: 5.0}
_METHOD = {
    Precision.BF16: "bf16 weights as published",
    Precision.INT8: "SmoothQuant, per-channel weights, activations rounded per call",
    Precision.INT4: "weight-only, groups of 32, range search weighted by calibration",
}
_OVERHEAD = 400_000_000  # bytes: Python, torch and working memory, as measured on small models
_log = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LoadedModel:
    """A model with what is known of it. Sizes in bytes."""

    model: LanguageModel
    tokenizer: ChatTokenizer
    config: ModelConfig
    precision: Precision
    kernel: Kernel
    why: str
    weight_bytes: int
    kv_bytes_per_token: int
    proof: Proof
    generation_defaults: Mapping[str, object]


@dataclass(frozen=True)
class LoadRequest:
    """What to load, and on what. context_length None takes the model's own, up to 8192."""

    folder: Path
    precision: Precision
    kernel: KernelChoice
    context_length: int | None
    paths: Paths
    cpu: Cpu


def load(request: LoadRequest, on_progress: OnProgress) -> LoadedModel:
    """Load a model.

    on_progress(stage, done, total) is called between steps; what it raises ends the loading.
    Raises the errors of `engine.errors` that concern models, kernels, files and memory.
    """
    config = read_config(request.folder)
    choice = pick(request.precision, request.kernel, request.cpu.isa, ipex_installed())
    context = min(request.context_length or DEFAULT_CONTEXT, config.max_context)
    check_memory(config, request, context)
    on_progress("Reading the tokenizer", 0, 1)
    tokenizer = ChatTokenizer.load(request.folder)
    if choice.kernel is Kernel.IPEX:
        from engine.kernels import ipex

        loaded = ipex.load(request.folder, config, request.precision, context, on_progress)
        proof, model = loaded.proof, loaded
        sizes = loaded.weight_bytes, loaded.kv_bytes_per_token
    else:
        decoder = _load_native(request, config, tokenizer, context, on_progress)
        proof, model = _prove(decoder, request.precision), decoder
        sizes = decoder.weight_bytes, decoder.kv_bytes_per_token
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        config=config,
        precision=request.precision,
        kernel=choice.kernel,
        why=choice.why,
        weight_bytes=sizes[0],
        kv_bytes_per_token=sizes[1],
        proof=proof,
        generation_defaults=_generation_defaults(request.folder),
    )


def _generation_defaults(folder: Path) -> Mapping[str, object]:
    path = folder / "generation_config.json"
    return read_json(path) if path.is_file() else {}


def expected_memory(config: ModelConfig, precision: Precision, context: int) -> int:
    """Return about how many bytes the engine needs at its peak for this model."""
    table = config.vocab_size * config.hidden_size
    linears = config.layers * config.layer_parameters * _BITS[precision] / 8
    one_layer_in_float = 0 if precision is Precision.BF16 else 12 * config.layer_parameters
    head = table * (2 if precision is Precision.BF16 else 3)
    cache = config.kv_elements_per_token * 2 * context
    return int(linears + head + one_layer_in_float + cache + _OVERHEAD)


def check_memory(config: ModelConfig, request: LoadRequest, context: int) -> None:
    """Raise NotEnoughMemory where the model clearly will not fit, with what would."""
    free = available_memory()
    needed = expected_memory(config, request.precision, context)
    if needed <= free:
        return
    fits = [p for p in Precision if expected_memory(config, p, context) <= free]
    advice = f"Choose {fits[0]}, which fits." if fits else "Choose a smaller model."
    raise NotEnoughMemory(
        model=request.folder.name,
        precision=request.precision,
        needed=_gigabytes(needed),
        free=_gigabytes(free),
        advice=advice,
    )


def _load_native(
    request: LoadRequest,
    config: ModelConfig,
    tokenizer: ChatTokenizer,
    context: int,
    on_progress: OnProgress,
) -> Decoder:
    source = Source(Checkpoint(request.folder), config)
    if request.precision is Precision.BF16:
        return _bf16_decoder(source, context, on_progress)
    text = (assets_folder() / "calibration.txt").read_text(encoding="utf-8")
    folder = packing.packed_folder(request.paths.packed, source, request.precision, text)
    if packing.is_packed(folder):
        try:
            return _packed_decoder(source, folder, request, context, on_progress)
        except (SafetensorError, OSError, KeyError, RuntimeError) as error:
            _log.warning("packed weights in %s are damaged, packing again: %s", folder, error)
            shutil.rmtree(folder, ignore_errors=True)
    sequences = calibration_sequences(tokenizer.encode(text), config.max_context)

    def step(done: int, total: int) -> None:
        on_progress(f"Quantising to {request.precision}", done, total)

    packing.pack(source, request.precision, sequences, folder, step)
    return _packed_decoder(source, folder, request, context, on_progress)


def _bf16_decoder(source: Source, context: int, on_progress: OnProgress) -> Decoder:
    config = source.config

    def layer(number: int) -> DecoderLayer:
        on_progress("Reading weights", number, config.layers)
        norms = {name: norm.bfloat16() for name, norm in source.norms(number).items()}
        linears = {
            name: native.Bf16Linear(*source.linear(number, name)) for name in config.linear_shapes()
        }
        return DecoderLayer(norms, linears)

    return Decoder(
        config,
        source.embedding().bfloat16(),
        [layer(number) for number in range(config.layers)],
        source.final_norm().bfloat16(),
        native.Bf16Linear(source.head(), None),
        context,
        torch.bfloat16,
    )


def _packed_decoder(
    source: Source, folder: Path, request: LoadRequest, context: int, on_progress: OnProgress
) -> Decoder:
    config, precision, cpu = source.config, request.precision, request.cpu
    dtype = native.activation_dtype(precision)

    def linear(tensors: Mapping[str, torch.Tensor], name: str) -> Linear:
        start = f"{name}."
        parts = {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}
        bias = parts.pop("bias", None)
        if "weight" in parts:
            return native.Bf16Linear(parts["weight"], bias)
        return native.linear(precision, parts, bias, cpu)

    def layer(number: int) -> DecoderLayer:
        on_progress("Reading packed weights", number, config.layers)
        tensors = packing.read_packed(packing.layer_file(folder, number))
        norms = {
            name.removeprefix("norms."): norm.to(dtype)
            for name, norm in tensors.items()
            if name.startswith("norms.")
        }
        return DecoderLayer(norms, {name: linear(tensors, name) for name in config.linear_shapes()})

    tensors = packing.read_packed(packing.head_file(folder))
    head = {name.removeprefix("head."): tensor for name, tensor in tensors.items()}
    return Decoder(
        config,
        source.embedding(),
        [layer(number) for number in range(config.layers)],
        head.pop("norm").to(dtype),
        native.head(precision, head, cpu),
        context,
        dtype,
    )


def _prove(decoder: Decoder, precision: Precision) -> Proof:
    """Count what the decoder's linears are. Raises NothingQuantised where none is of `precision`."""
    kinds = Counter(
        linear.weight_dtype for layer in decoder.layers for linear in layer.linears.values()
    )
    if not kinds[precision]:
        raise NothingQuantised(layers=kinds.total(), precision=precision)
    left = [("embedding", 1, "a table look-up, no multiplication")]
    left.append(("norm", 2 * len(decoder.layers) + 1, "a handful of weights each"))
    if precision is Precision.BF16:
        return _proof(precision, 0, kinds.total() + 1, ())
    if kinds["bf16"]:
        left.append(("linear", kinds["bf16"], "its input is no multiple of the group size"))
    return _proof(precision, kinds[precision] + 1, kinds["bf16"], tuple(left))


def _proof(
    precision: Precision, quantised: int, left: int, reasons: tuple[tuple[str, int, str], ...]
) -> Proof:
    return Proof(
        quantised_layers=quantised,
        float_layers=left,
        weight_dtype=str(precision),
        activation_dtype="int8" if precision is Precision.INT8 else "bf16",
        method=_METHOD[precision],
        left_in_float=reasons,
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
