"""Which kernels serve what, and the reason given."""

import itertools
from typing import get_args

import pytest

from engine.errors import KernelUnavailable
from engine.hardware import Isa
from engine.kernels.base import IPEX_WORTHWHILE, pick
from engine.messages import Kernel, KernelChoice, Precision

LARGE = 7_000_000_000
# The least level on which IPEX serves a precision; None where it never does.
IPEX_FROM = {Precision.BF16: Isa.AVX512, Precision.INT8: None, Precision.INT4: Isa.AVX512_FP16}
TABLE = list(itertools.product(Precision, Isa))


def ipex_serves(precision: Precision, isa: Isa) -> bool:
    least = IPEX_FROM[precision]
    return least is not None and isa >= least


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_auto_takes_ipex_where_it_serves_and_native_elsewhere(
    precision: Precision, isa: Isa
) -> None:
    choice = pick(precision, "auto", isa, has_ipex=True, parameters=LARGE)
    assert choice.kernel is (Kernel.IPEX if ipex_serves(precision, isa) else Kernel.NATIVE)
    assert choice == pick(precision, "auto", isa, has_ipex=True)


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_native_is_native_everywhere(precision: Precision, isa: Isa) -> None:
    for has_ipex in (False, True):
        assert pick(precision, "native", isa, has_ipex, LARGE).kernel is Kernel.NATIVE


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_asking_for_ipex_gives_ipex_or_a_reason(precision: Precision, isa: Isa) -> None:
    if ipex_serves(precision, isa):
        assert pick(precision, "ipex", isa, has_ipex=True).kernel is Kernel.IPEX
    else:
        with pytest.raises(KernelUnavailable) as caught:
            pick(precision, "ipex", isa, has_ipex=True)
        assert str(precision) in caught.value.said
        assert "the native kernels" in caught.value.advice


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_without_ipex_everything_is_native_and_says_so(precision: Precision, isa: Isa) -> None:
    choice = pick(precision, "auto", isa, has_ipex=False, parameters=LARGE)
    assert choice.kernel is Kernel.NATIVE
    assert "not installed" in choice.why
    with pytest.raises(KernelUnavailable, match="not installed"):
        pick(precision, "ipex", isa, has_ipex=False)


def test_the_reason_names_the_missing_instruction_set() -> None:
    with pytest.raises(KernelUnavailable, match="need AVX512_FP16, and this CPU has AVX2"):
        pick(Precision.INT4, "ipex", Isa.AVX2, has_ipex=True)


def test_a_small_model_is_native_unless_ipex_is_asked_for() -> None:
    small = IPEX_WORTHWHILE - 1
    isa = Isa.AVX512_FP16
    assert pick(Precision.BF16, "auto", isa, True, small).kernel is Kernel.NATIVE
    assert pick(Precision.BF16, "ipex", isa, True, small).kernel is Kernel.IPEX
    assert pick(Precision.BF16, "auto", isa, True, IPEX_WORTHWHILE).kernel is Kernel.IPEX


@pytest.mark.parametrize(("precision", "isa"), TABLE)
def test_every_reason_can_stand_in_a_sentence(precision: Precision, isa: Isa) -> None:
    for wanted, has_ipex, parameters in itertools.product(
        get_args(KernelChoice), (False, True), (1_000, LARGE, None)
    ):
        try:
            why = pick(precision, wanted, isa, has_ipex, parameters).why
        except KernelUnavailable as error:
            why = error.said.removesuffix(".")
        assert len(why.split()) > 3, why
        assert not why.endswith("."), why
