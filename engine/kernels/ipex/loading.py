"""A load request that IPEX's kernels serve -> a model ready to run, by the recipe that it names."""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from engine.assembly import OnProgress
from engine.checkpoint import fingerprint
from engine.errors import BadSetting, NothingQuantised
from engine.hardware import Isa
from engine.kernels.base import IPEX_LEVELS, pick
from engine.kernels.ipex import recipes, saved
from engine.kernels.ipex.graph import Graph, count_linears
from engine.kernels.ipex.model import Facts, IpexModel
from engine.kernels.ipex.recipes import Made
from engine.messages import Precision, Proof, Quantisation
from engine.model_config import ModelConfig
from engine.packing import OnRemark, is_sound, packing_alone
from engine.quantize.groupwise import GROUP_SIZE
from engine.store.hub_cache import identity
from engine.store.packed import IPEX_FORMAT, write_manifest
from engine.whole_folder import cache_folder, whole_folder

# Rope tables and cache are made this long at least, so that one saved graph serves most contexts.
_POSITIONS = 8192
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IpexRequest:
    """What to load. `sequences` gives the token ids to calibrate on, when they are needed.

    `cache` is where quantised graphs are kept. on_remark: see `engine.packing.is_sound`.
    """

    folder: Path
    config: ModelConfig
    precision: Precision
    quantisation: Quantisation
    context_length: int
    cache: Path
    sequences: Callable[[], Sequence[list[int]]]
    calibration_text: str
    on_remark: OnRemark


def load(request: IpexRequest, on_step: OnProgress) -> tuple[IpexModel, Isa]:
    """Return the model, and the level of instruction sets that IPEX computes on.

    Quantised graphs are kept on disk and read back the next time. Raises KernelUnavailable where
    IPEX finds less in this CPU than its flags promised, and NothingQuantised where a layer that
    should be quantised is not.
    """
    level = recipes.level()
    if level < IPEX_LEVELS[request.precision].runs:
        pick(request.precision, "ipex", level, has_ipex=True)  # raises, in words
    # Not inference mode: TorchScript cannot trace, nor oneDNN pack, its tensors.
    with torch.no_grad():
        graph, facts = _graph(request, level, on_step)
    model = IpexModel(graph, facts, request.context_length)
    on_step("Warming up", 0, 1)
    model.warm_up()
    return model, level


def saved_folder(request: IpexRequest, level: Isa) -> Path:
    """Return where the quantised graph of `request` belongs, there or not.

    Another recipe, calibration text, instruction set or longer context is another folder.
    """
    config = (request.folder / "config.json").read_text(encoding="utf-8")
    facts = (
        f"{IPEX_FORMAT}\n{identity(request.folder)}\n{config}\n{level}\n"
        f"{_positions(request)}\n{msgspec.json.encode(request.quantisation).decode()}\n"
        f"{request.calibration_text}"
    )
    return cache_folder(request.cache, request.folder, facts, f"ipex-{request.precision}")


def _graph(request: IpexRequest, level: Isa, on_step: OnProgress) -> tuple[Graph, Facts]:
    if request.precision is Precision.BF16:
        on_step("Reading weights", 0, 1)
        made = recipes.in_float(request.folder, _positions(request), torch.bfloat16)
        return made.graph, _facts(request, made, "bf16 weights, prepacked by IPEX")
    folder = saved_folder(request, level)
    if kept := _kept(request, folder, on_step):
        return kept
    with packing_alone(folder, on_step):
        return _kept(request, folder, on_step) or _made(request, folder, on_step)


def _kept(request: IpexRequest, folder: Path, on_step: OnProgress) -> tuple[Graph, Facts] | None:
    """Return the graph in `folder`, None where there is none that is of use."""
    if not is_sound(folder, request.folder, on_step, request.on_remark):
        return None
    on_step("Reading the quantised graph", 0, 1)
    graph, facts = saved.read(folder)
    # Weights that are gone are not missed; weights that were replaced are.
    if _source(request) in ("", facts.source):
        return graph, facts
    _log.info("the weights of %s have changed: quantising again", request.folder)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _made(request: IpexRequest, folder: Path, on_step: OnProgress) -> tuple[Graph, Facts]:
    with whole_folder(folder) as partial:
        made, method = _quantised(request, partial, on_step)
        facts = _facts(request, made, method)
        on_step("Saving the quantised graph", 0, 1)
        saved.save(made.graph, facts, partial)
        write_manifest(partial, request.folder, IPEX_FORMAT)
    return made.graph, facts


