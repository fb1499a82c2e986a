"""The best number of threads for a model in a precision, measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.hardware import Cpu
from engine.lab.process import MakeClient
from engine.lab.records import Estimate
from engine.messages import KernelChoice, Precision


@dataclass(frozen=True)
class Point:
    """One place on the curve. cores: the logical CPUs; spoiled: why it does not count, or ""."""

    threads: int
    cores: tuple[int, ...]
    decode_tokens_per_s: Estimate
    prefill_tokens_per_s: Estimate
    spoiled: str = ""


@dataclass(frozen=True)
class Curve:
    """A sweep over thread counts. usual: what is taken where nobody chose."""

    model: str
    precision: Precision
    points: tuple[Point, ...]
    usual: int

    @property
    def best(self) -> Point | None:
        """The fewest threads whose decode speed no other count surely exceeds; None without any."""
        raise NotImplementedError


def counts(cpu: Cpu) -> tuple[int, ...]:
    """Return the numbers of threads to try on `cpu`, ascending."""
    raise NotImplementedError


class Tuner:
    """A sweep. `points` runs in the thread that iterates it; `stop` may be called from any."""

    def __init__(
        self,
        model: str,
        precision: Precision,
        make_client: MakeClient,
        cpu: Cpu,
        kernel: KernelChoice = "auto",
        tried: Sequence[int] = (),
    ) -> None:
        raise NotImplementedError

    def points(self) -> Iterator[Point]:
        """Yield each point as it is measured. Raises EngineDied, or what a load raises."""
        raise NotImplementedError

    def curve(self) -> Curve:
        """Return what has been measured so far."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the sweep; the curve keeps what there is."""
        raise NotImplementedError
