"""Speed and memory of one precision, measured as a careful person would.

A process of its own for each precision, prompts of one length, a warm-up, then repeats: greedy,
all of the same number of tokens, none served from the KV cache. What else the machine did
meanwhile is watched, and a row that it may have spoiled says so. It does not know the CPU's
temperature or clock: compare rows of one run rather than of two days.
"""

import itertools
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from engine.errors import BadSetting
from engine.lab.conditions import NoiseWatch
from engine.messages import (
    Chunk,
    Done,
    Generate,
    KernelChoice,
    Load,
    Loaded,
    Metrics,
    Precision,
    Proof,
    Quantisation,
    SamplingSettings,
)

_CALIBRATIONS = 4
_COMMON_PREFIX = 1  # a begin-of-text token that every prompt shares may be in the cache
# No two next to each other begin alike, so the KV cache of one prompt is of no use to the next.
# Short and common, so that each is one token in nearly every vocabulary.
_OPENERS = ("The", "A", "In", "On", "He", "We", "You", "They")
_TEXT = (
    "the river and a small house near some old trees where people walk in the morning light "
    "with their dog to see how water runs over stone while birds fly above green fields"
)


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    model: str
    kernel: KernelChoice
    prompt_tokens: int
    new_tokens: int
    repeats: int
    quantisation: Quantisation = field(default_factory=Quantisation)
    regardless: bool = False
    threads: int | None = None


