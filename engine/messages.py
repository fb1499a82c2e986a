"""What a front-end and the engine process say to each other: one JSON object a line.

Commands travel on the child's stdin, events on its stdout. This module knows the shape of the
messages and nothing of who sends them. Decoding validates: a line that is no message raises
`msgspec.DecodeError`, which the reader logs and skips.
"""

from enum import StrEnum
from typing import Literal, TypeAlias, TypeVar

import msgspec

PROTOCOL_VERSION = 3


class Precision(StrEnum):
    """The number formats of the weights that a person chooses between."""

    BF16 = "bf16"
    INT8 = "int8"
    INT4 = "int4"


class Kernel(StrEnum):
    """Whose kernels run the model; torch's own where the native ones are not built."""

    IPEX = "ipex"
    NATIVE = "native"
    TORCH = "torch"


KernelChoice: TypeAlias = Literal["auto", "ipex", "native", "torch"]
LowPrecision: TypeAlias = Literal["auto", "none", "fp16", "bf16", "int8"]
Role: TypeAlias = Literal["system", "user", "assistant"]
FinishReason: TypeAlias = Literal["end", "stop-string", "length", "context", "stopped"]
Overflow: TypeAlias = Literal["stop", "drop_oldest"]


class ChatMessage(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    content: str


class SamplingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is drawn. None means: what the model's own generation config says.

    temperature 0 is greedy. top_k 0, top_p 1, min_p 0, repetition_penalty 1 and the other penalties
    at 0 switch themselves off. The repetition penalty looks at prompt and answer; the presence and
    frequency penalties, from -2 to 2, at the answer alone (OpenAI's definition). seed None draws a
    fresh one. max_new_tokens None runs to the end of the context.
    """

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    max_new_tokens: int | None = None


class Quantisation(msgspec.Struct, frozen=True, kw_only=True):
    """How weights are rounded where a precision rounds them; the defaults suit chat models.

    alpha is SmoothQuant's; None searches for it (IPEX). calibration is the path of a text file,
    "" the text that ships with Tern; its first `samples` pieces of `length` tokens are used, and
    with none the native kernels round at once, less exactly. The rest shapes IPEX's weight-only
    recipes: weight_only takes int8 weights with float activations instead of SmoothQuant;
    group_size None is 32 in int4 and one group a row in int8; lowp_mode is the lowest precision
    that the multiplication may use.
    """

    alpha: float | None = 0.5
    calibration: str = ""
    # Many short pieces: most of the loss from int4 is in the first tokens of a text, where little
    # has been read, and the start of a piece is the only place where a layer sees such inputs.
    samples: int = 48
    length: int = 64
    weight_only: bool = False
    group_size: int | None = None
    symmetric: bool = False
    lowp_mode: LowPrecision = "auto"


# -- commands ------------------------------------------------------------------------------------


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of what the front-end asks for."""


class Load(Command, frozen=True):
    """Load `model` (a demo name, hub id or folder) in place of whatever is loaded now.

    threads None: what was measured to be best and remembered (`engine.settings`), or else one for
    each physical performance core of one NUMA node (`engine.hardware`). regardless: also where
    memory will not suffice, by all that is known. float32: computed so throughout with torch's
    operators, from the published weights, in precision bf16 alone: a reference, and slow.
    """

    request_id: int
    model: str
    precision: Precision
    kernel: KernelChoice = "auto"
    context_length: int | None = None
    quantisation: Quantisation = Quantisation()
    threads: int | None = None
    regardless: bool = False
    float32: bool = False


class Quantise(Command, frozen=True):
    """Make the packed weights of the model in `folder`, and load nothing.

    The engine process sends it to a second one. kernel: whose layout, "native" or "torch".
    """

    request_id: int
    folder: str
    precision: Precision
    kernel: KernelChoice
    quantisation: Quantisation = Quantisation()


class Generate(Command, frozen=True):
    """Answer `messages`, or continue `prompt` as it is where `messages` is empty.

    continues: the last of the messages is an answer's beginning, and only what follows it is
    generated and reported. ignore_end generates past the end-of-turn token; benchmarks use it for
    equal lengths. overflow: what is done where the messages leave no room for an answer, see
    `engine.context`.
    """

    request_id: int
    messages: tuple[ChatMessage, ...] = ()
    prompt: str = ""
    sampling: SamplingSettings = SamplingSettings()
    continues: bool = False
    ignore_end: bool = False
    overflow: Overflow = "stop"


class Count(Command, frozen=True):
    """Count the tokens of `messages` as a prompt, and of each of `texts` by itself."""

    request_id: int
    messages: tuple[ChatMessage, ...] = ()
    texts: tuple[str, ...] = ()


class Score(Command, frozen=True):
    """Measure perplexity on `text`, in windows of `context_length` tokens."""

    request_id: int
    text: str
    context_length: int | None = None
    max_tokens: int | None = None


class Force(Command, frozen=True):
    """Read `answer` (token ids) after the prompt, whatever the model itself would have said.

    The prompt is as in `Generate`. keep: the file that takes the model's log-probabilities.
    reference: the file of another model's, to compare with. Both are names in the lab's folder
    (`Paths.lab`), "" for none; the engine opens no other (`engine.forcing`).
    """

    request_id: int
    answer: tuple[int, ...]
    messages: tuple[ChatMessage, ...] = ()
    prompt: str = ""
    keep: str = ""
    reference: str = ""


class Stop(Command, frozen=True):
    """Stop request `request_id`, whatever it is doing, at its next step."""

    request_id: int


class Shutdown(Command, frozen=True):
    """End the engine process once the current request has stopped."""


AnyCommand: TypeAlias = Load | Quantise | Generate | Count | Score | Force | Stop | Shutdown


# -- events --------------------------------------------------------------------------------------


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was really loaded, counted from the modules themselves after loading.

    `left_in_float` holds (module kind, count, reason) for each kind of layer with weights that
    was not quantised.
    """

    quantised_layers: int
    float_layers: int
    weight_dtype: str
    activation_dtype: str
    method: str
    left_in_float: tuple[tuple[str, int, str], ...] = ()


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one reply.

    Prefill counts only the prompt tokens that were computed (`prompt_tokens - cached_tokens`);
    decode speed is (completion_tokens - 1) over the time from the first token to the last, so
    neither contains the other. TTFT runs from the receipt of the request to the first token.
    Times in seconds, per-token figures in milliseconds, memory in bytes. dropped_messages counts
    the oldest messages that the prompt had no room for.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    ttft_s: float
    prefill_s: float
    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    token_ms_p50: float
    token_ms_p95: float
    context_used: int
    context_length: int
    peak_rss_bytes: int
    dropped_messages: int = 0


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of what the engine reports."""


class Ready(Event, frozen=True):
    """The first message of a worker: it can take commands."""

    protocol_version: int
    pid: int
    versions: dict[str, str]


class Progress(Event, frozen=True):
    """`done` of `total` steps of `stage` ("Quantising", "Reading the prompt", …)."""

    request_id: int
    stage: str
    done: int
    total: int


class Loaded(Event, frozen=True):
    """The model is ready; what really runs. Sizes in bytes, `load_s` in seconds.

    max_context: the longest context that the model takes. generation_defaults: what its own
    generation config makes of settings that are left open; all None where that is out of range.
    packing_peak_bytes: of all processes together, while the weights were quantised in this load; 0
    where they had been before. disk_bytes: of the files that the weights are read from. remarks:
    what the person should know of it besides, a sentence each.
    """

    request_id: int
    model: str
    title: str
    is_demo: bool
    precision: Precision
    kernel: Kernel
    isa: str
    why: str
    threads: int
    context_length: int
    parameters: int
    weight_bytes: int
    kv_bytes_per_token: int
    load_s: float
    proof: Proof
    max_context: int = 0
    generation_defaults: SamplingSettings = SamplingSettings()
    packing_peak_bytes: int = 0
    disk_bytes: int = 0
    remarks: tuple[str, ...] = ()


class Quantised(Event, frozen=True):
    """The packed weights are on disk, whole. peak_rss_bytes: of the process that made them."""

    request_id: int
    peak_rss_bytes: int


class Prefilled(Event, frozen=True):
    """The prompt has been read; the first token is next.

    dropped_messages: how many of the oldest ones, the system message apart, were left out.
    """

    request_id: int
    prompt_tokens: int
    cached_tokens: int
    prefill_tokens_per_s: float
    dropped_messages: int = 0


class Chunk(Event, frozen=True):
    """More text of the answer, and the figures so far."""

    request_id: int
    text: str
    completion_tokens: int
    ttft_s: float
    decode_tokens_per_s: float
    context_used: int


class Memory(Event, frozen=True):
    """The engine's resident memory now and at its peak since the last load, in bytes.

    Twice a second: also a pulse.
    """

    rss_bytes: int
    peak_rss_bytes: int


class Done(Event, frozen=True):
    """The answer is complete; `text` is all of it.

    tokens: the ids that were drawn, the one that ended the turn included.
    """

    request_id: int
    text: str
    finish_reason: FinishReason
    metrics: Metrics
    tokens: tuple[int, ...] = ()


class Counted(Event, frozen=True):
    """The tokens of the prompt, chat template included, and of each text, without it."""

    request_id: int
    prompt_tokens: int
    text_tokens: tuple[int, ...]


class Scored(Event, frozen=True):
    """Perplexity of the scored text: exp(nats_per_token) over `tokens` predicted tokens.

    `window` is the context that was really used, in tokens: never more than the model's own.
    """

    request_id: int
    perplexity: float
    nats_per_token: float
    tokens: int
    window: int


class Likely(msgspec.Struct, frozen=True):
    """A token that may come next, as a person reads it, and its probability."""

    text: str
    probability: float


class ForcedToken(msgspec.Struct, frozen=True, kw_only=True):
    """One token of an answer that a model was forced along.

    nats: the negative log of its probability. top: the five likeliest in its place. Where there is
    a reference: its own of both; kl: KL(reference || model) in nats; agrees: whether the likeliest
    token is the same.
    """

    text: str
    nats: float
    top: tuple[Likely, ...]
    reference_nats: float = 0.0
    reference_top: tuple[Likely, ...] = ()
    kl: float = 0.0
    agrees: bool = True


class Forced(Event, frozen=True):
    """The answer has been read; a token each."""

    request_id: int
    tokens: tuple[ForcedToken, ...]


class Failed(Event, frozen=True):
    """Request `request_id` failed for a reason that a person can act on, or by a bug.

    `kind` is the name of the error's class in `engine.errors`, "Stopped" where the person asked
    for it, or "Bug". fitting: the precision in which the model would fit, where memory was the
    reason.
    """

    request_id: int
    kind: str
    sentence: str
    way_out: str
    fitting: Precision | None = None


class Crashed(Event, frozen=True):
    """The engine process ended without being asked to. Made by the client, never sent.

    cause: a value of `engine.outcome.Cause`, "" where the process was never started. fitting: the
    precision in which the model would fit, where memory was the reason.
    """

    sentence: str
    way_out: str
    exit_code: int | None
    log_file: str
    cause: str = ""
    fitting: Precision | None = None


class Stalled(Event, frozen=True):
    """The engine was asked for something and gets nowhere. Made by the client, never sent."""

    sentence: str
    way_out: str


class Recovered(Event, frozen=True):
    """The engine that was `Stalled` goes on. Made by the client, never sent."""


AnyEvent: TypeAlias = (
    Ready
    | Progress
    | Loaded
    | Quantised
    | Prefilled
    | Chunk
    | Memory
    | Done
    | Counted
    | Scored
    | Forced
    | Failed
    | Crashed
    | Stalled
    | Recovered
)

_Message = TypeVar("_Message")
_encoder = msgspec.json.Encoder()
_command_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(message: Command | Event) -> bytes:
    """Return `message` as one line of JSON, newline included."""
    return _encoder.encode(message) + b"\n"


def decode_command(line: bytes) -> AnyCommand:
    """Return the command on `line`. Raises msgspec.DecodeError where it is none."""
    return _decode(_command_decoder, line)


def decode_event(line: bytes) -> AnyEvent:
    """Return the event on `line`. Raises msgspec.DecodeError where it is none."""
    return _decode(_event_decoder, line)


def _decode(decoder: msgspec.json.Decoder[_Message], line: bytes) -> _Message:
    try:
        return decoder.decode(line)
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec lets these two through
        raise msgspec.DecodeError(str(error)) from error
