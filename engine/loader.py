"""A model folder -> a model ready to generate, in one precision, by one set of kernels."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from engine import packing
from engine.checkpoint import Checkpoint
from engine.errors import BadSetting, FileUnreadable, OnlyForIpex, TextTooShort
from engine.fit import check_memory
from engine.hardware import Cpu, Isa
from engine.kernels import native
from engine.kernels.base import Choice, Model, ipex_installed, pick
from engine.messages import Kernel, KernelChoice, Precision, Proof, Quantisation
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


@dataclass(frozen=True)
class LoadRequest:
    """What to load, and on what. context_length None takes the model's own, up to 8192."""

    folder: Path
    precision: Precision
    kernel: KernelChoice
    context_length: int | None
    paths: Paths
    cpu: Cpu
    quantisation: Quantisation = field(default_factory=Quantisation)


@dataclass(frozen=True)
class LoadedModel:
    """A model with what is known of it. Sizes in bytes."""

    model: LanguageModel
    tokenizer: ChatTokenizer
    config: ModelConfig
    precision: Precision
    choice: Choice
    isa: Isa
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
    _check(request.quantisation)
    facts = Model(
        config.architecture,
        config.parameters,
        config.four_bit.method if config.four_bit else "",
        request.quantisation.weight_only,
    )
    choice = pick(request.precision, request.kernel, request.cpu.isa, ipex_installed(), facts)
    context = _context(request.context_length, config)
    check_memory(request.folder.name, config, request.precision, context)
    on_progress("Reading the tokenizer", 0, 1)
    tokenizer = ChatTokenizer.load(request.folder)
    if choice.kernel is Kernel.IPEX:
        model, isa, proof = _on_ipex(request, config, tokenizer, context, on_progress)
    else:
        _refuse_options_of_ipex(request, choice)
        source = Source(Checkpoint(request.folder), config)
        model, isa = _native(source, request, tokenizer, context, on_progress), request.cpu.isa
        proof = prove(model, request.precision)
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        config=config,
        precision=request.precision,
        choice=choice,
        isa=isa,
        weight_bytes=model.weight_bytes,
        kv_bytes_per_token=model.kv_bytes_per_token,
        proof=proof,
        generation_defaults=_generation_defaults(request.folder),
    )


def _check(options: Quantisation) -> None:
    if options.alpha is not None and not 0 <= options.alpha <= 1:
        raise BadSetting(name="alpha", value=options.alpha, allowed="from 0 to 1")
    for name, value, least in (
        ("the number of calibration samples", options.samples, 1),
        ("the length of the calibration samples", options.length, 2),
    ):
        if value < least:
            raise BadSetting(name=name, value=value, allowed=f"{least} or more")
    group = options.group_size
    if group not in (None, -1) and not (group >= 16 and group.bit_count() == 1):
        raise BadSetting(name="the group size", value=group, allowed="-1 or 16, 32, 64, 128, …")


def _refuse_options_of_ipex(request: LoadRequest, choice: Choice) -> None:
    options, usual = request.quantisation, Quantisation()
    chosen = {
        "searching for alpha": options.alpha is None,
        "int8 with float activations": options.weight_only,
        "the group size": options.group_size != usual.group_size,
        "symmetric rounding": options.symmetric,
        "the lowest precision to compute in": options.lowp_mode != usual.lowp_mode,
    }
    for option, is_chosen in chosen.items():
        if is_chosen:
            raise OnlyForIpex(option=option[0].upper() + option[1:], reason=choice.why)


def _context(asked: int | None, config: ModelConfig) -> int:
    if asked is not None and asked < 2:
        raise BadSetting(name="the context length", value=asked, allowed="2 or more")
    return min(asked or DEFAULT_CONTEXT, config.max_context)


def _generation_defaults(folder: Path) -> Mapping[str, object]:
    path = folder / "generation_config.json"
    return read_json(path) if path.is_file() else {}


def _on_ipex(
    request: LoadRequest,
    config: ModelConfig,
    tokenizer: ChatTokenizer,
    context: int,
    on_progress: OnProgress,
) -> tuple[LanguageModel, Isa, Proof]:
    on_progress("Starting IPEX", 0, 1)
    from engine.kernels.ipex import loading  # takes seconds

    text = calibration_text(request.quantisation)
    ipex_request = loading.IpexRequest(
        folder=request.folder,
        config=config,
        precision=request.precision,
        quantisation=request.quantisation,
        context_length=context,
        cache=request.paths.packed,
        sequences=lambda: _sequences(request.quantisation, text, tokenizer, config),
        calibration_text=text,
    )
    model, isa = loading.load(ipex_request, on_progress)
    return model, isa, model.facts.proof


def calibration_text(options: Quantisation) -> str:
    """Return the text to calibrate on. Raises FileUnreadable."""
    path = Path(options.calibration or assets_folder() / "calibration.txt")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise FileUnreadable(file=path, reason=error) from error


def _sequences(
    options: Quantisation, text: str, tokenizer: ChatTokenizer, config: ModelConfig
) -> Sequence[list[int]]:
    length = min(options.length, config.max_context)
    sequences = calibration_sequences(tokenizer.encode(text), length, options.samples)
    if not sequences:
        raise TextTooShort(tokens=len(tokenizer.encode(text)))
    return sequences


def _native(
    source: Source,
    request: LoadRequest,
    tokenizer: ChatTokenizer,
    context: int,
    on_progress: OnProgress,
) -> Decoder:
    if request.precision is Precision.BF16:
        return _bf16_decoder(source, context, on_progress)
    return _quantised_decoder(source, request, tokenizer, context, on_progress)


def _bf16_decoder(source: Source, context: int, on_progress: OnProgress) -> Decoder:
    """Build the decoder over the checkpoint's own weights, mapped."""
    config, make = source.config, native.Bf16Linear

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
        make(source.head(), None),
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
    options = request.quantisation
    text = calibration_text(options)
    facts = f"{options.alpha}\n{options.samples}\n{options.length}\n{text}"
    folder = packing.packed_folder(request.paths.packed, source, request.precision, facts)
    if packing.is_packed(folder):
        try:
            return _packed_decoder(source, folder, request, context, on_progress)
        except (SafetensorError, OSError, KeyError, RuntimeError) as error:
            _log.warning("packed weights in %s are damaged, packing again: %s", folder, error)
            shutil.rmtree(folder, ignore_errors=True)
    sequences = _sequences(options, text, tokenizer, source.config)

    def step(done: int, total: int) -> None:
        on_progress(f"Quantising to {request.precision}", done, total)

    packing.pack(source, request.precision, sequences, folder, step, options.alpha or 0.0)
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
