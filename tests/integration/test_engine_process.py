"""A real engine process through the client: one after another, interrupted, killed, abandoned."""

import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from engine.client import EngineClient
from engine.errors import EngineMismatch, UnwritableFolder
from engine.hardware import Isa, read_cpu
from engine.messages import (
    PROTOCOL_VERSION,
    ChatMessage,
    Chunk,
    Crashed,
    Done,
    Failed,
    Generate,
    Kernel,
    Load,
    Loaded,
    Memory,
    Precision,
    Prefilled,
    Progress,
    Ready,
    SamplingSettings,
    Score,
    Scored,
)
from engine.models import demo_model
from engine.paths import Paths
from tests.engine.random_models import save_random_model
from tests.integration.conftest import GREEDY, Engine, StartEngine, alive, ends


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of 60 MB: quantising it takes a while, and losing it would be seen."""
    return save_random_model(
        tmp_path_factory.mktemp("models") / "medium",
        "llama-tied",
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=10,
        num_attention_heads=8,
        num_key_value_heads=4,
        initializer_range=0.02,
    )


# -- in good order -------------------------------------------------------------------------------


def test_ready_comes_first(start: StartEngine) -> None:
    engine = start()
    first = engine.next()
    assert isinstance(first, Ready)
    assert first.protocol_version == PROTOCOL_VERSION
    assert first.pid == engine.pid
    assert first.versions["torch"].startswith("2.")


def test_each_precision_loads_and_answers_in_one_process(shared: Engine) -> None:
    for precision in Precision:
        loaded = shared.load("demo", precision)
        assert isinstance(loaded, Loaded)
        assert loaded.is_demo
        assert loaded.precision is precision
        assert loaded.proof.weight_dtype == precision
        assert loaded.threads >= 1
        assert loaded.load_s > 0
        done = shared.answer("Once upon a time")
        assert isinstance(done, Done)
        assert done.text
        assert done.metrics.completion_tokens > 1
        assert done.metrics.context_length == loaded.context_length


@pytest.mark.skipif(find_spec("intel_extension_for_pytorch") is None, reason="IPEX is missing")
@pytest.mark.skipif(read_cpu().isa < Isa.AVX2, reason="IPEX needs AVX2")
def test_ipex_brings_no_processes_of_its_own(
    start: StartEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's compiler starts some at its import, which nothing here uses."""
    monkeypatch.delenv("TORCHINDUCTOR_COMPILE_THREADS")  # which the tests themselves set
    engine = start()
    request_id = engine.client.next_id()
    engine.send(Load(request_id=request_id, model="demo", precision=Precision.INT8, kernel="ipex"))
    loaded = engine.until(Loaded, Failed, Crashed)[-1]
    assert isinstance(loaded, Loaded) and loaded.kernel is Kernel.IPEX
    done = engine.answer()
    assert isinstance(done, Done)
    assert [one.cmdline() for one in psutil.Process(engine.pid).children(recursive=True)] == []


def test_an_answer_is_told_from_prompt_to_end(engine: Engine) -> None:
    question = (ChatMessage("user", "Tell me a story about a fox."),)
    request_id = engine.client.next_id()
    engine.send(Generate(request_id=request_id, messages=question, sampling=GREEDY))
    events = [e for e in engine.until(Done, Failed) if not isinstance(e, Memory)]
    assert {event.request_id for event in events} == {request_id}
    kinds = [type(event) for event in events]
    assert kinds == [Progress, Prefilled, *[Chunk] * (len(kinds) - 3), Done]
    done = events[-1]
    assert done.text == engine.shown(request_id)
    assert done.finish_reason in ("end", "length")
    assert done.metrics.prompt_tokens == events[1].prompt_tokens


