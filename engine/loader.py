"""A model folder -> a model ready to generate, in one precision, by one set of kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.assembly import Kit, NativeModel, OnProgress, Recipe, assemble
from engine.checkpoint import Checkpoint
from engine.errors import BadSetting, FileUnreadable, OnlyForIpex, TextTooShort
from engine.fit import check_memory
from engine.hardware import Cpu
from engine.kernels.base import Choice, Model, core_built, ipex_installed, native_choice, pick
from engine.kernels.torch_kit import TorchKit
from engine.messages import Kernel, KernelChoice, Precision, Proof, Quantisation
from engine.model import LanguageModel
from engine.model_config import ModelConfig, read_config, read_json
from engine.paths import Paths, assets_folder
from engine.proof import prove
from engine.quantize.calibration import calibration_sequences
from engine.source import Source
from engine.tokenizer import ChatTokenizer

DEFAULT_CONTEXT = 8192


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
    isa: str
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
    choice = native_choice(
        pick(request.precision, request.kernel, request.cpu.isa, ipex_installed(), facts),
        core_built(),
    )
    context = _context(request.context_length, config)
    check_memory(request.folder.name, config, request.precision, context)
    on_progress("Reading the tokenizer", 0, 1)
    tokenizer = ChatTokenizer.load(request.folder)
    if choice.kernel is Kernel.IPEX:
        model, isa, proof = _on_ipex(request, config, tokenizer, context, on_progress)
    else:
        _refuse_options_of_ipex(request, choice)
        native, isa = _native(request, choice, config, tokenizer, context, on_progress)
        model, proof = native, prove(native, request.precision, choice.kernel)
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
        ("the number of calibration samples", options.samples, 0),
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
) -> tuple[LanguageModel, str, Proof]:
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
    return model, isa.name, model.facts.proof


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
    if options.samples == 0:
        return []
    length = min(options.length, config.max_context)
    sequences = calibration_sequences(tokenizer.encode(text), length, options.samples)
    if not sequences:
        raise TextTooShort(tokens=len(tokenizer.encode(text)))
    return sequences


def _native(
    request: LoadRequest,
    choice: Choice,
    config: ModelConfig,
    tokenizer: ChatTokenizer,
    context: int,
    on_progress: OnProgress,
) -> tuple[NativeModel, str]:
    """Return the model and the instruction sets that it computes with."""
    options = request.quantisation
    text = calibration_text(options)
    recipe = Recipe(
        precision=request.precision,
        alpha=options.alpha or 0.0,
        sequences=lambda: _sequences(options, text, tokenizer, config),
        calibration=f"{options.alpha}\n{options.samples}\n{options.length}\n{text}",
    )
    source = Source(Checkpoint(request.folder), config)
    kit, isa = _kit(choice.kernel, request, context)
    return assemble(source, kit, recipe, request.paths.packed, on_progress), isa


def _kit(kernel: Kernel, request: LoadRequest, context: int) -> tuple[Kit, str]:
    if kernel is Kernel.TORCH:
        kit = TorchKit(request.precision, request.cpu, context)
        return kit, request.cpu.isa.name
    from engine.kernels.native.kit import CoreKit, computes_with

    return CoreKit(request.precision, request.cpu, context), computes_with()
