"""What the lab is asked for, and what came of it: the shapes that window, terminal and JSON share.

Times in seconds or, a token, in milliseconds; memory and disk in bytes; log-probabilities in nats.
"""

from typing import Literal, TypeAlias

import msgspec

from engine.messages import (
    ChatMessage,
    FinishReason,
    ForcedToken,
    KernelChoice,
    Metrics,
    Precision,
    Proof,
    Quantisation,
    SamplingSettings,
)

FORMAT = 1  # of the JSON that is kept; another number is not compared
MAX_PROMPTS = 50
GREEDY = SamplingSettings(temperature=0, repetition_penalty=1, max_new_tokens=128)

Over: TypeAlias = Literal["prompts", "blocks", "runs", "none"]
Likeness: TypeAlias = Literal["same", "close", "worse", "broken", "unknown"]


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run the model. float32: computed so throughout, from the published weights."""

    precision: Precision
    kernel: KernelChoice = "auto"
    float32: bool = False

    @property
    def label(self) -> str:
        """Its name in tables and sentences: "int8", "int8 (ipex)", "fp32"."""
        if self.float32:
            return "fp32"
        return self.precision if self.kernel == "auto" else f"{self.precision} ({self.kernel})"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered: messages, or a text that is continued as it is where there are none."""

    messages: tuple[ChatMessage, ...] = ()
    text: str = ""

    @property
    def title(self) -> str:
        """Its last words to the model."""
        return self.messages[-1].content if self.messages else self.text


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to compare. The first of the variants is the reference.

    text: what perplexity is measured on besides, "" nothing; text_name: its file's name. A
    `Comparison` keeps the text's hash with the name, and not the text.
    """

    model: str
    variants: tuple[Variant, ...]
    prompts: tuple[Prompt, ...]
    sampling: SamplingSettings = GREEDY
    quality: bool = True
    text: str = ""
    text_name: str = ""
    quantisation: Quantisation = Quantisation()
    context_length: int | None = None
    threads: int | None = None
    regardless: bool = False


class Estimate(msgspec.Struct, frozen=True):
    """A figure and its 95 % interval; `over` is what was resampled.

    "prompts": how it would vary with other prompts of the kind. "blocks": with other passages of
    these answers, as there are too few prompts to tell more. "runs": with the same run again.
    "none": no interval, low and high are the value itself.
    """

    value: float
    low: float
    high: float
    over: Over = "none"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One reply of one variant. spoiled: why its speed is not to be counted, or ""."""

    text: str
    finish_reason: FinishReason
    tokens: tuple[int, ...]
    metrics: Metrics
    spoiled: str = ""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One variant teacher-forced on the reference's answer to one prompt.

    departs: the first token at which its greedy choice is another than the reference's, or None.
    """

    tokens: tuple[ForcedToken, ...]

    @property
    def departs(self) -> int | None:
        return next((i for i, token in enumerate(self.tokens) if not token.agrees), None)


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the valid answers. decode_ratio: to the reference's, the same prompts paired."""

    prefill_tokens_per_s: Estimate
    decode_tokens_per_s: Estimate
    ttft_s: Estimate
    token_ms_p50: Estimate
    token_ms_p95: Estimate
    decode_ratio: Estimate | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One variant's figures. What could not be measured is None.

    spoiled: why answers were left out of `speed`, each reason once. kl: the mean of KL(reference ||
    this) in nats a token; top1_agreement: the share of tokens at which both would choose the same;
    perplexity_ratio: this one's on the reference's answers, over the reference's own.
    text_perplexity: on the file. answers and judgements go with the plan's prompts; the
    reference has no kl, agreement or ratio.
    """

    variant: Variant
    label: str
    precision: Precision
    kernel: str
    isa: str
    why: str
    threads: int
    proof: Proof
    load_s: float
    packing_peak_bytes: int
    peak_rss_bytes: int
    memory_ratio: float | None
    weight_bytes: int
    disk_bytes: int
    speed: Speed | None
    spoiled: tuple[str, ...]
    kl: Estimate | None
    top1_agreement: Estimate | None
    perplexity_ratio: Estimate | None
    text_perplexity: float | None
    text_perplexity_ratio: float | None
    likeness: Likeness
    verdict: str
    answers: tuple[Answer, ...]
    judgements: tuple[Judgement, ...]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that could not be run, or not to the end, in words."""

    label: str
    kind: str
    sentence: str
    way_out: str


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured. governor: of the first core's clock, "" where it is not told."""

    cpu: str
    isa: str
    cores: int
    memory_bytes: int
    system: str
    governor: str = ""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All that was asked for and measured: what a report shows and `--against` reads.

    revision: of the model, repository and commit, or its folder. weights: SHA-256 of what tells one
    checkpoint from another, see `engine.lab.origin`. made: UTC, ISO 8601. stopped: the person ended
    it before its end. missing: what could not be measured, a sentence each.
    """

    plan: Plan
    reference: str
    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]
    verdict: str
    missing: tuple[str, ...]
    machine: Machine
    versions: dict[str, str]
    revision: str
    weights: str
    made: str
    stopped: bool = False
    format: int = FORMAT
