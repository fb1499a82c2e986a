"""Which kernels serve which precision on which CPU: a table, and the reason in a sentence.

Light half: decides from the instruction sets and from what is installed, imports no kernel.
"""

import functools
from dataclasses import dataclass
from importlib.util import find_spec

from engine.errors import AlreadyQuantised, KernelUnavailable, UnsupportedFeature
from engine.hardware import Isa
from engine.messages import Kernel, KernelChoice, Precision


@dataclass(frozen=True)
class IpexLevels:
    """From which instruction sets IPEX runs a precision at all, and from which it is worth taking.

    fast: None where it is on none of them. `slow` says what it does elsewhere.
    """

    runs: Isa
    fast: Isa | None
    slow: str


# docs/adr/0002-ipex.md has the measurements.
IPEX_LEVELS: dict[Precision, IpexLevels] = {
    Precision.BF16: IpexLevels(Isa.AVX512, Isa.AMX, "IPEX is slower than the native kernels"),
    Precision.INT8: IpexLevels(Isa.AVX2, None, "IPEX is slower than the native kernels"),
    Precision.INT4: IpexLevels(
        Isa.AVX2,
        None,
        "IPEX is slower than the native kernels, and below AVX512_FP16 it unpacks the whole weight "
        "at each call",
    ),
}
# What `ipex.llm.optimize` of 2.8 optimises, of the architectures that Tern reads. With any other
# it hands the model back as it was, unquantised, with no more than a warning.
IPEX_ARCHITECTURES = frozenset(
    {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}
)
# The layouts of weights packed for torch's operators; int4's depends on the instruction set.
TORCH_LAYOUTS: dict[Precision, str] = {
    Precision.INT8: "torch-int8-1",
    Precision.INT4: "torch-int4-g32-{isa}-2",
}
# Importing IPEX takes seconds; a model this small answers in less.
IPEX_WORTHWHILE = 100_000_000  # parameters


@dataclass(frozen=True)
class Model:
    """What the choice needs to know of a model; the defaults stand for a large, ordinary one.

    four_bit names the method by which another program has quantised it, "" where none has;
    weight_only asks for int8 weights with float activations.
    """

    architecture: str = "LlamaForCausalLM"
    parameters: int = 10**10
    four_bit: str = ""
    weight_only: bool = False


@dataclass(frozen=True)
class Choice:
    """The kernels that serve a request, and why."""

    kernel: Kernel
    why: str


ORDINARY = Model()


@functools.cache
def core_built() -> bool:
    """Return whether the compiled core is there: a compiler was at hand when Tern was installed."""
    return find_spec("engine.kernels.native._core") is not None


def native_choice(choice: Choice, has_core: bool) -> Choice:
    """Return `choice`, with torch's operators in place of native kernels that are not built."""
    if choice.kernel is not Kernel.NATIVE or has_core:
        return choice
    return Choice(
        Kernel.TORCH, f"{choice.why}; torch's operators, as Tern's core is not built here"
    )


@functools.cache
def ipex_installed() -> bool:
    """Return whether Intel Extension for PyTorch can be imported here."""
    return find_spec("intel_extension_for_pytorch") is not None


def pick(
    precision: Precision,
    wanted: KernelChoice,
    isa: Isa,
    has_ipex: bool,
    model: Model = ORDINARY,
) -> Choice:
    """Return the kernels for `model` in `precision` on a CPU of level `isa`.

    Raises KernelUnavailable where `wanted` names kernels that cannot serve it.
    """
    hindrance = why_not_ipex(precision, isa, has_ipex, model.architecture)
    if model.four_bit:
        return _for_four_bit(precision, wanted, model, hindrance)
    if wanted in ("native", "torch"):
        return Choice(Kernel(wanted), f"{wanted} was asked for")
    if wanted == "ipex":
        if hindrance:
            raise KernelUnavailable(
                kernel="IPEX", precision=precision, reason=hindrance, alternative="native"
            )
        kernels = Precision.INT4 if model.weight_only else precision
        caution = ipex_caution(kernels, isa)
        return Choice(Kernel.IPEX, f"IPEX was asked for{', but ' * bool(caution)}{caution}")
    if hindrance:
        return Choice(Kernel.NATIVE, hindrance)
    return _auto(precision, isa, model)


def _auto(precision: Precision, isa: Isa, model: Model) -> Choice:
    """Choose where IPEX could run: it is taken where it is fast and worth its start."""
    if caution := ipex_caution(precision, isa):
        return Choice(Kernel.NATIVE, caution)
    if model.parameters < IPEX_WORTHWHILE:
        small = f"the model has {model.parameters / 1e6:.0f} million parameters"
        return Choice(Kernel.NATIVE, f"{small}, fewer than IPEX's start-up time is worth")
    return Choice(Kernel.IPEX, f"this CPU has {isa.name}, for which IPEX has {precision} kernels")


def why_not_ipex(
    precision: Precision,
    isa: Isa,
    has_ipex: bool,
    architecture: str = ORDINARY.architecture,
) -> str:
    """Return why IPEX cannot run `precision` here at all, or "" where it can."""
    if not has_ipex:
        return "IPEX is not installed"
    if architecture not in IPEX_ARCHITECTURES:
        return f"IPEX 2.8 does not optimise models of the architecture {architecture}"
    if isa < IPEX_LEVELS[precision].runs:
        return _need(precision, IPEX_LEVELS[precision].runs, isa)
    return ""


def ipex_caution(precision: Precision, isa: Isa) -> str:
    """Return what makes IPEX slow in `precision` where it runs all the same, or ""."""
    levels = IPEX_LEVELS[precision]
    if levels.fast is None:
        return levels.slow
    if isa >= levels.fast:
        return ""
    return f"below {levels.fast.name} {levels.slow}, and this CPU has {isa.name}"


def _for_four_bit(
    precision: Precision, wanted: KernelChoice, model: Model, hindrance: str
) -> Choice:
    """Only IPEX's kernels read weights that another program has quantised."""
    reads = f"only IPEX reads weights quantised by {model.four_bit}"
    if precision is not Precision.INT4:
        raise AlreadyQuantised(method=model.four_bit, precision=precision)
    if wanted in ("native", "torch") or hindrance:
        because = hindrance or f"{wanted} kernels were asked for"
        raise UnsupportedFeature(feature=f"IPEX, as {reads} ({because})")
    return Choice(Kernel.IPEX, reads)


def _need(precision: Precision, needed: Isa, isa: Isa) -> str:
    return f"IPEX's {precision} kernels need {needed.name}, and this CPU has {isa.name}"


def core_layout(precision: Precision, panels: str) -> str:
    """Return the name of the compiled core's packed layout; panels: that of its matrices."""
    # The head is int4 in either precision; it was int8 once.
    return f"{precision}-{panels}-rough-head"