def test_the_next_turn_is_served_from_the_cache(engine: Engine) -> None:
    turns = (ChatMessage("user", "What is 3 plus 4?"),)
    engine.send(Generate(request_id=engine.client.next_id(), messages=turns, sampling=GREEDY))
    first = engine.until(Done)[-1]
    turns += (ChatMessage("assistant", first.text), ChatMessage("user", "And 1 plus 1?"))
    engine.send(Generate(request_id=engine.client.next_id(), messages=turns, sampling=GREEDY))
    second = engine.until(Done)[-1]
    assert first.metrics.cached_tokens == 0
    assert second.metrics.cached_tokens >= first.metrics.prompt_tokens


def test_a_text_can_be_scored(engine: Engine) -> None:
    text = (demo_model().folder / "held-out.txt").read_text(encoding="utf-8")
    request_id = engine.client.next_id()
    engine.send(Score(request_id=request_id, text=text, max_tokens=600, context_length=256))
    events = [e for e in engine.until(Scored, Failed) if not isinstance(e, Memory)]
    assert [(e.done, e.total) for e in events[:-1]] == [(0, 3), (1, 3), (2, 3)]
    assert isinstance(events[-1], Scored)
    assert events[-1].tokens == 600 - 3
    assert events[-1].window == 256
    assert 1 < events[-1].perplexity < 100


def test_memory_is_told_while_the_engine_works(engine: Engine) -> None:
    """Scoring a long text works for seconds; the demo model fills its context in less than one."""
    text = (demo_model().folder / "held-out.txt").read_text(encoding="utf-8") * 40
    request_id = engine.client.next_id()
    engine.send(Score(request_id=request_id, text=text))
    engine.until(Progress)
    told = [engine.until(Memory)[-1] for _ in range(3)]
    engine.client.stop(request_id)
    assert isinstance(engine.until(Failed, Scored)[-1], Failed), "it was still at work"
    rss = psutil.Process(engine.pid).memory_info().rss
    for memory in told:
        assert 0.5 * rss < memory.rss_bytes <= memory.peak_rss_bytes


def test_every_load_computes_on_the_same_threads(engine: Engine) -> None:
    """OpenMP binds the loading thread to a core, which once made later loads see that one alone."""
    threads = []
    for precision in (Precision.INT8, Precision.INT4, Precision.INT8):
        loaded = engine.load(precision=precision)
        assert isinstance(loaded, Loaded)
        threads.append(loaded.threads)
    assert len(set(threads)) == 1
    assert threads[0] == read_cpu().threads


# -- the same seed -------------------------------------------------------------------------------


def test_a_seed_gives_the_same_text_in_a_fresh_process_too(
    shared: Engine, start: StartEngine
) -> None:
    def text(engine: Engine, seed: int) -> str:
        sampling = SamplingSettings(temperature=1.2, top_p=0.95, seed=seed, max_new_tokens=30)
        done = engine.answer("Once upon a time", sampling=sampling)
        assert isinstance(done, Done)
        return done.text

    fresh = start()
    for precision in Precision:
        texts = []
        for engine in (shared, shared, fresh):
            assert isinstance(engine.load("demo", precision), Loaded)
            texts.append(text(engine, 1234))
        assert len(set(texts)) == 1
        assert text(shared, 99) not in texts


# -- stopping ------------------------------------------------------------------------------------


def test_an_answer_can_be_stopped_and_the_next_one_follows(engine: Engine) -> None:
    request_id = engine.begin_long_answer()
    engine.until(Chunk)
    engine.client.stop(request_id)
    done = engine.until(Done, Failed)[-1]
    assert isinstance(done, Done)
    assert done.finish_reason == "stopped"
    assert done.text == engine.shown(request_id)
    again = engine.answer("Once upon a time")
    assert isinstance(again, Done)
    assert again.text.startswith(done.text[:10])


def test_stopping_what_is_over_stops_nothing_else(engine: Engine) -> None:
    first = engine.answer("Once upon a time")
    engine.client.stop(first.request_id)
    second = engine.answer("Once upon a time")
    assert second.finish_reason == first.finish_reason != "stopped"
    assert second.text == first.text


