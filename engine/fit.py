"""How much memory a model will take at its peak, before any of it is read. Light half: no torch.

Counted from the shape alone: what each kernel keeps resident of the weights, of the cache and of
its buffers. The constants are measured by `python -m tests.benchmarks.memory`; what this computer
showed before corrects the outcome (`engine/observed.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.errors import NotEnoughMemory
from engine.messages import Kernel, Precision
from engine.model_config import ModelConfig

# -- measured: bytes that a process takes before it holds anything of a model
_ENGINE = 54_000_000
_TORCH = 490_000_000
_IPEX = 310_000_000  # with transformers, over torch
# -- measured: the tokenizer's memory, from the size of its file; and that from its vocabulary
_TOKENIZER = 10
_TOKENIZER_FILE = 45
_LOGITS = 16  # bytes a token of the vocabulary: the logits, and what sampling copies
# -- from the code: what is kept, and how
_PREFILL = 256  # tokens of a prompt computed together (engine/generate.py)
_ROWS = 1024  # outputs rounded together (engine/quantize/gptq.py)
_IPEX_POSITIONS = 8192  # engine/kernels/ipex/loading.py
_PANEL = 16  # rows of packed weights lie together
_GROUP = 32  # int4 weights share a scale
# -- guessed
_FAULT = 65_536  # bytes that one touch of a mapped file makes resident (Linux's fault-around)
_NEW_TOKENS = 8  # of so many tokens of a text one has not occurred before
_MARGIN = 0.85  # of the free memory; above it other programs get little

_INPUTS = ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj")


class Fit(StrEnum):
    """Whether a model can be loaded: well, with hardly any memory left, or not at all."""

    FITS = "fits"
    TIGHT = "tight"
    TOO_LARGE = "will not fit"


@dataclass(frozen=True)
class Question:
    """What is to be loaded, as far as memory goes.

    context: tokens. is_packed: the weights are quantised already. tokenizer_bytes: the size of
    tokenizer.json, None where only the vocabulary is known.
    """

    config: ModelConfig
    precision: Precision
    kernel: Kernel
    context: int
    is_packed: bool = False
    tokenizer_bytes: int | None = None


@dataclass(frozen=True)
class Need:
    """Peak resident memory in bytes.

    running: with the context full. packing: while weights are quantised, all processes together; 0
    where none are to be.
    """

    running: int
    packing: int = 0

    @property
    def peak(self) -> int:
        """The most that is needed at any time."""
        return max(self.running, self.packing)


def judge(needed: int, free: int) -> Fit:
    """Return how `needed` bytes go with `free` ones."""
    if needed > free:
        return Fit.TOO_LARGE
    return Fit.FITS if needed <= free * _MARGIN else Fit.TIGHT


def predict(question: Question) -> Need:
    """Return what the load and the answers will need."""
    config, size = question.config, question.tokenizer_bytes
    tokenizer = _TOKENIZER * (_TOKENIZER_FILE * config.vocab_size if size is None else size)
    base = _ENGINE + tokenizer
    if question.kernel is Kernel.IPEX:
        return _on_ipex(question, base + _TORCH + _IPEX)
    running = base + _weights(question) + _while_answering(question)
    if question.kernel is Kernel.TORCH:
        running += _TORCH
    if question.precision is Precision.BF16 or question.is_packed:
        return Need(running)
    # Quantising is a second process's work, and the first waits with its own tokenizer.
    return Need(running, 2 * base + _TORCH + _packing(config, question.precision))


def packed_bytes(config: ModelConfig, precision: Precision, kernel: Kernel) -> int:
    """Return how large the packed weights will be on disk, the norms apart."""
    return _weights(Question(config, precision, kernel, context=0))


def _weights(question: Question) -> int:
    """Return the bytes of the linears and the head, which every token reads."""
    config, precision = question.config, question.precision
    shapes = config.linear_shapes().values()
    linears = sum(_linear(rows, columns, precision) for rows, columns in shapes)
    head = precision
    if precision is not Precision.BF16:
        is_rough = question.kernel is Kernel.NATIVE and config.hidden_size % _GROUP == 0
        head = Precision.INT4 if is_rough else Precision.INT8
    # The halves of an int4 head take as much together; only rows of the second stay unread.
    return config.layers * linears + _linear(config.vocab_size, config.hidden_size, head)


def _linear(rows: int, columns: int, precision: Precision) -> int:
    padded = -(-rows // _PANEL) * _PANEL
    if precision is Precision.INT8:
        return padded * (columns + 4)  # a float32 scale a row
    if precision is Precision.INT4 and columns % _GROUP == 0:
        return padded * columns * 17 // 32  # a scale of one byte a group
    return rows * columns * 2


def _while_answering(question: Question) -> int:
    """Return the bytes of the cache, of a chunk's activations, of logits and embedding rows."""
    config, context = question.config, question.context
    shapes = config.linear_shapes()
    queries, keys = shapes["self_attn.q_proj"][0], shapes["self_attn.k_proj"][0]
    floats = 3 * config.hidden_size + 2 * (queries + keys + config.intermediate_size)
    cache = 2 * config.kv_elements_per_token * context
    return (
        cache + 4 * floats * min(context, _PREFILL) + _LOGITS * config.vocab_size + _rows(question)
    )


