"""The lines between a front-end and the engine, and the words of every explained failure."""

import contextlib
from string import Formatter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import messages as m
from engine.errors import TernError, catalogue

PROOF = m.Proof(
    quantised_layers=43,
    float_layers=0,
    weight_dtype="int4",
    activation_dtype="bf16",
    method="weight-only",
    left_in_float=(("embedding", 1, "a table look-up"), ("norm", 13, "a handful of weights")),
)
METRICS = m.Metrics(
    prompt_tokens=10,
    cached_tokens=4,
    completion_tokens=3,
    ttft_s=0.25,
    prefill_s=0.2,
    prefill_tokens_per_s=30.0,
    decode_tokens_per_s=12.5,
    token_ms_p50=79.0,
    token_ms_p95=83.0,
    context_used=12,
    context_length=1024,
    peak_rss_bytes=2**40,
)
COMMANDS: list[m.AnyCommand] = [
    m.Load(request_id=1, model="demo", precision=m.Precision.INT4),
    m.Load(
        request_id=2,
        model="/models/Größe 7B",
        precision=m.Precision.BF16,
        kernel="ipex",
        context_length=4096,
    ),
    m.Quantise(
        request_id=6, folder="/models/Größe 7B", precision=m.Precision.INT8, kernel="native"
    ),
    m.Generate(request_id=3, prompt="Once upon a time"),
    m.Generate(
        request_id=4,
        messages=(m.ChatMessage("system", "Be brief."), m.ChatMessage("user", "Hi 🙂\n\nthere")),
        sampling=m.SamplingSettings(
            temperature=0.7,
            top_k=40,
            top_p=0.9,
            min_p=0.05,
            repetition_penalty=1.1,
            seed=2**62,
            stop=("\n\n", "###"),
            max_new_tokens=7,
        ),
        ignore_end=True,
    ),
    m.Count(request_id=7, messages=(m.ChatMessage("user", "Hi"),), texts=("a file", "")),
    m.Score(request_id=5, text="A text.", context_length=512, max_tokens=100),
    m.Force(
        request_id=8,
        answer=(24, 348, 5),
        messages=(m.ChatMessage("user", "Hi"),),
        keep="17-x/0.logs",
        reference="17-x/1.logs",
    ),
    m.Stop(request_id=4),
    m.Shutdown(),
]
EVENTS: list[m.AnyEvent] = [
    m.Ready(protocol_version=1, pid=4711, versions={"torch": "2.8.0"}),
    m.Progress(request_id=1, stage="Quantising to int4", done=3, total=7),
    m.Loaded(
        request_id=1,
        model="demo",
        title="Tern demo",
        is_demo=True,
        precision=m.Precision.INT4,
        kernel=m.Kernel.NATIVE,
        isa="AVX2",
        why="native was asked for",
        threads=4,
        context_length=1024,
        parameters=5_000_000,
        weight_bytes=3_000_000,
        kv_bytes_per_token=3072,
        load_s=0.5,
        proof=PROOF,
        max_context=2048,
        generation_defaults=m.SamplingSettings(temperature=0.7, presence_penalty=-0.5),
    ),
    m.Quantised(request_id=6, peak_rss_bytes=1),
    m.Prefilled(request_id=3, prompt_tokens=10, cached_tokens=4, prefill_tokens_per_s=30.0),
    m.Chunk(
        request_id=3,
        text="line\nbreak \u2028 and \u0000 🙂",
        completion_tokens=2,
        ttft_s=0.25,
        decode_tokens_per_s=12.5,
        context_used=11,
    ),
    m.Memory(rss_bytes=5, peak_rss_bytes=6),
    m.Done(request_id=3, text="whole", finish_reason="stop-string", metrics=METRICS, tokens=(1, 2)),
    m.Counted(request_id=7, prompt_tokens=12, text_tokens=(3, 0)),
    m.Scored(request_id=5, perplexity=3.5, nats_per_token=1.25, tokens=99, window=512),
    m.Forced(
        request_id=8,
        tokens=(
            m.ForcedToken(
                text="<",
                nats=0.5,
                top=(m.Likely("<", 0.6), m.Likely("\u0000", 0.4)),
                reference_nats=0.25,
                reference_top=(m.Likely("<", 0.8),),
                kl=0.125,
                agrees=False,
            ),
        ),
    ),
    m.Failed(request_id=1, kind="ModelNotFound", sentence="None.", way_out="Choose one."),
    m.Stalled(sentence="It stands still.", way_out="Wait."),
    m.Recovered(),
    m.Crashed(sentence="It ended.", way_out="Start again.", exit_code=-9, log_file="/x/engine.log"),
]


