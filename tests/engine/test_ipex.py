"""IPEX's recipes on small models: compared with plain float arithmetic and with the native path.

Whatever this CPU can execute is executed; bf16 needs AVX-512 and is left out below it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

pytest.importorskip("intel_extension_for_pytorch")

from intel_extension_for_pytorch.quantization import WoqWeightDtype
from intel_extension_for_pytorch.quantization._quantize_utils import (
    dequantize_per_block,
    dequantize_per_channel,
    quantize_per_block,
    quantize_per_channel,
)

from engine.errors import (
    FileUnreadable,
    KernelUnavailable,
    NothingQuantised,
    OnlyForIpex,
    Stopped,
    UnknownToken,
)
from engine.generate import End, PrefillEnd, Text, generate
from engine.hardware import Cpu, Isa, read_cpu
from engine.kernels.ipex import recipes
from engine.kernels.ipex.graph import count_linears
from engine.kernels.ipex.model import Facts, IpexModel
from engine.language_model import Logits
from engine.loader import LoadedModel, LoadRequest, load
from engine.messages import (
    ChatMessage,
    Kernel,
    Precision,
    Proof,
    Quantisation,
    SamplingSettings,
)
from engine.model_config import read_config
from engine.models import demo_model
from engine.paths import Paths
from engine.quality import perplexity
from tests.engine.conftest import distance, load_folder
from tests.engine.random_models import save_random_model

PROMPT = [7 + (i * 37) % 400 for i in range(48)]
FAMILIES = ["llama-untied", "llama3-rope", "llama-biases", "mistral", "qwen2", "qwen3"]
INT8, INT4, BF16 = Precision.INT8, Precision.INT4, Precision.BF16
AVX2 = Cpu("an AVX2 CPU", frozenset({"avx2", "fma", "f16c"}), (0, 1))
needs_avx2 = pytest.mark.skipif(read_cpu().isa < Isa.AVX2, reason="IPEX needs AVX2")
needs_avx512 = pytest.mark.skipif(
    read_cpu().isa < Isa.AVX512, reason="IPEX's bf16 needs AVX-512: not run on this CPU"
)
pytestmark = needs_avx2


def ipex(folder: Path, precision: Precision, **options: Any) -> LoadedModel:
    loaded = load_folder(folder, precision, "ipex", **options)
    assert loaded.choice.kernel is Kernel.IPEX
    return loaded


@pytest.fixture(scope="module")
def smooth_demo(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """The demo model in IPEX's int8 SmoothQuant."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERN_HOME", str(tmp_path_factory.mktemp("home")))
        return ipex(demo_model().folder, INT8)


def fp32(folder: Path) -> IpexModel:
    """The model on IPEX's float32 kernels, which serve as a reference and have no precision."""
    with torch.no_grad():
        made = recipes.in_float(folder, 512, torch.float32)
    config = read_config(folder)
    facts = Facts(
        source="",
        layers=made.layers,
        vocab_size=config.vocab_size,
        dtype="float32",
        weight_bytes=0,
        kv_bytes_per_token=0,
        linears=dict(count_linears(made.graph)),
        proof=Proof(
            quantised_layers=0,
            float_layers=0,
            weight_dtype="fp32",
            activation_dtype="fp32",
            method="",
        ),
    )
    return IpexModel(made.graph, facts, 512)


