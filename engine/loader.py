"""A model folder -> a model ready to generate, in one precision, by one set of kernels."""

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from engine import packing
from engine.checkpoint import Checkpoint
from engine.errors import BadSetting
from engine.fit import check_memory
from engine.hardware import Cpu
from engine.kernels import native
from engine.kernels.base import Choice, ipex_installed, pick
from engine.messages import Kernel, KernelChoice, Precision, Proof
from engine.model import Decoder, DecoderLayer, LanguageModel, Linear
from engine.model_config import ModelConfig, read_config, read_json
from engine.packing import Source
from engine.paths import Paths, assets_folder
from engine.proof import prove
from engine.quantize.calibration import calibration_sequences
from engine.tokenizer import ChatTokenizer

DEFAULT_CONTEXT = 8192
_log = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]
MakeLinear = Callable[[Tensor, Tensor | None], Linear]


@dataclass(frozen=True)
class LoadRequest:
    """What to load, and on what. context_length None takes the model's own, up to 8192."""

    folder: Path
    precision: Precision
    kernel: KernelChoice
    context_length: int | None
    paths: Paths
    cpu: Cpu


@dataclass(frozen=True)
class LoadedModel:
    """A model with what is known of it. Sizes in bytes."""

    model: LanguageModel
    tokenizer: ChatTokenizer
    config: ModelConfig
    precision: Precision
    choice: Choice
    weight_bytes: int
    kv_bytes_per_token: int
    proof: Proof
    generation_defaults: Mapping[str, object]


def load(request: LoadRequest, on_progress: OnProgress) -> LoadedModel:
    """Load a model.

    on_progress(stage, done, total) is called between steps; what it raises ends the loading.
    Raises the errors of `engine.errors` that concern models, kernels, files and memory.
    """
    config = read_config(request.folder)
    choice = pick(
        request.precision, request.kernel, request.cpu.isa, ipex_installed(), config.parameters
    )
    context = _context(request.context_length, config)
    check_memory(request.folder.name, config, request.precision, context)
    source = Source(Checkpoint(request.folder), config)
    on_progress("Reading the tokenizer", 0, 1)
    tokenizer = ChatTokenizer.load(request.folder)
    if choice.kernel is Kernel.IPEX:
        decoder = _ipex_decoder(source, request.precision, context, on_progress)
    elif request.precision is Precision.BF16:
        make = native.Bf16Linear
        decoder = _float_decoder(source, context, on_progress, make, make(source.head(), None))
    else:
        decoder = _quantised_decoder(source, request, tokenizer, context, on_progress)
    return LoadedModel(
        model=decoder,
        tokenizer=tokenizer,
        config=config,
        precision=request.precision,
        choice=choice,
        weight_bytes=decoder.weight_bytes,
        kv_bytes_per_token=decoder.kv_bytes_per_token,
        proof=prove(decoder, request.precision, choice.kernel),
        generation_defaults=_generation_defaults(request.folder),
    )


def _context(asked: int | None, config: ModelConfig) -> int:
    if asked is not None and asked < 2:
        raise BadSetting(name="the context length", value=asked, allowed="2 or more")
    return min(asked or DEFAULT_CONTEXT, config.max_context)


def _generation_defaults(folder: Path) -> Mapping[str, object]:
    path = folder / "generation_config.json"
    return read_json(path) if path.is_file() else {}


def _ipex_decoder(
    source: Source, precision: Precision, context: int, on_progress: OnProgress
) -> Decoder:
    on_progress("Starting IPEX", 0, 1)
    from engine.kernels import ipex  # takes seconds

    def make(weight: Tensor, bias: Tensor | None) -> Linear:
        return ipex.linear(precision, weight, bias)

    head = ipex.head(precision, source.head())
    return _float_decoder(source, context, on_progress, make, head)


def _float_decoder(
    source: Source, context: int, on_progress: OnProgress, make: MakeLinear, head: Linear
) -> Decoder:
    """Build the decoder whose linears `make` makes of the float weights, layer by layer."""
    config = source.config

    def layer(number: int) -> DecoderLayer:
        on_progress("Reading weights", number, config.layers)
        norms = _copies(source.norms(number), torch.bfloat16)
        linears = {name: make(*source.linear(number, name)) for name in config.linear_shapes()}
        return DecoderLayer(norms, linears)

    return Decoder(
        config,
        source.embedding().bfloat16(),
        [layer(number) for number in range(config.layers)],
        source.final_norm().to(torch.bfloat16, copy=True),
        head,
        context,
        torch.bfloat16,
    )


def _quantised_decoder(
    source: Source,
    request: LoadRequest,
    tokenizer: ChatTokenizer,
    context: int,
    on_progress: OnProgress,
) -> Decoder:
    """Map the packed weights, made first where they are missing or damaged."""
    text = (assets_folder() / "calibration.txt").read_text(encoding="utf-8")
    folder = packing.packed_folder(request.paths.packed, source, request.precision, text)
    if packing.is_packed(folder):
        try:
            return _packed_decoder(source, folder, request, context, on_progress)
        except (SafetensorError, OSError, KeyError, RuntimeError) as error:
            _log.warning("packed weights in %s are damaged, packing again: %s", folder, error)
            shutil.rmtree(folder, ignore_errors=True)
    sequences = calibration_sequences(tokenizer.encode(text), source.config.max_context)

    def step(done: int, total: int) -> None:
        on_progress(f"Quantising to {request.precision}", done, total)

    packing.pack(source, request.precision, sequences, folder, step)
    return _packed_decoder(source, folder, request, context, on_progress)


def _packed_decoder(
    source: Source, folder: Path, request: LoadRequest, context: int, on_progress: OnProgress
) -> Decoder:
    config, precision, cpu = source.config, request.precision, request.cpu
    dtype = native.activation_dtype(precision)

    def linear(tensors: Mapping[str, Tensor], name: str) -> Linear:
        parts = _under(f"{name}.", tensors)
        bias = parts.pop("bias", None)
        if "weight" in parts:
            return native.Bf16Linear(parts["weight"], bias)
        return native.linear(precision, parts, bias, cpu)

    def layer(number: int) -> DecoderLayer:
        on_progress("Reading packed weights", number, config.layers)
        tensors = packing.read_packed(packing.layer_file(folder, number))
        norms = _copies(_under("norms.", tensors), dtype)
        return DecoderLayer(norms, {name: linear(tensors, name) for name in config.linear_shapes()})

    last = packing.read_packed(packing.head_file(folder))
    return Decoder(
        config,
        source.embedding(),
        [layer(number) for number in range(config.layers)],
        last["norm"].to(dtype, copy=True),
        native.head(precision, _under("head.", last), cpu),
        context,
        dtype,
    )


def _copies(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return copies in `dtype`: a small tensor left mapped would keep its whole file mapped."""
    return {name: tensor.to(dtype, copy=True) for name, tensor in tensors.items()}


def _under(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `start`, without it."""
    return {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}
