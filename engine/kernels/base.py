"""Which kernels serve which precision on which CPU: a table, and the reason in a sentence.

Light half: decides from the instruction sets and from what is installed, imports no kernel.
"""

from dataclasses import dataclass
from importlib.util import find_spec

from engine.errors import KernelUnavailable
from engine.hardware import Isa
from engine.messages import Kernel, KernelChoice, Precision

# The level from which IPEX 2.8's kernels for a precision are real (docs/adr/0002-ipex.md). Below
# it bf16 refuses to run, and weight-only int4 unpacks the whole weight at each call. Its int8
# SmoothQuant is not built in yet: int8 runs natively everywhere.
IPEX_NEEDS: dict[Precision, Isa] = {
    Precision.BF16: Isa.AVX512,
    Precision.INT4: Isa.AVX512_FP16,
}
# Importing IPEX takes seconds; a model this small answers in less.
IPEX_WORTHWHILE = 100_000_000  # parameters


@dataclass(frozen=True)
class Choice:
    """The kernels that serve a request, and why."""

    kernel: Kernel
    why: str


def ipex_installed() -> bool:
    """Return whether Intel Extension for PyTorch can be imported here."""
    return find_spec("intel_extension_for_pytorch") is not None


def pick(
    precision: Precision,
    wanted: KernelChoice,
    isa: Isa,
    has_ipex: bool,
    parameters: int | None = None,
) -> Choice:
    """Return the kernels for `precision` on a CPU of level `isa`.

    parameters: the size of the model; None means a large one.
    Raises KernelUnavailable where `wanted` names kernels that cannot serve it.
    """
    if wanted == "native":
        return Choice(Kernel.NATIVE, "native was asked for")
    hindrance = why_not_ipex(precision, isa, has_ipex)
    if wanted == "ipex":
        if hindrance:
            raise KernelUnavailable(
                kernel="IPEX", precision=precision, reason=hindrance, alternative="native"
            )
        return Choice(Kernel.IPEX, "IPEX was asked for")
    if hindrance:
        return Choice(Kernel.NATIVE, hindrance)
    if parameters is not None and parameters < IPEX_WORTHWHILE:
        small = f"the model has {parameters / 1e6:.0f} million parameters"
        return Choice(Kernel.NATIVE, f"{small}, fewer than IPEX's start-up time is worth")
    return Choice(Kernel.IPEX, f"this CPU has {isa.name}, for which IPEX has {precision} kernels")


def why_not_ipex(precision: Precision, isa: Isa, has_ipex: bool) -> str:
    """Return why IPEX does not serve `precision` here, or "" where it does."""
    if not has_ipex:
        return "IPEX is not installed"
    if precision not in IPEX_NEEDS:
        return f"Tern does not use IPEX for {precision} yet"
    if isa < IPEX_NEEDS[precision]:
        needed = IPEX_NEEDS[precision].name
        return f"IPEX's {precision} kernels need {needed}, and this CPU has {isa.name}"
    return ""
