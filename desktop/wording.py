"""Figures and short phrases as a person reads them. Pure functions; no Qt."""

from desktop.history import Message
from engine.messages import FinishReason, Loaded, Precision, Progress
from engine.settings import ThemeChoice

UNKNOWN = "–"

FIRST_READ = "The context is full: the last answer was written without what stands above."

PRECISION_HELP: dict[Precision, str] = {
    Precision.BF16: "16-bit weights: the reference quality, the most memory.",
    Precision.INT8: "8-bit weights and activations (SmoothQuant): about half the memory of bf16, "
    "close to its quality.",
    Precision.INT4: "4-bit weights: about a quarter of the memory of bf16, usually the fastest, "
    "with some loss of quality.",
}

THEMES: dict[ThemeChoice, str] = {
    "system": "Like the system",
    "light": "Light",
    "dark": "Dark",
}

KERNEL_HELP: dict[str, str] = {
    "auto": "Automatic: the faster kernels for this CPU",
    "ipex": "IPEX: Intel Extension for PyTorch",
    "native": "Native: Tern's own kernels",
    "torch": "torch: its own operators, slow",
}

_ENDINGS: dict[FinishReason, str] = {
    "end": "",
    "stop-string": "",
    "length": "length limit reached",
    "context": "context full",
    "stopped": "stopped",
}


def size(count: int) -> str:
    """Return `count` bytes with a decimal unit: "690 B", "24 kB", "812 MB", "1.23 GB"."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.2f} GB"
    if count >= 10_000_000:
        return f"{count / 1e6:.0f} MB"
    if count >= 100_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.0f} kB" if count >= 1000 else f"{count} B"


def file_size(count: int) -> str:
    """Return the size of a small file: "812 bytes", "12 kB", "1.4 MB"."""
    if count >= 1_000_000:
        return size(count)
    return f"{count / 1000:.0f} kB" if count >= 1000 else f"{count} bytes"


def speed(tokens_per_s: float) -> str:
    """Return tokens per second to three digits, or a dash where nothing was measured."""
    if tokens_per_s <= 0:
        return UNKNOWN
    return f"{tokens_per_s:,.1f}" if tokens_per_s < 100 else f"{tokens_per_s:,.0f}"


def seconds(value: float) -> str:
    """Return a duration: "85 ms", "1.24 s"."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def count(number: int, noun: str) -> str:
    """Return "1 token", "2 tokens"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def tokens(number: int) -> str:
    """Return "1 token", "2,048 tokens"."""
    return count(number, "token")


def of(part: int, whole: int) -> str:
    """Return "12 / 2,048", or a dash where the whole is not known."""
    return f"{part:,} / {whole:,}" if whole else UNKNOWN


def caption(message: Message) -> str:
    """Return the line under an answer: precision, speed, length, and how it ended."""
    metrics = message.metrics
    parts = [str(message.precision) if message.precision else ""]
    if metrics:
        if metrics.decode_tokens_per_s > 0:
            parts.append(f"{speed(metrics.decode_tokens_per_s)} tokens/s")
        parts.append(count(metrics.completion_tokens, "token"))
    if message.finish_reason:
        parts.append(_ENDINGS[message.finish_reason])
    elif message.state == "partial":
        parts.append("cut short")
    elif message.state == "failed":
        parts.append("no answer")
    return " · ".join(filter(None, parts))


def progress(step: Progress) -> str:
    """Return a stage and how far it is: "Quantising, 12 of 40"."""
    return f"{step.stage}, {step.done:,} of {step.total:,}" if step.total > 0 else f"{step.stage}…"


def proof(loaded: Loaded) -> str:
    """Return what really runs, line by line, as counted by the engine after loading."""
    facts = loaded.proof
    lines = [
        f"{loaded.title} in {loaded.precision}: {facts.method}",
        f"{count(facts.quantised_layers, 'layer')} quantised, {facts.float_layers:,} in float",
        f"Weights {facts.weight_dtype}, activations {facts.activation_dtype}",
    ]
    lines += [f"In float: {n} × {kind}, {why}" for kind, n, why in facts.left_in_float]
    lines += [
        f"{loaded.kernel} kernels: {loaded.why}",
        f"{loaded.isa}, {count(loaded.threads, 'thread')}",
        f"{size(loaded.weight_bytes)} of weights, loaded in {seconds(loaded.load_s)}",
    ]
    return "\n".join(lines)