def test_the_examples_are_of_every_message() -> None:
    assert {type(example) for example in COMMANDS} == set(m.Command.__subclasses__())
    assert {type(example) for example in EVENTS} == set(m.Event.__subclasses__())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: type(c).__name__)
def test_a_command_arrives_as_it_was_sent(command: m.AnyCommand) -> None:
    assert m.decode_command(m.encode(command)) == command


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_an_event_arrives_as_it_was_sent(event: m.AnyEvent) -> None:
    assert m.decode_event(m.encode(event)) == event


@given(st.text())
def test_any_text_is_one_line_and_arrives_unchanged(text: str) -> None:
    line = m.encode(m.Generate(request_id=1, prompt=text))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    command = m.decode_command(line)
    assert isinstance(command, m.Generate)
    assert command.prompt == text


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"Loading checkpoint shards: 100%\n",
        b"{}\n",
        b"[]",
        b"null",
        b'{"type": "Reboot", "request_id": 1}',
        b'{"type": "Stop"}',
        b'{"type": "Stop", "request_id": "one"}',
        b'{"type": "Load", "request_id": 1, "model": "demo", "precision": "int2"}',
        b'{"type": "Stop", "request_id": 1',
        b'{"type": "Load", "request_id": 1, "model": "\xff", "precision": "int8"}',
        b'{"ty\xffpe": "Stop"}',
        b'{"type": "Sto\xff"}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
    ids=lambda line: repr(line[:30]),
)
def test_what_is_no_message_raises_a_decode_error(line: bytes) -> None:
    for decode in (m.decode_command, m.decode_event):
        with pytest.raises(msgspec.DecodeError):
            decode(line)


@settings(deadline=None)
@given(st.sampled_from([*COMMANDS, *EVENTS]), st.data())
def test_a_garbled_line_is_a_message_or_a_decode_error(message, data) -> None:
    line = bytearray(m.encode(message))
    place = data.draw(st.integers(0, len(line) - 1))
    line[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    for decode in (m.decode_command, m.decode_event):
        with contextlib.suppress(msgspec.DecodeError):
            decode(bytes(line))


# -- the words -----------------------------------------------------------------------------------


def example(kind: type[TernError]) -> TernError:
    """An error with a value for each fact that its texts name."""
    fields = Formatter().parse(kind.sentence + kind.way_out)
    facts: dict[str, object] = {}
    for _, name, spec, _ in fields:
        if name:
            facts[name] = 12345 if "," in (spec or "") else f"some {name}"
    for whole_sentence in ("outcome", "advice"):
        if whole_sentence in facts:
            facts[whole_sentence] = "It is so."
    return kind(**facts)


@pytest.mark.parametrize("name", catalogue())
def test_every_failure_is_a_sentence_and_a_way_out(name: str) -> None:
    error = example(catalogue()[name])
    assert error.kind == name
    for words in (error.said, error.advice):
        assert words[0].isupper() or words.startswith("some "), words
        assert words.endswith("."), words
        assert not words.endswith(".."), words
        assert "{" not in words, words
    assert str(error) == f"{error.said} {error.advice}"
    assert error.exit_code in (2, 3)


def test_the_catalogue_holds_every_explained_failure() -> None:
    def below(kind: type[TernError]) -> set[type[TernError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    assert set(catalogue().values()) == below(TernError) - {TernError}


def test_braces_in_a_fact_are_left_alone() -> None:
    error = catalogue()["ModelNotFound"](model="{model.__class__}/{0}")
    assert "{model.__class__}/{0}" in error.said