def reference(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()


def reference_logits(model: Any, ids: list[int]) -> Tensor:
    logits: Tensor = model(torch.tensor([ids])).logits[0]
    return logits


def all_logits(model: Any, ids: list[int] = PROMPT) -> Logits:
    return np.concatenate(list(model.all_logits(ids)))


# -- float ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_fp32_logits_are_those_of_transformers(family: str, tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / family, family)
    assert distance(all_logits(fp32(folder)), reference_logits(reference(folder), PROMPT)) < 1e-4


@pytest.mark.parametrize("family", ["llama-untied", "mistral", "qwen3"])
def test_the_cache_is_exact_however_the_tokens_come(family: str, tmp_path: Path) -> None:
    model = fp32(save_random_model(tmp_path / family, family))
    whole = model.extend(PROMPT)

    def same(logits: Logits) -> bool:
        return distance(logits, whole) < 1e-5

    model.keep_prefix([-1, -1])
    assert model.used == 0
    model.extend(PROMPT[:20])
    assert same(model.extend(PROMPT[20:])), "several tokens appended at once"
    assert model.keep_prefix([*PROMPT[:30], 1, 2]) == 30
    assert same(model.extend(PROMPT[30:])), "after a rollback"
    assert model.keep_prefix([*PROMPT[:1], 3, 4]) == 1
    for token in PROMPT[1:]:
        logits = model.extend([token])
    assert same(logits), "token by token"
    assert model.used == len(PROMPT)


@needs_avx512
@pytest.mark.parametrize("family", FAMILIES)
def test_bf16_logits_agree_with_the_native_ones(family: str, tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / family, family, initializer_range=0.05)
    loaded = ipex(folder, BF16)
    native = load_folder(folder, BF16).model
    assert distance(loaded.model.extend(PROMPT), native.extend(PROMPT)) < 0.02
    assert loaded.proof.quantised_layers == 0
    assert loaded.proof.activation_dtype == "bf16"


def test_bf16_is_refused_on_an_avx2_cpu_and_auto_runs_natively_there(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    with pytest.raises(KernelUnavailable, match="need AVX512, and this CPU has AVX2"):
        load_folder(folder, BF16, "ipex", cpu=AVX2)
    assert load_folder(folder, BF16, "auto", cpu=AVX2).choice.kernel is Kernel.NATIVE


def test_what_ipex_finds_in_the_cpu_counts_more_than_the_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    monkeypatch.setattr(recipes, "level", lambda: Isa.AVX2)
    promising = Cpu(
        "c", frozenset(AVX2.flags | {"avx512f", "avx512bw", "avx512vl", "avx512dq"}), (0,)
    )
    with pytest.raises(KernelUnavailable, match="need AVX512, and this CPU has AVX2"):
        load_folder(folder, BF16, "ipex", cpu=promising)


# -- weight-only ---------------------------------------------------------------------------------


def rounded(weight: Tensor, bits: int, group: int, symmetric: bool) -> Tensor:
    """The float weights that IPEX's codes stand for, by its own rounding."""
    dtype = WoqWeightDtype.INT4 if bits == 4 else WoqWeightDtype.INT8
    weight = weight.float()
    if group > 0:
        codes, scales, zeros = quantize_per_block(weight, dtype, group, sym_quant=symmetric)
        return dequantize_per_block(codes, scales, zeros, dtype, group, weight.shape)
    codes, scales, zeros = quantize_per_channel(weight, dtype, sym_quant=symmetric)
    return dequantize_per_channel(codes, scales, zeros, dtype, weight.shape)


@pytest.mark.parametrize(
    ("precision", "options"),
    [
        (INT8, {"weight_only": True}),
        (INT8, {"weight_only": True, "symmetric": True}),
        (INT4, {}),
        (INT4, {"group_size": 64, "symmetric": True}),
    ],
)
def test_weight_only_equals_its_rounded_weights_in_float(
    precision: Precision, options: dict[str, Any], tmp_path: Path
) -> None:
    folder = save_random_model(tmp_path / "m", "llama-untied", initializer_range=0.05)
    bits = 4 if precision is INT4 else 8
    group = options.get("group_size", 32 if bits == 4 else -1)
    symmetric = options.get("symmetric", False)
    model = reference(folder)
    float_logits = reference_logits(model, PROMPT)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            head = name == "lm_head" and bits == 4
            plan = (8, -1, False) if head else (bits, group, symmetric)
            module.weight = torch.nn.Parameter(rounded(module.weight.detach(), *plan), False)
    expected = reference_logits(model, PROMPT)
    loaded = ipex(folder, precision, lowp_mode="none", **options)
    logits = all_logits(loaded.model)
    assert distance(logits, expected) < 1e-2
    assert distance(logits, expected) < distance(expected, float_logits) / 2
    assert loaded.proof.quantised_layers == 2 * 5 + 1
    assert loaded.proof.float_layers == 0
    assert loaded.proof.weight_dtype == str(precision)
    native = all_logits(load_folder(folder, precision).model)
    likeliest = float_logits.topk(64).indices  # the native head is less exact for the rest
    near = [torch.as_tensor(rows).gather(-1, likeliest) for rows in (native, logits, float_logits)]
    assert distance(near[0].numpy(), near[2]) < 2 * distance(near[1].numpy(), near[2]) + 0.02


def test_a_weight_only_graph_is_kept_and_gives_the_same_again(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "qwen2")
    first = ipex(folder, INT4).model.extend(PROMPT)
    (folder / "model.safetensors").unlink()
    assert np.array_equal(ipex(folder, INT4).model.extend(PROMPT), first)


@pytest.mark.parametrize("lowp_mode", ["none", "bf16", "int8"])
def test_lower_precisions_to_compute_in_stay_near(lowp_mode: str, tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-untied", initializer_range=0.05)
    exact = reference_logits(reference(folder), PROMPT)
    logits = all_logits(ipex(folder, INT8, weight_only=True, lowp_mode=lowp_mode).model)
    assert distance(logits, exact) < 0.05


# -- SmoothQuant ---------------------------------------------------------------------------------


def test_smoothquant_costs_the_demo_at_most_one_percent_of_perplexity(
    smooth_demo: LoadedModel,
) -> None:
    folder = demo_model().folder
    ids = smooth_demo.tokenizer.encode((folder / "held-out.txt").read_text(encoding="utf-8"))[:3000]

    def measured(model: Any) -> float:
        return perplexity(model, ids, None, lambda done, total: None).perplexity

    exact = measured(fp32(folder))
    assert measured(smooth_demo.model) / exact < 1.01
    assert measured(load_folder(folder, INT8).model) / exact < 1.01


def test_smoothquant_proves_what_it_holds(smooth_demo: LoadedModel) -> None:
    proof = smooth_demo.proof
    assert (proof.quantised_layers, proof.float_layers) == (6 * 5 + 1, 0)
    assert (proof.weight_dtype, proof.activation_dtype) == ("int8", "int8")
    assert "SmoothQuant, alpha 0.5" in proof.method
    assert smooth_demo.isa == recipes.level().name
    weights = smooth_demo.config.parameters
    assert smooth_demo.weight_bytes == pytest.approx(weights, rel=0.01)


def test_the_second_load_of_smoothquant_reads_no_float_weights(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    first = ipex(folder, INT8)
    (folder / "model.safetensors").unlink()
    steps: list[str] = []
    request = LoadRequest(folder, INT8, "ipex", None, Paths.default(), read_cpu())
    again = load(request, lambda stage, done, total: steps.append(stage))
    assert np.array_equal(again.model.extend(PROMPT), first.model.extend(PROMPT))
    assert again.proof == first.proof
    assert not {"Reading weights", "Calibrating"} & set(steps)


def test_replaced_weights_are_quantised_again(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    first = ipex(folder, INT8).model.extend(PROMPT)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] *= 2
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert distance(ipex(folder, INT8).model.extend(PROMPT), first) > 0.1


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_graph_is_made_again(damage: bytes | None, tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    first = ipex(folder, INT4).model.extend(PROMPT)
    (saved,) = Paths.default().packed.glob("m-*-ipex-int4")
    if damage is None:
        facts = json.loads((saved / "facts.json").read_text())
        facts["dtype"] = "float64"
        (saved / "facts.json").write_text(json.dumps(facts))
    else:
        (saved / "graph.pt").write_bytes(damage)
    assert np.array_equal(ipex(folder, INT4).model.extend(PROMPT), first)


def test_alpha_is_searched_on_the_calibration_text(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    stages: list[tuple[str, int, int]] = []
    options = Quantisation(alpha=None, samples=2, length=64)
    request = LoadRequest(folder, INT8, "ipex", None, Paths.default(), read_cpu(), options)
    loaded = load(request, lambda *step: stages.append(step))
    tried = [done for stage, done, total in stages if stage == "Searching alpha"]
    assert tried == list(range(len(recipes.ALPHAS)))
    assert any(f"alpha {alpha:g}:" in loaded.proof.method for alpha in recipes.ALPHAS)
    (saved,) = Paths.default().packed.glob("m-*-ipex-int8")
    summary = json.loads((saved / recipes.QCONF_SUMMARY).read_text())
    assert summary
    assert sorted(path.name for path in saved.iterdir()) == [
        "facts.json",
        "graph.pt",
        "manifest.json",
        recipes.QCONF_SUMMARY,
    ]


def test_calibration_takes_the_text_and_the_amount_that_one_gives(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    text = tmp_path / "mine.txt"
    text.write_text("A tern is a set of three. " * 200)
    stages: list[tuple[str, int, int]] = []
    options = Quantisation(calibration=str(text), samples=3, length=16)
    request = LoadRequest(folder, INT8, "ipex", None, Paths.default(), read_cpu(), options)
    load(request, lambda *step: stages.append(step))
    assert [step for step in stages if step[0] == "Calibrating"] == [
        ("Calibrating", number, 3) for number in range(3)
    ]
    text.unlink()
    with pytest.raises(FileUnreadable, match=r"mine\.txt"):
        load(request, lambda *step: None)


def test_a_stop_while_calibrating_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    request = LoadRequest(folder, INT8, "ipex", None, Paths.default(), read_cpu())

    def stop(stage: str, _done: int, _total: int) -> None:
        if stage == "Calibrating":
            raise Stopped

    with pytest.raises(Stopped):
        load(request, stop)
    assert list(Paths.default().packed.iterdir()) == []


# -- weights that other programs have quantised --------------------------------------------------


def pack_int32(codes: Tensor, order: tuple[int, ...] = tuple(range(8))) -> Tensor:
    """Pack 4-bit codes, eight along the last dimension into an int32, code order[i] at nibble i."""
    grouped = codes.to(torch.int64).unflatten(-1, (-1, 8))[..., list(order)]
    words = (grouped << (4 * torch.arange(8))).sum(-1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def four_bit_model(folder: Path, method: str, group: int = 32) -> tuple[Path, Any]:
    """A random model in GPTQ's or AWQ's storage, and the float model that it stands for."""
    save_random_model(folder, "llama-untied", initializer_range=0.05)
    model = reference(folder)
    state = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(3)
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.Linear) or name == "lm_head":
            continue
        rows, columns = module.weight.shape
        codes = torch.randint(0, 16, (columns, rows), generator=generator)
        zeros = torch.randint(6, 10, (columns // group, rows), generator=generator)
        scales = (torch.rand(columns // group, rows, generator=generator) * 0.01 + 0.005).half()
        spread = zeros.repeat_interleave(group, 0), scales.float().repeat_interleave(group, 0)
        module.weight = torch.nn.Parameter(((codes - spread[0]) * spread[1]).T.contiguous(), False)
        del state[f"{name}.weight"]
        if method == "awq":
            interleaved = (0, 2, 4, 6, 1, 3, 5, 7)
            state[f"{name}.qweight"] = pack_int32(codes, interleaved)
            state[f"{name}.qzeros"] = pack_int32(zeros, interleaved)
        else:
            state[f"{name}.qweight"] = pack_int32(codes.T).T.contiguous()
            state[f"{name}.qzeros"] = pack_int32(zeros - 1)
            state[f"{name}.g_idx"] = torch.arange(columns, dtype=torch.int32) // group
        state[f"{name}.scales"] = scales
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": method,
        "bits": 4,
        "group_size": group,
        "desc_act": False,
        "sym": False,
        "zero_point": True,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder, model


@pytest.mark.parametrize("method", ["gptq", "awq", "intel/auto-round"])
def test_four_bit_checkpoints_give_the_logits_of_their_weights(method: str, tmp_path: Path) -> None:
    folder, exact = four_bit_model(tmp_path / "m", method)
    loaded = ipex(folder, INT4, lowp_mode="none")
    expected = reference_logits(exact, PROMPT)
    assert distance(all_logits(loaded.model), expected) < 1e-2
    assert loaded.proof.quantised_layers == 2 * 5
    assert ("output head", 1, "published in float") in loaded.proof.left_in_float


# -- what a person meets -------------------------------------------------------------------------


def test_a_model_that_came_back_unquantised_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `ipex.llm.optimize` does for architectures outside its list: a warning, and no more."""
    folder = save_random_model(tmp_path / "m", "llama-tied")
    real = recipes.ipex.llm.optimize

    def forgetful(model: Any, **options: Any) -> Any:
        return real(model, **{**options, "quantization_config": None})

    monkeypatch.setattr(recipes.ipex.llm, "optimize", forgetful)
    with pytest.raises(NothingQuantised):
        ipex(folder, INT4)
    assert not list(Paths.default().packed.glob("*ipex*"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"alpha": None}, "Searching for alpha"),
        ({"weight_only": True}, "Int8 with float activations"),
        ({"group_size": 64}, "The group size"),
        ({"symmetric": True}, "Symmetric rounding"),
        ({"lowp_mode": "int8"}, "The lowest precision"),
    ],
)
def test_options_of_ipex_are_not_ignored_by_the_native_kernels(
    options: dict[str, Any], named: str, tmp_path: Path
) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    with pytest.raises(OnlyForIpex, match=f"{named}.* native was asked for"):
        load_folder(folder, INT8, "native", **options)


def settings(**changes: Any) -> SamplingSettings:
    return SamplingSettings(**({"temperature": 0.0, "max_new_tokens": 24} | changes))


def answer(loaded: LoadedModel, question: str, **changes: Any) -> tuple[str, PrefillEnd, End]:
    prompt = loaded.tokenizer.encode_chat([ChatMessage("user", question)])
    steps = list(
        generate(loaded.model, loaded.tokenizer, prompt, settings(**changes), lambda: False)
    )
    (prefill,) = [step for step in steps if isinstance(step, PrefillEnd)]
    end = steps[-1]
    assert isinstance(end, End)
    streamed = "".join(step.text for step in steps if isinstance(step, Text))
    assert streamed == end.text
    return end.text, prefill, end


def test_it_answers_streams_and_reuses_the_cache_as_the_native_path_does(
    smooth_demo: LoadedModel,
) -> None:
    native = load_folder(demo_model().folder, INT8)
    for loaded in (smooth_demo, native):
        loaded.model.keep_prefix([-1, -1])
        text, first, end = answer(loaded, "What is 3 plus 4?")
        assert "7" in text
        assert end.finish_reason == "end"
        assert first.cached == 0
        _, second, _ = answer(loaded, "What is 3 plus 5?")
        assert second.cached > 4


def test_seeds_stop_strings_and_limits_mean_the_same(smooth_demo: LoadedModel) -> None:
    one, two, other = (
        answer(smooth_demo, "Tell me a story.", temperature=1.0, seed=seed)[0] for seed in (1, 1, 2)
    )
    assert one == two != other
    stopped, _, end = answer(smooth_demo, "What is 3 plus 4?", stop=("is",))
    assert (stopped.strip(), end.finish_reason) == ("3 plus 4", "stop-string")
    assert answer(smooth_demo, "Tell me a story.", max_new_tokens=3)[2].finish_reason == "length"


def test_a_cached_turn_gives_what_a_fresh_one_gives(smooth_demo: LoadedModel) -> None:
    ids = smooth_demo.tokenizer.encode("Once upon a time there was a tern that flew far away.")
    smooth_demo.model.keep_prefix([-1, -1])
    fresh = smooth_demo.model.extend(ids)
    smooth_demo.model.keep_prefix([*ids[:4], -1])
    assert distance(smooth_demo.model.extend(ids[4:]), fresh) < 1e-5


def test_an_unknown_token_is_an_explained_failure(smooth_demo: LoadedModel) -> None:
    with pytest.raises(UnknownToken):
        smooth_demo.model.extend([10**6])


def test_rope_tables_and_cache_are_as_long_as_the_context(tmp_path: Path) -> None:
    """A model that could read 131,072 tokens costs no more than the 600 that are used."""
    short = save_random_model(tmp_path / "short", "llama-untied", max_position_embeddings=600)
    long = save_random_model(tmp_path / "long", "llama-untied", max_position_embeddings=2**17)
    sizes = []
    for folder in (short, long):
        request = LoadRequest(folder, INT4, "ipex", 600, Paths.default(), read_cpu())
        loaded = load(request, lambda *step: None)
        assert loaded.model.context_length == 600
        (saved,) = Paths.default().packed.glob(f"{folder.name}-*")
        sizes.append((saved / "graph.pt").stat().st_size)
    table = 8192 * 64 * 4 * 2  # one layer's at the least length that is made
    assert sizes[1] < sizes[0] + 3 * table


def test_saved_graphs_are_told_apart(tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied")
    for options in ({}, {"group_size": 64}, {"symmetric": True}):
        ipex(folder, INT4, **options)
    assert len(list(Paths.default().packed.glob("m-*-ipex-int4"))) == 3
