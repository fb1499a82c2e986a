"""What a comparison has brought so far, and the figures that it makes."""

import datetime
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from engine.hardware import read_cpu
from engine.lab import origin
from engine.lab.records import (
    Answer,
    Comparison,
    Estimate,
    Failure,
    Judgement,
    Plan,
    Row,
    Speed,
    Variant,
)
from engine.lab.statistics import exponential, median, token_mean, token_share
from engine.lab.verdict import Figures, likeness, sentence
from engine.messages import Loaded
from engine.models import resolve
from engine.store.hub_cache import identity

_LEAST_TOKENS = 2  # decode speed is that of the tokens after the first


@dataclass
class Record:
    """One variant as it runs. answers and judgements are those of the plan's first prompts."""

    variant: Variant
    loaded: Loaded | None = None
    answers: list[Answer] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    text_perplexity: float | None = None


@dataclass
class Tally:
    """All variants of a plan, the reference first."""

    plan: Plan
    records: list[Record] = field(init=False)
    failures: list[Failure] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    def __post_init__(self) -> None:
        self.records = [Record(variant) for variant in self.plan.variants]

    def comparison(self) -> Comparison:
        """Return the figures of what there is."""
        rows = tuple(
            _row(record, self.records[0], record.loaded)
            for record in self.records
            if record.loaded is not None
        )
        model = resolve(self.plan.model)
        return Comparison(
            plan=_without_text(self.plan),
            reference=self.records[0].variant.label,
            rows=rows,
            failures=tuple(self.failures),
            verdict=" ".join(row.verdict for row in rows if row.verdict),
            missing=tuple(self._missing(rows)),
            machine=origin.machine(read_cpu()),
            versions=self.versions,
            revision=identity(model.folder),
            weights=origin.weights_hash(model.folder),
            made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            stopped=self.stopped,
        )

    def failed(self, variant: Variant, kind: str, sentence: str, way_out: str) -> Failure:
        """Take note that a variant could not be run to its end."""
        failure = Failure(label=variant.label, kind=kind, sentence=sentence, way_out=way_out)
        self.failures.append(failure)
        return failure

    def _missing(self, rows: tuple[Row, ...]) -> list[str]:
        """Return what a reader must know is not there, a sentence each."""
        said = [f"{failure.label}: {failure.sentence}" for failure in self.failures]
        for row in rows:
            spoiled = sum(bool(answer.spoiled) for answer in row.answers)
            if spoiled:
                reasons = "; ".join(row.spoiled)
                count = f"{spoiled} of {len(row.answers)} answers"
                said.append(f"{row.label}: {count} do not count for speed: {reasons}.")
        if self.stopped:
            said.append("The comparison was stopped before its end.")
        over = {row.top1_agreement.over for row in rows if row.top1_agreement}
        if "blocks" in over:
            said.append(
                "With fewer than 5 prompts, intervals of quality are over passages of these "
                "answers, and say nothing of other prompts."
            )
        if "none" in over:
            said.append("The answers are too short for intervals of quality.")
        return said


def _row(record: Record, reference: Record, loaded: Loaded) -> Row:
    is_reference = record is reference
    valid = [answer for answer in record.answers if not answer.spoiled]
    reasons = _distinct(answer.spoiled for answer in record.answers)
    peak = max((answer.metrics.peak_rss_bytes for answer in record.answers), default=0)
    base = max((answer.metrics.peak_rss_bytes for answer in reference.answers), default=0)
    quality = None if is_reference else _quality(record.judgements)
    kl, agreement, perplexity = quality or (None, None, None)
    speed = _speed(valid, None if is_reference else _decode_ratio(record, reference))
    figures = Figures(
        label=record.variant.label,
        reference=reference.variant.label,
        prompts=len(record.judgements) or len(record.answers),
        tokens=sum(len(judgement.tokens) for judgement in record.judgements),
        speed=speed.decode_ratio if speed else None,
        memory=peak / base if peak and base else None,
        agreement=agreement,
        perplexity=perplexity,
        unmeasured="; ".join(reasons or _distinct(a.spoiled for a in reference.answers)),
    )
    comparable = not is_reference and bool(record.answers) and bool(reference.answers)
    text, base_text = record.text_perplexity, reference.text_perplexity
    return Row(
        variant=record.variant,
        label=record.variant.label,
        precision=loaded.precision,
        kernel=loaded.kernel,
        isa=loaded.isa,
        why=loaded.why,
        threads=loaded.threads,
        proof=loaded.proof,
        load_s=loaded.load_s,
        packing_peak_bytes=loaded.packing_peak_bytes,
        peak_rss_bytes=peak,
        memory_ratio=None if is_reference else figures.memory,
        weight_bytes=loaded.weight_bytes,
        disk_bytes=loaded.disk_bytes,
        speed=speed,
        spoiled=reasons,
        kl=kl,
        top1_agreement=agreement,
        perplexity_ratio=perplexity,
        text_perplexity=text,
        text_perplexity_ratio=text / base_text if text and base_text and not is_reference else None,
        likeness=likeness(figures) if comparable else "unknown",
        verdict=sentence(figures) if comparable else "",
        answers=tuple(record.answers),
        judgements=tuple(record.judgements),
    )


def _without_text(plan: Plan) -> Plan:
    """Return `plan` with the hash of its text in place of what may be a whole book."""
    if not plan.text:
        return plan
    digest = hashlib.sha256(plan.text.encode("utf-8", "surrogatepass")).hexdigest()
    name = f"{plan.text_name} (SHA-256 {digest})"
    return msgspec.structs.replace(plan, text="", text_name=name)


def _distinct(reasons: Iterable[str]) -> tuple[str, ...]:
    """Return each kind of reason once, with the figures of one of them."""
    single = (part for reason in reasons for part in reason.split("; ") if part)
    return tuple({re.sub(r"\d+", "", reason): reason for reason in sorted(single)}.values())


def _quality(judgements: list[Judgement]) -> tuple[Estimate, Estimate, Estimate] | None:
    """Return KL, agreement and perplexity ratio, over all tokens of the reference's answers."""
    answers = [judgement.tokens for judgement in judgements]
    if not any(answers):
        return None
    loss = [[token.nats - token.reference_nats for token in answer] for answer in answers]
    return (
        token_mean([[token.kl for token in answer] for answer in answers]),
        token_share([[token.agrees for token in answer] for answer in answers]),
        exponential(token_mean(loss)),
    )


def _speed(answers: list[Answer], ratio: Estimate | None) -> Speed | None:
    if not answers:
        return None

    def middle(name: str) -> Estimate:
        return median([getattr(answer.metrics, name) for answer in answers])

    return Speed(
        prefill_tokens_per_s=middle("prefill_tokens_per_s"),
        decode_tokens_per_s=middle("decode_tokens_per_s"),
        ttft_s=middle("ttft_s"),
        token_ms_p50=middle("token_ms_p50"),
        token_ms_p95=middle("token_ms_p95"),
        decode_ratio=ratio,
    )


def _decode_ratio(record: Record, reference: Record) -> Estimate | None:
    """Return how many times as fast it writes, over the prompts that are valid with both."""
    pairs = [
        (mine.metrics.decode_tokens_per_s, other.metrics.decode_tokens_per_s)
        for mine, other in zip(record.answers, reference.answers, strict=False)
        if not (mine.spoiled or other.spoiled)
    ]
    return median([mine / other for mine, other in pairs]) if pairs else None


def too_short(tokens: int) -> str:
    """Return why an answer of so many tokens has no decode speed, or ""."""
    return "the answer is too short to time" if tokens < _LEAST_TOKENS else ""