def _rows(question: Question) -> int:
    """Return what look-ups make resident of the embedding, where it is no head as well.

    The core reads rows from the file, so that they do not stay.
    """
    config = question.config
    is_head = config.tied_head and question.precision is Precision.BF16
    if question.kernel is Kernel.NATIVE or is_head:
        return 0
    table = 2 * config.vocab_size * config.hidden_size
    return min(table, _FAULT * (question.context // _NEW_TOKENS))


def _packing(config: ModelConfig, precision: Precision) -> int:
    """Return what quantising holds at its peak: one layer, or the head.

    Of a layer the published weights, their float32 and one linear's copy, in int4 also the Hessians
    of its inputs and the rows that are being rounded; of the head the published ones and the
    rounded ones, which are there twice when their parts are joined and when they are packed; the
    rest is what the allocator does not give back.
    """
    shapes = config.linear_shapes()
    layer = 6 * config.layer_parameters + 4 * max(rows * cols for rows, cols in shapes.values())
    if precision is Precision.INT4:
        inputs = [shapes[name][1] for name in _INPUTS]
        layer += 4 * sum(n * n for n in inputs) + 12 * _ROWS * max(inputs)
    return max(layer, 5 * config.vocab_size * config.hidden_size)


def _on_ipex(question: Question, base: int) -> Need:
    """Return what IPEX takes; measured on one model of 135 million parameters, so rough.

    Cache and rope tables are for 8,192 tokens at least. The graph's weights are there three times
    while it is read. SmoothQuant calibrates in float32.
    """
    config, precision = question.config, question.precision
    positions = max(question.context, min(_IPEX_POSITIONS, config.max_context))
    own = base + _while_answering(replace(question, context=positions))
    own += config.layers * positions * config.head_dim * 8
    table = 0 if config.tied_head and precision is Precision.BF16 else 2
    weights = _weights(question) + table * config.vocab_size * config.hidden_size
    running = own + 3 * weights
    if precision is Precision.BF16 or question.is_packed:
        return Need(running)
    return Need(running, own + (10 if precision is Precision.INT8 else 8) * config.parameters)


def check_memory(
    name: str, question: Question, free: int, need: Callable[[Question], Need] = predict
) -> None:
    """Raise NotEnoughMemory where model `name` will not fit into `free` bytes, with what would.

    need: a prediction that is corrected, as `engine.observed.Observed.correct` does it.
    """
    needed = need(question).peak
    if judge(needed, free) is not Fit.TOO_LARGE:
        return
    others = (replace(question, precision=p, is_packed=False) for p in Precision)
    fitting = [other.precision for other in others if need(other).peak <= free]
    raise NotEnoughMemory(
        model=name,
        precision=question.precision,
        needed=f"{needed / 1e9:.1f} GB",
        free=f"{free / 1e9:.1f} GB",
        advice=f"Choose {fitting[0]}, which fits." if fitting else "Choose a smaller model.",
        fitting=fitting[0] if fitting else None,
    )
