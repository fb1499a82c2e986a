"""Which kernels serve what, and the reason given."""

import itertools
from typing import get_args

import pytest

from engine.errors import AlreadyQuantised, KernelUnavailable, TernError, UnsupportedFeature
from engine.hardware import Isa
from engine.kernels.base import IPEX_WORTHWHILE, Model, ipex_caution, native_choice, pick
from engine.messages import Kernel, KernelChoice, Precision

LARGE = Model(parameters=7_000_000_000)
SMALL = Model(parameters=IPEX_WORTHWHILE - 1)
FOUR_BIT = Model(four_bit="gptq")
# The least level on which IPEX runs a precision, and on which `auto` takes it.
RUNS = {Precision.BF16: Isa.AVX512, Precision.INT8: Isa.AVX2, Precision.INT4: Isa.AVX2}
TAKEN = {Precision.BF16: Isa.AMX}
TABLE = list(itertools.product(Precision, Isa))


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_auto_takes_ipex_where_it_is_fast_and_native_elsewhere(
    precision: Precision, isa: Isa
) -> None:
    choice = pick(precision, "auto", isa, has_ipex=True, model=LARGE)
    is_fast = precision in TAKEN and isa >= TAKEN[precision]
    assert choice.kernel is (Kernel.IPEX if is_fast else Kernel.NATIVE)
    assert choice == pick(precision, "auto", isa, has_ipex=True)


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_native_is_native_everywhere(precision: Precision, isa: Isa) -> None:
    for has_ipex in (False, True):
        assert pick(precision, "native", isa, has_ipex, LARGE).kernel is Kernel.NATIVE


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_asking_for_ipex_gives_ipex_or_a_reason(precision: Precision, isa: Isa) -> None:
    if isa >= RUNS[precision]:
        assert pick(precision, "ipex", isa, has_ipex=True).kernel is Kernel.IPEX
    else:
        with pytest.raises(KernelUnavailable) as caught:
            pick(precision, "ipex", isa, has_ipex=True)
        assert str(precision) in caught.value.said
        assert "the native kernels" in caught.value.advice


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_without_ipex_everything_is_native_and_says_so(precision: Precision, isa: Isa) -> None:
    choice = pick(precision, "auto", isa, has_ipex=False, model=LARGE)
    assert choice.kernel is Kernel.NATIVE
    assert "not installed" in choice.why
    with pytest.raises(KernelUnavailable, match="not installed"):
        pick(precision, "ipex", isa, has_ipex=False)


def test_bf16_by_ipex_on_an_avx2_cpu_is_refused_in_a_sentence_with_native_as_the_way_out() -> None:
    with pytest.raises(KernelUnavailable) as caught:
        pick(Precision.BF16, "ipex", Isa.AVX2, has_ipex=True)
    assert caught.value.said == (
        "The IPEX kernels cannot serve bf16 here: "
        "IPEX's bf16 kernels need AVX512, and this CPU has AVX2."
    )
    assert caught.value.advice.startswith("Choose the native kernels, or auto")


@pytest.mark.parametrize("isa", [isa for isa in Isa if isa < Isa.AVX512])
def test_auto_never_meets_that_refusal(isa: Isa) -> None:
    for model in (LARGE, SMALL):
        assert pick(Precision.BF16, "auto", isa, True, model).kernel is Kernel.NATIVE


@pytest.mark.parametrize(
    ("precision", "isa"),
    [(Precision.INT8, Isa.AVX2), (Precision.INT4, Isa.AMX), (Precision.BF16, Isa.AVX512)],
)
def test_ipex_where_it_crawls_runs_on_request_and_says_that_it_is_slow(
    precision: Precision, isa: Isa
) -> None:
    choice = pick(precision, "ipex", isa, has_ipex=True)
    caution = ipex_caution(precision, isa)
    assert "IPEX is slower than the native kernels" in caution
    assert caution in choice.why


def test_ipex_where_it_is_fast_comes_without_a_caution() -> None:
    assert "this CPU has AVX512" in ipex_caution(Precision.BF16, Isa.AVX512)
    assert ipex_caution(Precision.BF16, Isa.AMX) == ""
    assert pick(Precision.BF16, "ipex", Isa.AMX, has_ipex=True).why == "IPEX was asked for"


def test_int8_with_float_activations_is_as_slow_as_int4() -> None:
    weight_only = Model(weight_only=True)
    assert "unpacks" in pick(Precision.INT8, "ipex", Isa.AMX, True, weight_only).why
    assert "unpacks" not in pick(Precision.INT8, "ipex", Isa.AMX, True).why


@pytest.mark.parametrize("precision", Precision)
def test_a_model_outside_ipexs_list_is_known_before_loading(precision: Precision) -> None:
    unlisted = Model(architecture="Gemma2ForCausalLM")
    assert pick(precision, "auto", Isa.AVX512_FP16, True, unlisted).kernel is Kernel.NATIVE
    with pytest.raises(KernelUnavailable, match=r"does not optimise .* Gemma2ForCausalLM"):
        pick(precision, "ipex", Isa.AVX512_FP16, True, unlisted)


def test_native_kernels_that_were_not_built_are_torchs_and_it_is_said() -> None:
    native = pick(Precision.INT4, "native", Isa.AVX2, has_ipex=True)
    assert native_choice(native, has_core=True) == native
    without = native_choice(native, has_core=False)
    assert without.kernel is Kernel.TORCH
    assert "not built here" in without.why
    ipex = pick(Precision.INT4, "ipex", Isa.AVX2, has_ipex=True)
    assert native_choice(ipex, has_core=False) == ipex


def test_a_small_model_is_native_unless_ipex_is_asked_for() -> None:
    isa = Isa.AVX512_FP16
    assert pick(Precision.BF16, "auto", isa, True, SMALL).kernel is Kernel.NATIVE
    assert pick(Precision.BF16, "ipex", isa, True, SMALL).kernel is Kernel.IPEX
    worth = Model(parameters=IPEX_WORTHWHILE)
    assert pick(Precision.BF16, "auto", isa, True, worth).kernel is Kernel.IPEX


@pytest.mark.parametrize("wanted", ["auto", "ipex"])
def test_weights_of_another_program_in_4_bits_are_ipexs(wanted: KernelChoice) -> None:
    choice = pick(Precision.INT4, wanted, Isa.AVX2, True, FOUR_BIT)
    assert choice.kernel is Kernel.IPEX
    assert "gptq" in choice.why


def test_weights_of_another_program_in_4_bits_run_in_nothing_else() -> None:
    for precision in (Precision.BF16, Precision.INT8):
        with pytest.raises(AlreadyQuantised, match=f"gptq.*cannot run in {precision}"):
            pick(precision, "auto", Isa.AVX512_FP16, True, FOUR_BIT)
    for wanted, has_ipex in (("native", True), ("auto", False)):
        with pytest.raises(UnsupportedFeature, match="only IPEX reads weights quantised by gptq"):
            pick(Precision.INT4, wanted, Isa.AVX512_FP16, has_ipex, FOUR_BIT)


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_every_reason_can_stand_in_a_sentence(precision: Precision, isa: Isa) -> None:
    for wanted, has_ipex, model in itertools.product(
        get_args(KernelChoice), (False, True), (SMALL, LARGE, FOUR_BIT, Model())
    ):
        try:
            why = pick(precision, wanted, isa, has_ipex, model).why
        except TernError as error:
            why = error.said.removesuffix(".")
        assert len(why.split()) > 3, why
        assert not why.endswith("."), why
