"""What a running comparison tells, in the order in which it happens; the last is `Finished`.

`variant` and `prompt` are places in the plan's lists.
"""

from dataclasses import dataclass
from typing import TypeAlias

from engine.lab.records import Answer, Comparison, Failure, Judgement
from engine.messages import Loaded


@dataclass(frozen=True)
class Working:
    """What is being done: `done` of `total` steps of `stage`; 0 of 0 where it has none."""

    variant: int
    stage: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Running:
    """The variant is loaded; what really runs."""

    variant: int
    loaded: Loaded


@dataclass(frozen=True)
class Wrote:
    """More text of an answer, and its figures so far."""

    variant: int
    prompt: int
    text: str
    completion_tokens: int
    decode_tokens_per_s: float


@dataclass(frozen=True)
class Answered:
    """An answer is complete."""

    variant: int
    prompt: int
    answer: Answer


@dataclass(frozen=True)
class Judged:
    """The variant was forced along the reference's answer."""

    variant: int
    prompt: int
    judgement: Judgement


@dataclass(frozen=True)
class GaveUp:
    """The variant could not be run to its end; the next one is tried."""

    variant: int
    failure: Failure


@dataclass(frozen=True)
class Finished:
    """All figures; of a stopped comparison those that there are."""

    comparison: Comparison


Step: TypeAlias = Working | Running | Wrote | Answered | Judged | GaveUp | Finished
