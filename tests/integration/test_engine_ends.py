"""Real engines that end by real signals and real limits, and the cause that is named."""

import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import psutil
import pytest

from engine.messages import (
    Chunk,
    Crashed,
    Done,
    Failed,
    Loaded,
    Precision,
    Progress,
    Recovered,
    Stalled,
)
from engine.outcome import Cause
from engine.paths import Paths
from engine.watchdog import Limits
from tests.engine.random_models import save_random_model
from tests.integration.conftest import StartEngine, alive, ends
from tests.integration.faults import (
    BAD_ALLOC,
    DEADLOCK,
    DEADLOCK_WITH_GIL,
    HOG,
    LOOP,
    faulty,
    joining,
    memory_group,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's signals and limits")
QUICK = Limits(tick=0.2, stopped=1.0, idle=2.0, token=3.0, prompt=3.0)
MB = 1_000_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_model(tmp_path_factory.mktemp("models") / "small", "llama-tied")


@pytest.mark.parametrize(
    ("number", "cause", "words"),
    [
        (signal.SIGKILL, Cause.KILLED, "Another program killed the engine, and memory was not"),
        (signal.SIGTERM, Cause.ASKED, "asked the engine to end (SIGTERM)"),
        (signal.SIGSEGV, Cause.FAULT, "a fault of its own (SIGSEGV)"),
        (signal.SIGABRT, Cause.FAULT, "a fault of its own (SIGABRT)"),
        (signal.SIGFPE, Cause.FAULT, "a fault of its own (SIGFPE)"),
        (signal.SIGILL, Cause.BAD_INSTRUCTION, "an instruction that this CPU lacks"),
        (signal.SIGBUS, Cause.LOST_FILE, "lost a file that it was reading"),
    ],
)
def test_each_signal_is_named(
    start: StartEngine, number: signal.Signals, cause: Cause, words: str
) -> None:
    engine = start()
    engine.rss()  # it has given a sign of life
    os.kill(engine.pid, number)
    *_, crash = engine.rest()
    assert isinstance(crash, Crashed)
    assert (crash.cause, crash.exit_code) == (cause, -number)
    assert words in crash.sentence
    assert cause.value in engine.log()
    if number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE):
        assert "Fatal Python error" in engine.log(), "the log says where it was"


def test_the_systems_own_killing_is_told_from_anybody_elses(start: StartEngine) -> None:
    with memory_group(limit=200 * MB) as group:
        engine = start(faulty(HOG, joining(group)))
        assert isinstance(engine.load(), Loaded)
        engine.rss()
        engine.begin_answer("Hello")
        *_, crash = engine.rest()
        assert isinstance(crash, Crashed)
        assert crash.cause == Cause.OUT_OF_MEMORY
        assert "for want of memory: it held" in crash.sentence
        engine = start(faulty(HOG, joining(group)))
        assert isinstance(engine.load(), Loaded)
        engine.rss()
        os.kill(engine.pid, signal.SIGKILL)
        *_, crash = engine.rest()
        assert crash.cause == Cause.KILLED, "nobody was killed for memory this time"


@pytest.mark.soak
def test_quantising_that_takes_too_much_ends_alone(start: StartEngine, small: Path) -> None:
    """The system kills the second process, and the engine says so and goes on."""
    with memory_group(limit=130 * MB) as group:
        engine = start([sys.executable, "-P", "-c", _JOINED.format(joining=joining(group))])
        engine.begin_load(small, Precision.INT4, regardless=True)
        failed = engine.until(Failed, Loaded, Crashed)[-1]
        assert isinstance(failed, Failed)
        assert failed.kind == "NotEnoughMemory"
        assert "this model needs about" in failed.sentence and "in int4" in failed.sentence
        assert isinstance(engine.load("demo"), Loaded)
        assert isinstance(engine.answer(), Done)
        engine.end()


_JOINED = "import os; {joining}; from engine.worker import main; main()"