def test_a_request_stopped_before_its_turn_is_not_begun(engine: Engine) -> None:
    long = engine.begin_long_answer()
    waiting = engine.begin_answer("Hello")
    engine.until(Chunk)
    engine.client.stop(waiting)
    engine.client.stop(long)
    assert engine.until(Done)[-1].request_id == long
    events = engine.until(Done, Failed)
    assert events[-1].request_id == waiting
    assert events[-1].finish_reason == "stopped"
    assert engine.shown(waiting) == ""


def test_scoring_can_be_stopped(engine: Engine) -> None:
    text = (demo_model().folder / "held-out.txt").read_text(encoding="utf-8")
    request_id = engine.client.next_id()
    engine.send(Score(request_id=request_id, text=text, context_length=16))
    engine.until(Progress)
    engine.client.stop(request_id)
    failed = engine.until(Failed, Scored)[-1]
    assert isinstance(failed, Failed)
    assert failed.kind == "Stopped"


def test_a_load_can_be_stopped_and_another_one_follows(
    start: StartEngine, medium: Path, tern_home: Path
) -> None:
    engine = start()
    request_id = engine.begin_load(medium, Precision.INT4)
    while not engine.until(Progress, Loaded)[-1].stage.startswith("Quantising"):
        pass
    engine.client.stop(request_id)
    failed = engine.until(Failed, Loaded)[-1]
    assert isinstance(failed, Failed)
    assert (failed.request_id, failed.kind) == (request_id, "Stopped")
    assert list((tern_home / "cache" / "packed").iterdir()) == []
    assert isinstance(engine.load("demo", Precision.INT4), Loaded)
    assert isinstance(engine.answer(), Done)


# -- failures ------------------------------------------------------------------------------------


def test_without_a_model_there_is_no_answer(start: StartEngine) -> None:
    engine = start()
    failed = engine.answer()
    assert isinstance(failed, Failed)
    assert failed.kind == "NoModelLoaded"
    assert failed.sentence == "No model is loaded."


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("no-such-org/no-such-model", "ModelNotFound"),
        ("~nobody-of-that-name/model", "ModelNotFound"),
        ("{empty}", "NotAModel"),
        ("{damaged}", "DamagedFile"),
    ],
)
def test_a_failed_load_is_explained_and_the_next_one_works(
    engine: Engine, tmp_path: Path, name: str, kind: str
) -> None:
    for folder in ("empty", "damaged"):
        (tmp_path / folder).mkdir()
    (tmp_path / "damaged" / "config.json").write_text("{")
    name = name.format(empty=tmp_path / "empty", damaged=tmp_path / "damaged")
    failed = engine.load(name)
    assert isinstance(failed, Failed)
    assert failed.kind == kind
    assert failed.sentence.endswith(".") and failed.way_out.endswith(".")
    assert isinstance(engine.load("demo"), Loaded)
    assert isinstance(engine.answer(), Done)


def test_a_refused_prompt_leaves_the_model_loaded(engine: Engine) -> None:
    for prompt, kind in (("", "EmptyPrompt"), ("word " * 3000, "PromptTooLong")):
        failed = engine.answer(prompt)
        assert isinstance(failed, Failed)
        assert failed.kind == kind
    failed = engine.answer(sampling=SamplingSettings(top_p=7))
    assert failed.kind == "BadSetting"
    assert isinstance(engine.answer(), Done)


@pytest.mark.parametrize("vocabulary", [2049, 2050, 2051, 5000])
def test_a_vocabulary_of_any_size_works_in_int4(
    start: StartEngine, tmp_path: Path, vocabulary: int
) -> None:
    """Wherever the codes of the head then begin in the packed file: torch's kernel crashes where
    the address is no multiple of 16, and safetensors keeps to multiples of 8 at most."""
    model = save_random_model(
        tmp_path / "m", "llama-untied", vocab_size=vocabulary, initializer_range=0.05
    )
    engine = start()
    assert isinstance(engine.load(model, Precision.INT4), Loaded)
    assert isinstance(engine.answer(ignore_end=True), Done)
    engine.send(Score(request_id=engine.client.next_id(), text="Once upon a time. " * 20))
    assert isinstance(engine.until(Scored, Failed, Crashed)[-1], Scored)


