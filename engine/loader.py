"""A model folder -> a model ready to generate, in one precision, by one set of kernels."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from engine.assembly import Kit, NativeModel, OnProgress, assemble
from engine.calibration import calibration_ids, calibration_text
from engine.checkpoint import Checkpoint
from engine.errors import BadSetting, OnlyForIpex
from engine.fit import packed_bytes
from engine.hardware import Cpu
from engine.kernels.base import Choice
from engine.language_model import LanguageModel
from engine.messages import Kernel, KernelChoice, Precision, Proof, Quantisation
from engine.model_config import ModelConfig, read_config, read_json
from engine.model_folder import check_links
from engine.packing import OnRemark, packed_folder
from engine.paths import Paths
from engine.preflight import DEFAULT_CONTEXT, Preflight, choose
from engine.proof import prove
from engine.source import Source
from engine.store.files import check_space
from engine.store.hub_cache import title_of
from engine.tokenizer import ChatTokenizer


@dataclass(frozen=True)
class LoadRequest:
    """What to load, and on what. context_length None takes the model's own, up to 8192.

    regardless: also where memory will not suffice. float32: computed so throughout, see
    `engine.float32`.
    """

    folder: Path
    precision: Precision
    kernel: KernelChoice
    context_length: int | None
    paths: Paths
    cpu: Cpu
    quantisation: Quantisation = field(default_factory=Quantisation)
    regardless: bool = False
    float32: bool = False


@dataclass(frozen=True)
class LoadedModel:
    """A model with what is known of it. Sizes in bytes. remarks: see `engine.messages.Loaded`."""

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
    remarks: tuple[str, ...] = ()


Quantise: TypeAlias = Callable[[LoadRequest, OnProgress], None]


def load(
    request: LoadRequest, on_progress: OnProgress, quantise: Quantise | None = None
) -> LoadedModel:
    """Load a model.

    on_progress(stage, done, total) is called between steps; what it raises ends the loading.
    quantise makes packed weights where there are none; without one, `quantise_here` does.
    Raises what these raise, and the errors of `engine.errors` that concern models, kernels, files
    and memory.
    """
    check_links(request.folder)
    config, remarks = read_config(request.folder), list[str]()
    _check(request.quantisation)
    choice = _choice(request, config)
    context = _context(request.context_length, config)
    if not request.regardless:
        title, preflight = title_of(request.folder), Preflight(request.paths, request.cpu)
        preflight.check(
            title,
            config,
            request.folder,
            request.precision,
            choice.kernel,
            context,
            2 * config.parameters if request.float32 else 0,
        )
    on_progress("Reading the tokenizer", 0, 1)
    tokenizer = ChatTokenizer.load(request.folder)
    model: LanguageModel
    if request.float32:
        model, isa, proof = _in_float32(request, config, context, on_progress)
    elif choice.kernel is Kernel.IPEX:
        _use_openmp(request.cpu)
        model, isa, proof = _on_ipex(
            request, config, tokenizer, context, on_progress, remarks.append
        )
    else:
        _refuse_options_of_ipex(request, choice)
        if choice.kernel is Kernel.TORCH:
            _use_openmp(request.cpu)
        settled = replace(request, kernel="torch" if choice.kernel is Kernel.TORCH else "native")
        native, isa = _native(
            settled, config, context, quantise or quantise_here, on_progress, remarks.append
        )
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
        remarks=tuple(remarks),
    )


def _choice(request: LoadRequest, config: ModelConfig) -> Choice:
    if request.float32:
        if request.precision is not Precision.BF16 or request.kernel not in ("auto", "torch"):
            asked = f"asked for with {request.precision} and {request.kernel} kernels"
            raise BadSetting(name="float32", value=asked, allowed="bf16, on torch's operators")
        choose(config, request.precision, "torch", request.cpu)  # raises where it is in 4 bits
        return Choice(Kernel.TORCH, "float32 was asked for, and only torch's operators have it")
    return choose(
        config, request.precision, request.kernel, request.cpu, request.quantisation.weight_only
    )


def _in_float32(
    request: LoadRequest, config: ModelConfig, context: int, on_progress: OnProgress
) -> tuple[LanguageModel, str, Proof]:
    from engine import float32

    _use_openmp(request.cpu)
    source = Source(Checkpoint(request.folder), config)
    model = float32.in_float32(source, context, on_progress)
    return model, request.cpu.isa.name, float32.proof(model)


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


def _use_openmp(cpu: Cpu) -> None:
    """Let torch and IPEX compute with as many threads as `cpu` has.

    OpenMP is bound when an engine process starts (`engine.hardware.child_environment`). Raises
    BadSetting where it has fewer threads; outside of an engine process it is left alone.
    """
    bound = int(os.environ.get("OMP_NUM_THREADS", "0"))
    if not bound:
        return
    if cpu.threads > bound:
        allowed = f"from 1 to {bound} with these kernels"
        raise BadSetting(name="The number of threads", value=cpu.threads, allowed=allowed)
    import torch

    torch.set_num_threads(cpu.threads)


def _generation_defaults(folder: Path) -> Mapping[str, object]:
    path = folder / "generation_config.json"
    return read_json(path) if path.is_file() else {}


def _on_ipex(
    request: LoadRequest,
    config: ModelConfig,
    tokenizer: ChatTokenizer,
    context: int,
    on_progress: OnProgress,
    on_remark: OnRemark,
) -> tuple[LanguageModel, str, Proof]:
    on_progress("Starting IPEX", 0, 1)
    from engine.kernels.ipex import loading  # takes seconds

    ipex_request = loading.IpexRequest(
        folder=request.folder,
        config=config,
        precision=request.precision,
        quantisation=request.quantisation,
        context_length=context,
        cache=request.paths.packed,
        sequences=lambda: calibration_ids(request.quantisation, tokenizer, config),
        calibration_text=calibration_text(request.quantisation),
        on_remark=on_remark,
    )
    model, isa = loading.load(ipex_request, on_progress)
    return model, isa.name, model.facts.proof


def _native(
    request: LoadRequest,
    config: ModelConfig,
    context: int,
    quantise: Quantise,
    on_progress: OnProgress,
    on_remark: OnRemark,
) -> tuple[NativeModel, str]:
    """Return the model and the instruction sets that it computes with."""
    source = Source(Checkpoint(request.folder), config)
    kit, isa = _kit(request, context)
    if request.precision is Precision.BF16:
        return kit.published(source, on_progress), isa
    folder = _packed_folder(request, source, kit)

    def work() -> None:
        kernel = Kernel.TORCH if request.kernel == "torch" else Kernel.NATIVE
        room = packed_bytes(config, request.precision, kernel)
        # Not after the minutes that it may take.
        check_space(request.paths.packed, room, f"The {request.precision} form of this model")
        quantise(request, on_progress)

    return assemble(source, kit, folder, work, on_progress, on_remark), isa


def quantise_here(request: LoadRequest, on_progress: OnProgress) -> None:
    """Make the packed weights of `request`, whose kernel is "native" or "torch", in this process.

    Raises the errors of `engine.errors` that concern models, files and disks.
    """
    import torch

    from engine.quantize.layers import quantised_parts
    from engine.quantize.packing import pack

    config, options = read_config(request.folder), request.quantisation
    source = Source(Checkpoint(request.folder), config)
    kit, _ = _kit(request, context=1)
    sequences = calibration_ids(options, ChatTokenizer.load(request.folder), config)

    def step(done: int, total: int) -> None:
        on_progress(f"Quantising to {request.precision}", done, total)

    with torch.inference_mode():
        parts = quantised_parts(
            source, request.precision, sequences, options.alpha or 0.0, kit.refines_logits, step
        )
        pack(source, parts, kit, _packed_folder(request, source, kit))


def _packed_folder(request: LoadRequest, source: Source, kit: Kit) -> Path:
    options = request.quantisation
    text = calibration_text(options)
    calibration = f"{options.alpha}\n{options.samples}\n{options.length}\n{text}"
    return packed_folder(request.paths.packed, source, kit.layout(), calibration)


def _kit(request: LoadRequest, context: int) -> tuple[Kit, str]:
    """Return the kit, and the instruction sets that it computes with."""
    if request.kernel == "torch":
        from engine.kernels.torch_kit import TorchKit

        return TorchKit(request.precision, request.cpu, context), request.cpu.isa.name
    from engine.kernels.native.kit import CoreKit, computes_with

    return CoreKit(request.precision, request.cpu, context), computes_with()