def test_memory_that_is_refused_is_no_damage_but_a_failure_in_figures(
    start: StartEngine, tmp_path: Path
) -> None:
    wide = save_random_model(
        tmp_path / "wide", "llama-tied", hidden_size=1024, intermediate_size=4096
    )
    engine = start()
    assert isinstance(engine.load("demo"), Loaded)
    limit = psutil.Process(engine.pid).memory_info().vms + 15 * MB
    resource.prlimit(engine.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    engine.begin_load(wide, Precision.BF16, regardless=True)
    failed = engine.until(Failed, Loaded, Crashed)[-1]
    assert isinstance(failed, Failed), failed
    assert failed.kind == "NotEnoughMemory"
    assert "Memory ran out" in failed.sentence and "a limit of" in failed.sentence
    assert isinstance(engine.load("demo"), Loaded), "the engine goes on"
    resource.prlimit(engine.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    assert isinstance(engine.load(wide), Loaded)


def test_a_refusal_in_compiled_code_is_no_fault(start: StartEngine) -> None:
    engine = start(faulty(BAD_ALLOC))
    assert isinstance(engine.load(), Loaded)
    engine.begin_answer("Hello")
    *_, crash = engine.rest()
    assert isinstance(crash, Crashed)
    assert crash.cause == Cause.REFUSED_MEMORY
    assert "gave it no more memory" in crash.sentence


def test_a_packed_file_that_shrinks_below_an_engine_is_named_and_mended(
    start: StartEngine, small: Path
) -> None:
    engine = start()
    assert isinstance(engine.load(small, Precision.INT8), Loaded)
    [packed] = Paths.default().packed.glob("*int8*")
    for file in packed.glob("layer-*"):
        os.truncate(file, 4096)
    engine.begin_answer("Hello")
    *_, crash = engine.rest()
    assert isinstance(crash, Crashed)
    assert crash.cause == Cause.LOST_FILE
    engine = start()
    loaded = engine.load(small, Precision.INT8)
    assert isinstance(loaded, Loaded)
    [remark] = loaded.remarks
    assert "were damaged" in remark and "made again" in remark
    assert isinstance(engine.answer(), Done)


@pytest.mark.soak
def test_another_window_may_delete_what_this_one_has_mapped(
    start: StartEngine, small: Path
) -> None:
    engine = start()
    assert isinstance(engine.load(small, Precision.INT8), Loaded)
    before = engine.answer(ignore_end=True)
    shutil.rmtree(Paths.default().packed)
    after = engine.answer(ignore_end=True)
    assert isinstance(after, Done) and after.text == before.text
    assert isinstance(engine.load(small, Precision.INT8), Loaded)


def test_two_windows_pack_one_model_once(start: StartEngine, small: Path) -> None:
    engines = [start(), start()]
    for engine in engines:
        engine.begin_load(small, Precision.INT4)
    for engine in engines:
        assert isinstance(engine.until(Loaded, Failed, Crashed)[-1], Loaded)
    packed = [
        any(isinstance(e, Progress) and e.stage.startswith("Quantising") and e.done for e in seen)
        for seen in (engine.seen for engine in engines)
    ]
    assert sorted(packed) == [False, True], "one of them waited for the other"
    texts = {engine.answer(ignore_end=True).text for engine in engines}
    assert len(texts) == 1
    assert len(list(Paths.default().packed.iterdir())) == 1


# -- hangs ---------------------------------------------------------------------------------------


def test_a_stopped_engine_is_named_and_its_answer_goes_on_afterwards(start: StartEngine) -> None:
    engine = start(limits=QUICK)
    assert isinstance(engine.load(), Loaded)
    request_id = engine.begin_long_answer()
    engine.until(Chunk)
    os.kill(engine.pid, signal.SIGSTOP)
    stalled = engine.until(Stalled)[-1]
    assert "stopped by another program" in stalled.sentence
    assert alive(engine.pid), "nothing is ended unasked"
    os.kill(engine.pid, signal.SIGCONT)
    engine.until(Recovered)
    done = engine.until(Done)[-1]
    assert done.text == engine.shown(request_id)
    assert sum(isinstance(event, Stalled) for event in engine.seen) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (DEADLOCK, "neither computes nor reads"),
        (DEADLOCK_WITH_GIL, "neither computes nor reads"),
        (LOOP, "without getting any further"),
    ],
    ids=["deadlock", "deadlock that holds the interpreter", "endless loop"],
)
def test_a_hang_is_noticed_from_outside(start: StartEngine, fault: str, words: str) -> None:
    engine = start(faulty(fault), limits=QUICK)
    assert isinstance(engine.load(), Loaded)
    engine.begin_answer("Hello")
    stalled = engine.until(Stalled)[-1]
    assert words in stalled.sentence
    assert alive(engine.pid), "nothing is ended unasked"


def test_an_idle_engine_is_never_said_to_hang(start: StartEngine) -> None:
    engine = start(limits=Limits(tick=0.1, stopped=0.2, idle=0.3, token=0.4, prompt=0.4, load=60))
    assert isinstance(engine.load(), Loaded)
    for _ in range(4):
        engine.rss()
    assert not any(isinstance(event, Stalled) for event in engine.seen)


def test_ending_an_engine_that_stands_still_leaves_no_process(
    start: StartEngine, small: Path
) -> None:
    engine = start()
    engine.begin_load(small, Precision.INT4)
    while engine.until(Progress)[-1].total == 1:
        pass  # until the second process speaks
    family = [psutil.Process(engine.pid), *psutil.Process(engine.pid).children(recursive=True)]
    assert len(family) == 2
    for process in family:
        process.suspend()
    engine.client.close(timeout=0.2)
    assert all(ends(process.pid) for process in family)