# -- memory --------------------------------------------------------------------------------------


@pytest.mark.soak
def test_changing_the_precision_again_and_again_takes_no_more_memory(
    start: StartEngine, medium: Path
) -> None:
    engine = start()

    def round_trip() -> int:
        for precision in Precision:
            assert isinstance(engine.load(medium, precision), Loaded)
            few = SamplingSettings(temperature=0, max_new_tokens=5)
            assert isinstance(engine.answer(sampling=few), Done)
        return engine.rss()

    before = round_trip()  # with quantising
    round_trip()
    assert round_trip() < 1.15 * before


# -- the end -------------------------------------------------------------------------------------


def test_closing_ends_the_process_and_is_no_crash(start: StartEngine) -> None:
    engine = start()
    engine.until(Ready)
    engine.end()
    assert not any(isinstance(event, Crashed) for event in engine.rest())
    assert not alive(engine.pid)


def test_closing_in_mid_answer_ends_the_process_and_is_no_crash(start: StartEngine) -> None:
    engine = start()
    engine.load()
    engine.begin_long_answer()
    engine.until(Chunk)
    engine.end()
    assert not any(isinstance(event, Crashed) for event in engine.rest())
    assert not alive(engine.pid)


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGKILL, "memory was not the reason"), (signal.SIGSEGV, "SIGSEGV")]
)
def test_a_killed_process_is_a_crash_in_words_after_what_was_shown(
    start: StartEngine, number: signal.Signals, word: str
) -> None:
    engine = start()
    engine.load()
    request_id = engine.begin_long_answer()
    for _ in range(3):
        engine.until(Chunk)
    psutil.Process(engine.pid).send_signal(number)
    *_, crash = engine.rest()
    assert isinstance(crash, Crashed)
    assert crash.exit_code == -number
    assert word in crash.sentence
    assert crash.sentence.endswith(".") and crash.way_out.endswith(".")
    assert crash.log_file == str(engine.client.log_file)
    assert engine.shown(request_id)
    assert not any(isinstance(event, Done) for event in engine.seen)
    # Commands to the dead are passed over: `events` has told it already.
    engine.begin_answer("Hello")
    engine.client.stop(request_id)


def test_a_process_that_cannot_start_is_a_crash_in_words(start: StartEngine) -> None:
    engine = start([sys.executable, "-c", "raise SystemExit(7)"])
    [crash] = engine.rest()
    assert isinstance(crash, Crashed)
    assert crash.exit_code == 7
    assert crash.sentence == "The engine stopped with exit code 7."


ABANDONING = """
import os, signal
from engine.client import EngineClient
from engine.messages import Chunk, Generate, Load, Loaded, Precision, Ready
from engine.paths import Paths

client = EngineClient(Paths.default())
client.start()
for event in client.events():
    if isinstance(event, Ready):
        client.send(Load(request_id=1, model="demo", precision=Precision.BF16, kernel="native"))
    elif isinstance(event, Loaded):
        client.send(Generate(request_id=2, prompt="Once upon a time", ignore_end=True))
    elif isinstance(event, Chunk):
        print(client.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_front_end_that_dies_leaves_no_engine_behind() -> None:
    front_end = subprocess.run(
        [sys.executable, "-c", ABANDONING], stdout=subprocess.PIPE, text=True, check=False
    )
    assert front_end.returncode == -signal.SIGKILL
    assert ends(int(front_end.stdout))


# -- the stream ----------------------------------------------------------------------------------

NOISE_BEFORE = r"""
import os
os.write(1, b'Loading checkpoint shards: 100%\n{"type": "Loaded"}\n[1, 2]\n\n')
os.write(1, b'{"type": "Failed", "request_id": 1, "kind": "\xff\xfe"}\n\xff\xff\n')
from engine.worker import main
main()
"""
NOISE_DURING = r"""
import os, threading, time

