"""Figures and short phrases as a person reads them. Pure functions; no Qt."""

from desktop.history import Message
from desktop.translation import line, mark, number, tr, trn
from engine.fit import Fit
from engine.messages import FinishReason, Loaded, Precision, Progress
from engine.settings import ThemeChoice
from engine.store.local import Origin

UNKNOWN = "–"

FIRST_READ = mark("The context is full: the last answer was written without what stands above.")

PRECISION_HELP: dict[Precision, str] = {
    Precision.BF16: mark("16-bit weights: the reference quality, the most memory."),
    Precision.INT8: mark(
        "8-bit weights and activations (SmoothQuant): about half the memory of bf16, "
        "close to its quality."
    ),
    Precision.INT4: mark(
        "4-bit weights: about a quarter of the memory of bf16, usually the fastest, "
        "with some loss of quality."
    ),
}

THEMES: dict[ThemeChoice, str] = {
    "system": mark("Like the system"),
    "light": mark("Light"),
    "dark": mark("Dark"),
}

KERNEL_HELP: dict[str, str] = {
    "auto": mark("Automatic: the faster kernels for this CPU"),
    "ipex": mark("IPEX: Intel Extension for PyTorch"),
    "native": mark("Native: Tern's own kernels"),
    "torch": mark("torch: its own operators, slow"),
}

# The stages of the engine's work, by its own words.
_STAGES = frozenset(
    {
        mark("Reading the tokenizer"),
        mark("Starting IPEX"),
        mark("Reading weights"),
        mark("Checking packed weights"),
        mark("Waiting for another window that packs this model"),
        mark("Reading packed weights"),
        mark("Quantising to int8"),
        mark("Quantising to int4"),
        mark("Searching alpha"),
        mark("Calibrating"),
        mark("Reading the quantised graph"),
        mark("Saving the quantised graph"),
        mark("Warming up"),
        mark("Reading the prompt"),
        mark("Scoring"),
        mark("Starting the engine"),
    }
)

FITS: dict[Fit, str] = {
    Fit.FITS: mark("fits"),
    Fit.TIGHT: mark("tight"),
    Fit.TOO_LARGE: mark("will not fit"),
}

ORIGINS: dict[Origin, str] = {
    Origin.SHIPPED: mark("ships with Tern"),
    Origin.FOLDER: mark("imported in place"),
    Origin.COPY: mark("imported copy"),
    Origin.STORE: mark("downloaded"),
    Origin.SHARED: mark("Hugging Face cache"),
}

_ENDINGS: dict[FinishReason, str] = {
    "end": "",
    "stop-string": "",
    "length": mark("length limit reached"),
    "context": mark("context full"),
    "stopped": mark("stopped"),
}


def size(count: int) -> str:
    """Return `count` bytes with a decimal unit: "690 B", "24 kB", "812 MB", "1.23 GB"."""
    if count >= 1_000_000_000:
        return number(f"{count / 1e9:.2f} GB")
    if count >= 10_000_000:
        return number(f"{count / 1e6:.0f} MB")
    if count >= 100_000:
        return number(f"{count / 1e6:.1f} MB")
    return number(f"{count / 1e3:.0f} kB" if count >= 1000 else f"{count} B")


def file_size(count: int) -> str:
    """Return the size of a small file: "812 bytes", "12 kB", "1.4 MB"."""
    if count >= 1_000_000:
        return size(count)
    if count >= 1000:
        return number(f"{count / 1000:.0f} kB")
    return trn("{count} byte", "{count} bytes", count)


def speed(tokens_per_s: float) -> str:
    """Return tokens per second to three digits, or a dash where nothing was measured."""
    if tokens_per_s <= 0:
        return UNKNOWN
    return number(f"{tokens_per_s:,.1f}" if tokens_per_s < 100 else f"{tokens_per_s:,.0f}")


def seconds(value: float) -> str:
    """Return a duration: "85 ms", "1.24 s"."""
    return number(f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s")


def percent(share: float) -> str:
    """Return a share of 1 as "12%"."""
    return tr("{number}%", number=f"{share * 100:.0f}")


def tokens(count: int) -> str:
    """Return "1 token", "2,048 tokens"."""
    return trn("{count} token", "{count} tokens", count)


def of(part: int, whole: int) -> str:
    """Return "12 / 2,048", or a dash where the whole is not known."""
    return number(f"{part:,} / {whole:,}") if whole else UNKNOWN


def caption(message: Message) -> str:
    """Return the line under an answer: precision, speed, length, and how it ended."""
    metrics = message.metrics
    parts = [str(message.precision) if message.precision else ""]
    if metrics:
        if metrics.decode_tokens_per_s > 0:
            parts.append(tr("{speed} tokens/s", speed=speed(metrics.decode_tokens_per_s)))
        parts.append(tokens(metrics.completion_tokens))
    if message.finish_reason:
        parts.append(tr(_ENDINGS[message.finish_reason]))
    elif message.state == "partial":
        parts.append(tr("cut short"))
    elif message.state == "failed":
        parts.append(tr("no answer"))
    return line(parts)


def progress(step: Progress) -> str:
    """Return a stage and how far it is: "Quantising, 12 of 40"."""
    stage = tr(step.stage) if step.stage in _STAGES else step.stage
    if step.total <= 0:
        return f"{stage}…"
    done, total = number(f"{step.done:,}"), number(f"{step.total:,}")
    return tr("{stage}, {done} of {total}", stage=stage, done=done, total=total)


def proof(loaded: Loaded) -> str:
    """Return what really runs, line by line, as counted by the engine after loading."""
    facts = loaded.proof
    lines = [
        f"{loaded.title}, {loaded.precision}: {facts.method}",
        trn(
            "{count} layer quantised, {rest} in float",
            "{count} layers quantised, {rest} in float",
            facts.quantised_layers,
            rest=number(f"{facts.float_layers:,}"),
        ),
        tr(
            "Weights {weights}, activations {activations}",
            weights=facts.weight_dtype,
            activations=facts.activation_dtype,
        ),
    ]
    lines += [
        tr("In float: {count} × {kind}, {why}", count=n, kind=kind, why=why)
        for kind, n, why in facts.left_in_float
    ]
    lines += [
        tr("{name} kernels: {why}", name=loaded.kernel, why=loaded.why),
        f"{loaded.isa}, {trn('{count} thread', '{count} threads', loaded.threads)}",
        tr(
            "{size} of weights, loaded in {time}",
            size=size(loaded.weight_bytes),
            time=seconds(loaded.load_s),
        ),
    ]
    return "\n".join(lines)
