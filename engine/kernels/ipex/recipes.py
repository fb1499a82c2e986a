"""A checkpoint -> an optimised graph, by each of IPEX's recipes.

Each function reads the weights through transformers, from safetensors alone, gives the model to
`ipex.llm.optimize` and traces one step of it. The options follow IPEX's own examples
(examples/cpu/llm/inference of its repository, 2.8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import intel_extension_for_pytorch as ipex
import torch
from intel_extension_for_pytorch.nn.modules import WeightOnlyQuantizedLinear
from intel_extension_for_pytorch.quantization import (
    WoqLowpMode,
    WoqWeightDtype,
    WoqWeightQScheme,
    convert,
    get_smooth_quant_qconfig_mapping,
    get_weight_only_quant_qconfig_mapping,
    prepare,
)
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from engine.assembly import OnProgress
from engine.checkpoint import Checkpoint
from engine.hardware import Isa
from engine.kernels.ipex.graph import (
    Graph,
    empty_past,
    inputs,
    step_of,
    trace,
    with_masks_as_given,
)
from engine.messages import Quantisation
from engine.model_config import FourBitCheckpoint
from engine.quantize.groupwise import GROUP_SIZE

Ids = list[int]

ALPHAS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
QCONF_SUMMARY = "qconf_summary.json"
_LOWP_MODES: dict[str, int] = {
    "none": WoqLowpMode.NONE,
    "fp16": WoqLowpMode.FP16,
    "bf16": WoqLowpMode.BF16,
    "int8": WoqLowpMode.INT8,
}
# Rope scalings whose tables depend on the length that config.json names.
_LENGTH_MATTERS = {"longrope", "yarn", "dynamic", "su"}


@dataclass(frozen=True)
class Made:
    """A graph with its layers, and the weights that it multiplies by: {bits: how many}."""

    graph: Graph
    layers: int
    dtype: torch.dtype
    weights: dict[str, int]


def level() -> Isa:
    """Return the instruction-set level that IPEX's kernels run on here, as IPEX tells it."""
    return Isa[ipex._C._get_current_isa_level()]


def in_float(folder: Path, positions: int, dtype: torch.dtype) -> Made:
    """Return the model in bf16, or in float32, on IPEX's prepacked linears."""
    model = read(folder, positions, dtype)
    weights = {str(dtype.itemsize * 8): _weights_in(model)}
    model = ipex.llm.optimize(model, dtype=dtype, inplace=True, deployment_mode=False)
    return _made(model, dtype, weights)


def weight_only(folder: Path, positions: int, bits: int, options: Quantisation) -> Made:
    """Return the model with weights rounded to nearest in 8 or 4 bits, activations in float.

    The output head is in 8 bits in either: it decides the token.
    """
    lowp_mode = _lowp_mode(options)
    dtype = _float_dtype(options)
    mapping = _weight_only_mapping(bits, options, lowp_mode)
    model = read(folder, positions, dtype)
    head = model.lm_head.weight.numel()
    weights = {"8": head, "4": _weights_in(model) - head}
    if bits == 8:
        weights = {"8": _weights_in(model)}
    else:
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
        model.lm_head.qconfig = _weight_only_mapping(8, Quantisation(), lowp_mode).global_qconfig
        model.lm_head = WeightOnlyQuantizedLinear.from_float(model.lm_head)
    model = ipex.llm.optimize(
        model, dtype=dtype, inplace=True, quantization_config=mapping, deployment_mode=False
    )
    return _made(model, dtype, weights)


def four_bit_checkpoint(
    folder: Path, positions: int, source: FourBitCheckpoint, options: Quantisation
) -> Made:
    """Return a model that GPTQ, AWQ or AutoRound has quantised, its codes taken as they are."""
    dtype = _float_dtype(options)
    checkpoint = Checkpoint(folder)
    state: dict[str, torch.Tensor] = {}
    for file in checkpoint.files:
        state |= load_file(file)
    groups = Quantisation(group_size=source.group_size)
    mapping = _weight_only_mapping(4, groups, _lowp_mode(options))
    config = _config(folder, positions)
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, torch_dtype=dtype, trust_remote_code=False)
    head = model.lm_head.weight.numel()
    weights = {"4": _weights_in(model) - head, str(dtype.itemsize * 8): head}
    method = {
        "quant_method": source.method,
        "group_size": source.group_size,
        "desc_act": source.desc_act,
        "bits": 4,
    }
    model = ipex.llm.optimize(
        model.eval(),
        dtype=dtype,
        inplace=True,
        quantization_config=mapping,
        low_precision_checkpoint=(state, method),
        deployment_mode=False,
    )
    return _made(model, dtype, weights)