def shout():
    print("print: noise")
    while True:
        os.write(1, b'{"type": "Chunk", noise\n')
        time.sleep(0.005)

from engine import worker
execute = worker.Worker._execute
def noisy(self, command):
    if not threading.active_count() > 3:
        threading.Thread(target=shout, daemon=True).start()
    execute(self, command)
worker.Worker._execute = noisy
worker.main()
"""


def test_noise_before_the_protocol_is_logged_and_passed_over(start: StartEngine) -> None:
    engine = start([sys.executable, "-P", "-c", NOISE_BEFORE])
    assert isinstance(engine.next(), Ready)
    assert isinstance(engine.load(), Loaded)
    assert "is not a message" in engine.log()
    assert "Loading checkpoint shards" in engine.log()


def test_a_library_that_prints_does_not_disturb_the_protocol(
    start: StartEngine, engine: Engine
) -> None:
    noisy = start([sys.executable, "-P", "-c", NOISE_DURING])
    assert isinstance(noisy.load(), Loaded)
    done = noisy.answer()
    assert isinstance(done, Done)
    assert done.text == engine.answer().text == noisy.shown(done.request_id)
    assert "noise" in noisy.log()
    assert "not a message" not in noisy.log()


def test_nonsense_sent_to_the_engine_is_logged_and_passed_over(start: StartEngine) -> None:
    engine = start()
    engine.until(Ready)
    stdin = engine.client._process.stdin
    for line in (b"nonsense\n", b"\xff\xfe\n", b'{"type": "Load", "request_id": 1}\n', b"\n"):
        stdin.write(line)
    stdin.write(b'{"type": "Load", "request_id": 9, "model": "\xff", "precision": "int8"}\n')
    stdin.flush()
    assert isinstance(engine.load(), Loaded)
    assert "is not a command" in engine.log()


def test_a_process_of_another_version_is_refused(start: StartEngine) -> None:
    other = (
        "from engine import messages; messages.PROTOCOL_VERSION = 999;"
        "from engine.worker import main; main()"
    )
    engine = start([sys.executable, "-P", "-c", other])
    events = engine.rest()
    assert not any(isinstance(event, Ready) for event in events)
    crash = events[-1]
    assert isinstance(crash, Crashed)
    assert crash.sentence == EngineMismatch(theirs=999, ours=PROTOCOL_VERSION).said
    assert not alive(engine.pid)


# -- the log -------------------------------------------------------------------------------------


def test_a_large_log_is_set_aside_and_one_older_is_kept(start: StartEngine) -> None:
    log = Paths.default().engine_log
    log.parent.mkdir(parents=True)
    log.write_bytes(b"old line\n" * 200_000)
    older = log.with_suffix(".1.log")
    older.write_text("older still")
    start().until(Ready)
    assert log.stat().st_size < 100_000
    assert older.read_bytes() == b"old line\n" * 200_000
    assert sorted(path.name for path in log.parent.iterdir()) == sorted([log.name, older.name])


def test_a_small_log_goes_on(start: StartEngine) -> None:
    log = Paths.default().engine_log
    log.parent.mkdir(parents=True)
    log.write_text("yesterday\n")
    engine = start()
    engine.load("no-such-org/no-such-model")
    assert engine.log().startswith("yesterday\n")
    assert "ModelNotFound" in engine.log()


def test_a_log_that_cannot_be_written_is_an_explained_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERN_HOME", "/dev/null/tern")
    with pytest.raises(UnwritableFolder, match="/dev/null/tern"):
        EngineClient(Paths.default()).start()
