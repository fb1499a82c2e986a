"""The figures of an answer: their names, how each is computed, and their values in words. No Qt."""

from collections.abc import Iterator
from dataclasses import dataclass

from desktop import wording
from desktop.translation import mark, number, tr
from engine.messages import FinishReason, Loaded, Metrics


@dataclass(frozen=True)
class Figure:
    """What a figure is called and how it is computed, both marked for translation."""

    name: str
    how: str


DECODE = Figure(
    mark("Decode tokens/s"),
    mark(
        "Speed of writing: tokens after the first, divided by the time from the first to the "
        "last. Reading the prompt is not part of it."
    ),
)
PREFILL = Figure(
    mark("Prefill tokens/s"),
    mark(
        "Speed of reading: prompt tokens that were computed, divided by the time that took. "
        "Tokens kept from the turn before are not counted."
    ),
)
TTFT = Figure(
    mark("First token"),
    mark("TTFT: from the engine's receipt of the question to the first token of the answer."),
)
MEMORY = Figure(
    mark("Memory now"),
    mark(
        "Resident memory of the engine process (RSS), twice a second. The window's own is not "
        "part of it."
    ),
)
PEAK = Figure(
    mark("Memory peak"), mark("The most resident memory that this engine process has had.")
)
CONTEXT = Figure(
    mark("Context"),
    mark("Tokens of the conversation held by the model, of those it can hold at most."),
)
KERNEL = Figure(mark("Kernel"), mark("What really runs, as counted after loading."))
SPEED_NOW = Figure(
    mark("Tokens/s"),
    mark(
        "Tokens between two reports of the engine, divided by the time between them on the "
        "engine's own clock; reports at least a quarter of a second apart."
    ),
)
P50 = Figure(
    mark("Per token, p50"),
    mark("Half of the tokens after the first came within this time after the one before."),
)
P95 = Figure(
    mark("Per token, p95"),
    mark(
        "95 of 100 tokens after the first came within this time after the one before. Every token "
        "is timed by the engine."
    ),
)
PREFILL_TIME = Figure(
    mark("Prefill time"), mark("Time that computing the prompt took, without waiting for it.")
)
PROMPT = Figure(
    mark("Prompt"), mark("Tokens of the whole conversation sent, with the marks of its template.")
)
CACHED = Figure(
    mark("From the cache"),
    mark(
        "Tokens of the prompt that the KV cache still held from the turn before, so that they "
        "were not computed again."
    ),
)
ANSWER = Figure(mark("Answer"), mark("Tokens drawn, the mark at the end included."))
ENDED = Figure(
    mark("Ended by"), mark("The reason why no further token was drawn, as the engine gave it.")
)
THREADS = Figure(mark("Threads"), mark("Threads that compute, one a core unless chosen otherwise."))
ISA = Figure(
    mark("Instruction set"), mark("The widest instructions of this CPU that the kernel uses.")
)
METHOD = Figure(
    mark("Precision"), mark("The method of rounding, as the loaded modules themselves tell.")
)
QUANTISED = Figure(
    mark("Quantised layers"),
    mark("Layers with rounded weights, counted one by one after loading, of all with weights."),
)
TYPES = Figure(
    mark("Number formats"), mark("Of weights and of activations, read from the loaded modules.")
)
WEIGHTS = Figure(mark("Weights"), mark("Bytes of all weights as they lie in memory."))

_REASONS: dict[FinishReason, str] = {
    "end": mark("end of the answer"),
    "stop-string": mark("a stop string"),
    "length": mark("the length limit"),
    "context": mark("a full context"),
    "stopped": mark("Stop"),
}


@dataclass(frozen=True)
class Row:
    """A figure and its value in words."""

    figure: Figure
    value: str


def of_answer(metrics: Metrics, reason: FinishReason | None) -> Iterator[Row]:
    """Yield the figures of a finished answer."""
    timed = metrics.completion_tokens > 1
    yield Row(DECODE, wording.speed(metrics.decode_tokens_per_s))
    yield Row(P50, _milliseconds(metrics.token_ms_p50) if timed else wording.UNKNOWN)
    yield Row(P95, _milliseconds(metrics.token_ms_p95) if timed else wording.UNKNOWN)
    yield Row(PREFILL, wording.speed(metrics.prefill_tokens_per_s))
    yield Row(PREFILL_TIME, wording.seconds(metrics.prefill_s))
    yield Row(TTFT, wording.seconds(metrics.ttft_s) if metrics.ttft_s else wording.UNKNOWN)
    yield Row(PROMPT, wording.tokens(metrics.prompt_tokens))
    yield Row(CACHED, _share(metrics.cached_tokens, metrics.prompt_tokens))
    yield Row(ANSWER, wording.tokens(metrics.completion_tokens))
    yield Row(CONTEXT, wording.of(metrics.context_used, metrics.context_length))
    yield Row(ENDED, tr(_REASONS[reason]) if reason else wording.UNKNOWN)
    yield Row(PEAK, wording.size(metrics.peak_rss_bytes))


def of_model(loaded: Loaded) -> Iterator[Row]:
    """Yield what really runs: the proof of precision."""
    proof = loaded.proof
    layers = proof.quantised_layers + proof.float_layers
    yield Row(METHOD, f"{loaded.precision}: {proof.method}")
    yield Row(QUANTISED, wording.of(proof.quantised_layers, layers))
    yield Row(TYPES, f"{proof.weight_dtype} × {proof.activation_dtype}")
    yield Row(WEIGHTS, wording.size(loaded.weight_bytes))
    yield Row(KERNEL, f"{loaded.kernel}: {loaded.why}")
    yield Row(ISA, loaded.isa)
    yield Row(THREADS, f"{loaded.threads}")


def _milliseconds(value: float) -> str:
    return number(f"{value:.1f} ms")


def _share(part: int, whole: int) -> str:
    share = f" ({wording.percent(part / whole)})" if whole else ""
    return wording.tokens(part) + share