def smooth_quant(
    folder: Path,
    positions: int,
    alpha: float | None,
    sequences: Sequence[Ids],
    summary: Path,
    on_step: OnProgress,
) -> tuple[Made, float]:
    """Return the model in int8 with static scales, and the alpha that was taken.

    sequences: token ids to calibrate on. alpha None takes the one of `ALPHAS` whose model
    predicts them best. The scales are saved to `summary`, in IPEX's own format.
    """
    if alpha is not None:
        return _smooth_quant(folder, positions, alpha, sequences, summary, on_step), alpha
    best: tuple[float, float, Made] | None = None
    for number, candidate in enumerate(ALPHAS):
        on_step("Searching alpha", number, len(ALPHAS))
        one = summary.with_name(f"alpha-{candidate}.json")
        made = _smooth_quant(folder, positions, candidate, sequences, one, on_step)
        loss = _loss(made, sequences)
        if best is None or loss < best[0]:
            best = (loss, candidate, made)
            one.replace(summary)
        one.unlink(missing_ok=True)
    assert best is not None
    return best[2], best[1]


def read(folder: Path, positions: int, dtype: torch.dtype) -> Any:
    """Return transformers' own model of the checkpoint, its rope tables `positions` long."""
    Checkpoint(folder)  # refuses pickles and damaged files, in plain words
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        config=_config(folder, positions),
        torch_dtype=dtype,
        low_cpu_mem_usage=True,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
    )
    return model.eval()


def _config(folder: Path, positions: int) -> Any:
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    scaling = getattr(config, "rope_scaling", None) or {}
    if scaling.get("rope_type", scaling.get("type")) not in _LENGTH_MATTERS:
        # IPEX builds a rope table a layer for every position that the model could have.
        config.max_position_embeddings = positions
    config.text_max_length = positions  # how many positions its cache reserves
    config.return_dict = False  # TorchScript returns tuples
    return config


def _made(model: Any, dtype: torch.dtype, weights: dict[str, int]) -> Made:
    layers = model.config.num_hidden_layers
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
        return Made(trace(step_of(model), layers, dtype), layers, dtype, weights)


def _weights_in(model: nn.Module) -> int:
    """Count the weights that are multiplied by; call it before they are packed."""
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear))


def _float_dtype(options: Quantisation) -> torch.dtype:
    """Of weight-only models: float32 where nothing lower is wanted or the CPU lacks bf16."""
    has_bf16 = level() >= Isa.AVX512_BF16
    return torch.bfloat16 if has_bf16 and options.lowp_mode != "none" else torch.float32


def _lowp_mode(options: Quantisation) -> int:
    if options.lowp_mode != "auto":
        return _LOWP_MODES[options.lowp_mode]
    return _LOWP_MODES["bf16" if _float_dtype(options) is torch.bfloat16 else "none"]


def _weight_only_mapping(bits: int, options: Quantisation, lowp_mode: int) -> Any:
    four = bits == 4
    # 8 bits computed in int8 know the symmetric scheme alone.
    symmetric = options.symmetric or (not four and lowp_mode == WoqLowpMode.INT8)
    return get_weight_only_quant_qconfig_mapping(
        weight_dtype=WoqWeightDtype.INT4 if four else WoqWeightDtype.INT8,
        lowp_mode=lowp_mode,
        group_size=options.group_size or (GROUP_SIZE if four else -1),
        weight_qscheme=WoqWeightQScheme.SYMMETRIC if symmetric else WoqWeightQScheme.ASYMMETRIC,
    )


def _smooth_quant(
    folder: Path,
    positions: int,
    alpha: float,
    sequences: Sequence[Ids],
    summary: Path,
    on_step: OnProgress,
) -> Made:
    dtype = torch.float32
    mapping = get_smooth_quant_qconfig_mapping(alpha=alpha)
    on_step("Reading weights", 0, 1)
    model = read(folder, positions, dtype)
    layers = model.config.num_hidden_layers
    count = _weights_in(model)
    model = ipex.llm.optimize(
        model, dtype=dtype, inplace=True, quantization_config=mapping, deployment_mode=False
    )
    step: Any = step_of(model)

    def example(ids: Ids) -> Any:
        return inputs(ids, range(len(ids)), empty_past(layers, dtype), 0, dtype)

    def quantise() -> Any:
        prepared = prepare(step, mapping, example_inputs=example(sequences[0]), inplace=True)
        for number, ids in enumerate(sequences):
            on_step("Calibrating", number, len(sequences))
            prepared(*example(ids))
        prepared.save_qconf_summary(str(summary))
        on_step("Quantising to int8", 0, 1)
        return convert(prepared.eval(), inplace=True).eval()

    quantised = with_masks_as_given(quantise)
    return Made(trace(quantised, layers, dtype), layers, dtype, {"8": count})


def _loss(made: Made, sequences: Sequence[Ids]) -> float:
    """Return the mean loss, in nats, of predicting each token of `sequences` from those before."""
    total, count = 0.0, 0
    for ids in sequences:
        step = inputs(ids, range(len(ids)), empty_past(made.layers, made.dtype), 0, made.dtype)
        logits = made.graph(*step)[0][0, :-1].float()
        total += float(functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum"))
        count += len(ids) - 1
    return total / count
