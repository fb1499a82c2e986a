"""What a model takes here in each precision, said before it is fetched or loaded. Light half."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import TernError
from engine.fit import Fit, Question, check_memory, judge
from engine.hardware import Cpu, available_memory
from engine.kernels.base import Choice, Model, core_built, ipex_installed, native_choice, pick
from engine.messages import Kernel, KernelChoice, Precision
from engine.model_config import ModelConfig
from engine.model_files import tokenizer_bytes
from engine.observed import Observed
from engine.paths import Paths
from engine.store.packed import is_there

DEFAULT_CONTEXT = 8192  # tokens, or what the model has


@dataclass(frozen=True)
class Outlook:
    """One precision of one model on this computer. Bytes; context in tokens.

    running: the peak with the context full. packing: the peak while it is quantised for the first
    time, 0 where nothing is to be. problem: why this precision cannot run here, or "".
    """

    precision: Precision
    kernel: Kernel | None
    context: int
    running: int
    packing: int
    free: int
    fit: Fit | None
    problem: str = ""

    @property
    def peak(self) -> int:
        """The most that is needed at any time."""
        return max(self.running, self.packing)


@dataclass(frozen=True)
class Preflight:
    """Answers for this computer: its processor, and what it showed before."""

    paths: Paths
    cpu: Cpu

    def outlooks(
        self,
        config: ModelConfig,
        folder: Path | None = None,
        tokenizer_size: int | None = None,
        context: int | None = None,
        kernel: KernelChoice = "auto",
    ) -> tuple[Outlook, ...]:
        """Return what each precision needs, bf16 first.

        folder: the model's where it is here; tokenizer_size: of tokenizer.json where it is not.
        """
        if folder:
            tokenizer_size = tokenizer_bytes(folder)
        length = min(context or DEFAULT_CONTEXT, config.max_context)
        free = available_memory()

        def one(precision: Precision) -> Outlook:
            try:
                choice = choose(config, precision, kernel, self.cpu)
            except TernError as error:
                return Outlook(precision, None, length, 0, 0, free, None, error.said)
            packed = folder is not None and self.is_packed(folder, precision, choice.kernel)
            question = Question(config, precision, choice.kernel, length, packed, tokenizer_size)
            need = Observed(self.paths).correct(question)
            fit = judge(need.peak, free)
            return Outlook(precision, choice.kernel, length, need.running, need.packing, free, fit)

        return tuple(one(precision) for precision in Precision)

    def check(
        self,
        name: str,
        config: ModelConfig,
        folder: Path,
        precision: Precision,
        kernel: Kernel,
        context: int,
        more: int = 0,
    ) -> None:
        """Raise NotEnoughMemory where a load will not fit, with the precision that would.

        more: bytes that it takes besides.
        """
        packed = self.is_packed(folder, precision, kernel)
        question = Question(config, precision, kernel, context, packed, tokenizer_bytes(folder))
        check_memory(name, question, available_memory() - more, Observed(self.paths).correct)

    def is_packed(self, folder: Path, precision: Precision, kernel: Kernel) -> bool:
        """Return whether a load of the model in `folder` has nothing to quantise."""
        return is_there(self.paths.packed, folder, precision, kernel)


def choose(
    config: ModelConfig,
    precision: Precision,
    wanted: KernelChoice,
    cpu: Cpu,
    weight_only: bool = False,
) -> Choice:
    """Return the kernels that serve a model here, and why.

    weight_only: int8 weights with float activations. Raises KernelUnavailable, AlreadyQuantised or
    UnsupportedFeature.
    """
    method = config.four_bit.method if config.four_bit else ""
    facts = Model(config.architecture, config.parameters, method, weight_only)
    choice = pick(precision, wanted, cpu.isa, ipex_installed(), facts)
    return native_choice(choice, core_built())