@dataclass(frozen=True)
class Spread:
    """The middle and the ends of some measurements."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Return the spread of `values`, at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Row:
    """One precision's figures: tokens a second, seconds, milliseconds a token, bytes.

    `bytes_per_token` is computed, not measured: all weights once, and the keys and values of the
    mean context. `bandwidth_fraction` is that times the decode speed, over the read bandwidth of
    memory; it can pass 1 where a small model stays in the CPU's cache. `noise` says what may have
    spoiled a `noisy` row.
    """

    precision: Precision
    kernel: str
    isa: str
    why: str
    threads: int
    proof: Proof
    weight_bytes: int
    kv_bytes_per_token: int
    prompt_tokens: Spread
    completion_tokens: Spread
    cached_tokens: Spread
    prefill_tokens_per_s: Spread
    decode_tokens_per_s: Spread
    ttft_s: Spread
    token_ms_p50: Spread
    token_ms_p95: Spread
    peak_rss_bytes: Spread
    load_s: Spread
    bytes_per_token: float
    bandwidth_fraction: float | None
    noisy: bool
    noise: str


class Engine(Protocol):
    """What is needed of an engine process; `engine.cli.session.Session` has it."""

    @property
    def pid(self) -> int | None:
        """Its process id."""

    def load(self, request: Load) -> Loaded:
        """Load a model."""

    def generate(self, request: Generate, show: Callable[[Chunk], None]) -> Done:
        """Answer."""


def measure(
    engine: Engine,
    precision: Precision,
    plan: Plan,
    read_bandwidth: float | None,
    tell: Callable[[str], None] = lambda _: None,
) -> Row:
    """Return the row of `precision`, measured in the fresh process `engine`.

    read_bandwidth: of memory, in bytes a second; None where it could not be measured. `tell` gets
    what is being done. Raises BadSetting where the context cannot hold the plan, KeyboardInterrupt
    where a reply was stopped.
    """
    tell(f"{precision}: loading")
    loaded = engine.load(
        Load(
            request_id=0,
            model=plan.model,
            precision=precision,
            kernel=plan.kernel,
            quantisation=plan.quantisation,
            threads=plan.threads,
            regardless=plan.regardless,
        )
    )
    if plan.prompt_tokens + plan.new_tokens > loaded.context_length:
        raise BadSetting(
            name="--prompt-tokens plus --new-tokens",
            value=plan.prompt_tokens + plan.new_tokens,
            allowed=f"{loaded.context_length} at most, the context of this model",
        )
    tell(f"{precision}: warming up")
    prompts = _prompts(engine, plan.prompt_tokens)
    _reply(engine, next(prompts), plan.new_tokens)
    watch = NoiseWatch(engine.pid)
    replies = []
    for repeat in range(plan.repeats):
        tell(f"{precision}: {repeat + 1} of {plan.repeats}")
        replies.append(_reply(engine, next(prompts), plan.new_tokens))
    return _row(loaded, replies, plan, read_bandwidth, watch.verdict())


def _reply(engine: Engine, prompt: str, new_tokens: int) -> Metrics:
    done = engine.generate(
        Generate(
            request_id=0,
            prompt=prompt,
            sampling=SamplingSettings(
                temperature=0, repetition_penalty=1, max_new_tokens=new_tokens
            ),
            ignore_end=True,
        ),
        lambda _: None,
    )
    if done.finish_reason == "stopped":
        raise KeyboardInterrupt
    return done.metrics


def _prompts(engine: Engine, tokens: int) -> Iterator[str]:
    """Yield prompts of `tokens` tokens, as nearly as whole words allow, each unlike the last.

    Only the tokenizer knows how many tokens a text has, so the engine reads a few prompts and the
    number of words is corrected by what it reports.
    """
    words = tokens
    tried: dict[int, int] = {}  # words -> how far from `tokens`
    for attempt in range(_CALIBRATIONS):
        counted = _reply(engine, _prompt(attempt, words), 1).prompt_tokens
        tried[words] = abs(counted - tokens)
        if counted == tokens:
            break
        words = max(0, words + round((tokens - counted) * (words + 1) / counted))
        if words in tried:
            break
    best = min(tried, key=lambda count: tried[count])
    for turn in itertools.count(len(tried)):
        yield _prompt(turn, best)


def _prompt(turn: int, words: int) -> str:
    source = random.Random(0)  # the same words each time, so that the same count of tokens
    return " ".join((_OPENERS[turn % len(_OPENERS)], *source.choices(_TEXT.split(), k=words)))


def _row(
    loaded: Loaded, replies: list[Metrics], plan: Plan, read_bandwidth: float | None, noise: str
) -> Row:
    def spread(name: str) -> Spread:
        return Spread.of([getattr(reply, name) for reply in replies])

    speed = spread("decode_tokens_per_s")
    mean_context = spread("prompt_tokens").median + plan.new_tokens / 2
    bytes_per_token = loaded.weight_bytes + loaded.kv_bytes_per_token * mean_context
    noise = "; ".join(filter(None, (noise, _irregularity(replies, plan))))
    return Row(
        precision=loaded.precision,
        kernel=loaded.kernel,
        isa=loaded.isa,
        why=loaded.why,
        threads=loaded.threads,
        proof=loaded.proof,
        weight_bytes=loaded.weight_bytes,
        kv_bytes_per_token=loaded.kv_bytes_per_token,
        prompt_tokens=spread("prompt_tokens"),
        completion_tokens=spread("completion_tokens"),
        cached_tokens=spread("cached_tokens"),
        prefill_tokens_per_s=spread("prefill_tokens_per_s"),
        decode_tokens_per_s=speed,
        ttft_s=spread("ttft_s"),
        token_ms_p50=spread("token_ms_p50"),
        token_ms_p95=spread("token_ms_p95"),
        peak_rss_bytes=spread("peak_rss_bytes"),
        load_s=Spread.of([loaded.load_s]),
        bytes_per_token=bytes_per_token,
        bandwidth_fraction=bytes_per_token * speed.median / read_bandwidth
        if read_bandwidth
        else None,
        noisy=bool(noise),
        noise=noise,
    )


def _irregularity(replies: list[Metrics], plan: Plan) -> str:
    """Return what makes the replies unlike what was planned, or ""."""
    cached = max(reply.cached_tokens for reply in replies)
    if cached > _COMMON_PREFIX:
        return f"the KV cache served {cached} tokens of a prompt"
    if any(reply.completion_tokens != plan.new_tokens for reply in replies):
        return f"not every reply has {plan.new_tokens} tokens"
    return ""
