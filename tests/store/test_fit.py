"""The prediction of peak memory: what it is made of, what corrects it, and who refuses by it."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from engine.errors import NotEnoughMemory
from engine.fit import Fit, Need, Question, check_memory, judge, predict
from engine.hardware import read_cpu
from engine.messages import Done as DoneEvent
from engine.messages import Kernel, Metrics, Precision, Proof
from engine.messages import Loaded as LoadedEvent
from engine.model_config import ModelConfig, read_config
from engine.models import demo_model
from engine.observed import Observed, Watch
from engine.paths import Paths
from engine.preflight import Preflight
from engine.store.catalogue import load_catalogue
from tests.store.test_local_list import native, pack

GB = 10**9
LLAMA_8B = next(e.shape for e in load_catalogue() if e.repo == "meta-llama/Llama-3.1-8B-Instruct")
DEMO = read_config(demo_model().folder)


def question(
    config: ModelConfig = LLAMA_8B,
    precision: Precision = Precision.INT4,
    kernel: Kernel = Kernel.NATIVE,
    context: int = 4096,
    is_packed: bool = True,
) -> Question:
    return Question(config, precision, kernel, context, is_packed)


# -- what is predicted ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("precision", "low", "high"),
    [(Precision.BF16, 15.1, 16.2), (Precision.INT8, 7.6, 8.4), (Precision.INT4, 4.4, 4.9)],
)
def test_the_weights_of_a_large_model_decide(precision: Precision, low: float, high: float) -> None:
    """8.03 billion weights of 16, 8 and 4.5 bits, the head of the latter two in 4.5."""
    assert low * GB < predict(question(precision=precision)).running < high * GB


def test_each_token_of_the_context_has_its_keys_and_values() -> None:
    short, long = (predict(question(context=c)).running for c in (2048, 130_000))
    per_token = (long - short) / (130_000 - 2048)
    assert per_token == pytest.approx(2 * LLAMA_8B.kv_elements_per_token, rel=0.1)


def test_quantising_holds_a_layer_not_the_model() -> None:
    need = predict(question(is_packed=False))
    assert 2 * GB < need.packing < need.running
    assert predict(question()).packing == 0
    assert predict(question(precision=Precision.BF16, is_packed=False)).packing == 0


def test_torchs_and_ipexs_kernels_take_more() -> None:
    takes = [predict(question(kernel=kernel)).running for kernel in ("native", "torch", "ipex")]
    assert takes == sorted(takes)
    calibrating = predict(question(kernel=Kernel.IPEX, precision=Precision.INT8, is_packed=False))
    assert calibrating.packing > 4 * LLAMA_8B.parameters, "SmoothQuant reads float32"


def test_a_weight_that_int4_cannot_take_counts_in_full() -> None:
    odd = replace(LLAMA_8B, intermediate_size=LLAMA_8B.intermediate_size + 8)
    ratio = predict(question(odd)).running / predict(question()).running
    assert ratio > 1.4, "down's input is no multiple of a group"


@pytest.mark.parametrize(
    ("needed", "fit"), [(80, Fit.FITS), (90, Fit.TIGHT), (100, Fit.TIGHT), (101, Fit.TOO_LARGE)]
)
def test_tight_is_where_others_get_hardly_any(needed: int, fit: Fit) -> None:
    assert judge(needed, 100) is fit


def test_what_does_not_fit_names_what_would() -> None:
    asked = question(precision=Precision.BF16)
    check_memory("m", asked, 30 * GB)
    with pytest.raises(NotEnoughMemory, match="Choose int8, which fits") as refused:
        check_memory("m", asked, 10 * GB)
    assert "Loading m in bf16 needs about 15" in refused.value.said
    with pytest.raises(NotEnoughMemory, match="Choose int4"):
        check_memory("m", asked, 7 * GB)
    with pytest.raises(NotEnoughMemory, match="smaller model"):
        check_memory("m", asked, GB)


# -- what was observed ---------------------------------------------------------------------------


def observed(*ratios: float, config: ModelConfig = LLAMA_8B, phase: str = "running") -> Observed:
    memory = Observed(Paths.default())
    asked = question(config, is_packed=phase == "running")
    for ratio in ratios:
        memory.add(asked, phase, int(getattr(predict(asked), phase) * ratio))
    return memory


def factor(memory: Observed, config: ModelConfig = LLAMA_8B) -> float:
    return memory.correct(question(config)).running / predict(question(config)).running


def test_what_a_model_took_here_corrects_its_prediction() -> None:
    assert factor(observed()) == 1
    assert factor(observed(1.2)) == pytest.approx(1.2, abs=1e-3)
    assert factor(Observed(Paths.default())) == pytest.approx(1.2, abs=1e-3), "it is on disk"


def test_one_mishap_does_not_spoil_it() -> None:
    assert factor(observed(1.1, 9.0, 1.1, 0.0, 1.1)) == pytest.approx(1.1, abs=1e-3)
    assert factor(observed(*[7.0] * 20)) == pytest.approx(1.5, abs=1e-3)
    assert factor(observed(*[0.01] * 20)) == pytest.approx(0.7, abs=1e-3)


def test_other_models_count_when_there_are_enough_of_them() -> None:
    other = replace(LLAMA_8B, layers=20)
    observed(1.2, 1.2, config=other)
    assert factor(Observed(Paths.default())) == 1
    assert factor(observed(1.2, config=other)) == pytest.approx(1.2, abs=1e-3)
    assert factor(observed(0.9)) == pytest.approx(0.9, abs=1e-3), "its own count before others'"


def test_precisions_kernels_and_phases_are_apart() -> None:
    memory = observed(*[1.3] * 5)
    for other in (question(precision=Precision.INT8), question(kernel=Kernel.TORCH)):
        assert memory.correct(other) == predict(other)
    unpacked = question(is_packed=False)
    assert memory.correct(unpacked).packing == predict(unpacked).packing
    assert observed(1.1, phase="packing").correct(unpacked).packing == pytest.approx(
        1.1 * predict(unpacked).packing, rel=1e-3
    )


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'[{"shape": 1}]', b"\xff"])
def test_a_damaged_file_says_nothing(content: bytes) -> None:
    file = Paths.default().cache / "observed.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert factor(Observed(Paths.default())) == 1
    assert factor(observed(1.2)) == pytest.approx(1.2, abs=1e-3)


def test_the_file_stays_small() -> None:
    memory = observed(*[1.0] * 250)
    file = Paths.default().cache / "observed.json"
    assert len(msgspec.json.decode(file.read_bytes())) == 200
    assert factor(memory) == 1


def loaded(packing: int = 0) -> LoadedEvent:
    proof = Proof(
        quantised_layers=1, float_layers=0, weight_dtype="", activation_dtype="", method=""
    )
    return LoadedEvent(
        request_id=1,
        model="demo",
        title="",
        is_demo=True,
        precision=Precision.INT4,
        kernel=Kernel.NATIVE,
        isa="",
        why="",
        threads=1,
        context_length=512,
        parameters=1,
        weight_bytes=1,
        kv_bytes_per_token=1,
        load_s=1.0,
        proof=proof,
        packing_peak_bytes=packing,
    )


def done(peak: int, context: int) -> DoneEvent:
    metrics = Metrics(
        prompt_tokens=1,
        cached_tokens=0,
        completion_tokens=1,
        ttft_s=0,
        prefill_s=0,
        prefill_tokens_per_s=0,
        decode_tokens_per_s=0,
        token_ms_p50=0,
        token_ms_p95=0,
        context_used=context,
        context_length=512,
        peak_rss_bytes=peak,
    )
    return DoneEvent(request_id=1, text="", finish_reason="end", metrics=metrics)


def test_what_the_engine_reports_is_compared_with_the_context_that_was_used() -> None:
    asked = Question(
        DEMO, Precision.INT4, Kernel.NATIVE, 100, tokenizer_bytes=_size("tokenizer.json")
    )
    expected = predict(asked)
    watch = Watch(Paths.default())
    watch.note(done(10**12, 1))  # nothing is loaded
    watch.note(loaded(packing=int(expected.packing * 1.1)))
    watch.note(done(int(expected.running * 1.2), 100))
    watch.note(done(int(expected.running * 1.2), 50))  # no news
    corrected = Observed(Paths.default()).correct(asked)
    assert corrected.running == pytest.approx(1.2 * expected.running, rel=0.01)
    assert corrected.packing == pytest.approx(1.1 * expected.packing, rel=0.02)
    entries = msgspec.json.decode((Paths.default().cache / "observed.json").read_bytes())
    assert [entry["phase"] for entry in entries] == ["packing", "running"]


def _size(name: str) -> int:
    return (demo_model().folder / name).stat().st_size


# -- before a load or a download -----------------------------------------------------------------


def test_an_outlook_says_what_each_precision_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.preflight.available_memory", lambda: 9 * GB)
    looks = Preflight(Paths.default(), read_cpu()).outlooks(LLAMA_8B, kernel="native")
    assert [look.fit for look in looks] == [Fit.TOO_LARGE, Fit.TIGHT, Fit.FITS]
    assert all(look.context == 8192 and look.free == 9 * GB for look in looks)
    shorter = Preflight(Paths.default(), read_cpu()).outlooks(
        LLAMA_8B, context=512, kernel="native"
    )
    assert shorter[1].running < looks[1].running


def test_what_is_packed_already_is_not_packed_again() -> None:
    folder = demo_model().folder
    preflight = Preflight(Paths.default(), read_cpu())
    before = {look.precision: look for look in preflight.outlooks(DEMO, folder, kernel="native")}
    pack(folder, native(Precision.INT8))
    after = {look.precision: look for look in preflight.outlooks(DEMO, folder, kernel="native")}
    assert before[Precision.INT8].packing > 0 == after[Precision.INT8].packing
    assert after[Precision.INT4] == replace(before[Precision.INT4], free=after[Precision.INT4].free)


def test_a_precision_that_cannot_run_says_why(tmp_path: Path) -> None:
    published = replace(DEMO, four_bit=_four_bit())
    looks = Preflight(Paths.default(), read_cpu()).outlooks(published, kernel="native")
    assert all(look.problem and look.fit is None for look in looks)


def _four_bit() -> object:
    from engine.model_config import FourBitCheckpoint

    return FourBitCheckpoint("gptq", 128, False)


def test_a_need_is_its_larger_part() -> None:
    assert Need(3, 5).peak == 5
    assert Need(3).peak == 3