def _source(request: IpexRequest) -> str:
    return fingerprint(request.folder.glob("*.safetensors"))


def _quantised(request: IpexRequest, partial: Path, on_step: OnProgress) -> tuple[Made, str]:
    options, positions = request.quantisation, _positions(request)
    if request.config.four_bit:
        on_step("Reading weights", 0, 1)
        made = recipes.four_bit_checkpoint(
            request.folder, positions, request.config.four_bit, options
        )
        return made, f"weight-only, as published ({request.config.four_bit.method})"
    if request.precision is Precision.INT8 and not options.weight_only:
        sequences = request.sequences()
        if not sequences:
            raise BadSetting(name="the number of calibration samples", value=0, allowed="1 or more")
        summary = partial / recipes.QCONF_SUMMARY
        made, alpha = recipes.smooth_quant(
            request.folder, positions, options.alpha, sequences, summary, on_step
        )
        return made, f"IPEX SmoothQuant, alpha {alpha:g}: static scales per tensor"
    on_step(f"Quantising to {request.precision}", 0, 1)
    bits = 4 if request.precision is Precision.INT4 else 8
    return recipes.weight_only(request.folder, positions, bits, options), _words(bits, options)


def _words(bits: int, options: Quantisation) -> str:
    group = options.group_size or (GROUP_SIZE if bits == 4 else -1)
    groups = f"groups of {group}" if group > 0 else "per channel"
    scheme = "symmetric" if options.symmetric else "asymmetric"
    lowp = "" if options.lowp_mode == "auto" else f", computed in {options.lowp_mode}"
    return f"IPEX weight-only, {groups}, {scheme}, rounded to nearest{lowp}"


def _positions(request: IpexRequest) -> int:
    return max(request.context_length, min(_POSITIONS, request.config.max_context))


def _facts(request: IpexRequest, made: Made, method: str) -> Facts:
    """Count what the graph holds. Raises NothingQuantised where a layer stayed in float."""
    linears = dict(count_linears(made.graph))
    proof = _proof(request, made, linears, method)
    # A 16-bit scale and an 8-bit zero point a group.
    bits_of_scales = 24 / GROUP_SIZE if request.precision is Precision.INT4 else 0.0
    total = sum((int(bits) + bits_of_scales) / 8 * n for bits, n in made.weights.items())
    config = request.config
    return Facts(
        source=_source(request),
        layers=config.layers,
        vocab_size=config.vocab_size,
        dtype="bfloat16" if made.dtype is torch.bfloat16 else "float32",
        weight_bytes=int(total),
        kv_bytes_per_token=config.kv_elements_per_token * made.dtype.itemsize,
        linears=linears,
        proof=proof,
    )


def _proof(request: IpexRequest, made: Made, linears: dict[str, int], method: str) -> Proof:
    floats = linears.get("float", 0)
    quantised = sum(linears.values()) - floats
    activation = "bf16" if made.dtype is torch.bfloat16 else "fp32"
    left: tuple[tuple[str, int, str], ...] = ()
    if request.precision is not Precision.BF16:
        # A checkpoint of another program leaves its output head in float.
        allowed = 1 if request.config.four_bit else 0
        if not quantised or floats > allowed:
            raise NothingQuantised(layers=floats, precision=request.precision)
        left = (("embedding", 1, "a table look-up, no multiplication"),)
        left += (("output head", floats, "published in float"),) if floats else ()
    static = bool(linears.get("static int8"))
    return Proof(
        quantised_layers=quantised,
        float_layers=floats,
        weight_dtype=str(request.precision),
        activation_dtype="int8" if static else activation,
        method=f"{method}; q, k and v are one layer where IPEX joined them",
        left_in_float=left,
    )
