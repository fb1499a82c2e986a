"""The compiled core answers without torch; what needs torch has a process of its own."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.hardware import read_cpu, unbound
from engine.kernels.base import core_built
from engine.messages import (
    ChatMessage,
    Crashed,
    Done,
    Failed,
    Generate,
    Load,
    Loaded,
    Precision,
    Progress,
    Score,
    Scored,
)
from tests.engine.random_models import save_random_model
from tests.integration.conftest import GREEDY, PATIENCE_S, Engine, StartEngine, alive

pytestmark = pytest.mark.skipif(not core_built(), reason="the compiled core is not built here")
needs_proc = pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="needs /proc")
LAYERS = 4  # of the model that is slow to quantise


@pytest.fixture(scope="module")
def slow_to_quantise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of 30 MB, which takes seconds to round."""
    return save_random_model(
        tmp_path_factory.mktemp("models") / "medium",
        "llama-tied",
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=LAYERS,
        num_attention_heads=8,
        num_key_value_heads=4,
    )


def has_torch(pid: int) -> bool:
    """Whether torch's library is mapped into a process, however it came there."""
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def children(engine: Engine) -> list[psutil.Process]:
    return psutil.Process(engine.pid).children()


def second_process(engine: Engine, model: Path) -> tuple[int, psutil.Process]:
    """Begin to load `model` in int4; return the request and the process that is quantising it."""
    request_id = engine.begin_load(model, Precision.INT4)
    first = Progress(request_id=request_id, stage="Quantising to int4", done=0, total=LAYERS + 1)
    while engine.until(Progress, Loaded, Failed)[-1] != first:
        pass
    [process] = children(engine)
    return request_id, process


@needs_proc
@pytest.mark.parametrize("precision", Precision)
def test_the_engine_answers_and_scores_without_torch(
    start: StartEngine, precision: Precision
) -> None:
    engine = start()
    assert isinstance(engine.load("demo", precision), Loaded)
    question = (ChatMessage("user", "Tell me a story about a fox."),)
    engine.send(Generate(request_id=engine.client.next_id(), messages=question, sampling=GREEDY))
    assert isinstance(engine.until(Done, Failed, Crashed)[-1], Done)
    engine.send(Score(request_id=engine.client.next_id(), text="Once upon a time. " * 50))
    assert isinstance(engine.until(Scored, Failed, Crashed)[-1], Scored)
    assert not has_torch(engine.pid)
    assert children(engine) == []


@needs_proc
def test_torchs_own_kernels_bring_torch(start: StartEngine) -> None:
    """So that the test above can see it; and the process then still computes natively as well."""
    engine = start()
    request_id = engine.client.next_id()
    engine.send(Load(request_id=request_id, model="demo", precision=Precision.BF16, kernel="torch"))
    assert isinstance(engine.until(Loaded, Failed, Crashed)[-1], Loaded)
    assert isinstance(engine.answer(), Done)
    assert has_torch(engine.pid)
    native = engine.load("demo", Precision.INT8)
    assert isinstance(native, Loaded)
    assert native.threads == read_cpu().threads
    assert isinstance(engine.answer(), Done)


# -- the second process --------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_the_end_of_the_second_process_is_not_that_of_the_engine(
    start: StartEngine, slow_to_quantise: Path, number: signal.Signals
) -> None:
    engine = start()
    request_id, process = second_process(engine, slow_to_quantise)
    process.send_signal(number)
    failed = engine.until(Failed, Loaded, Crashed)[-1]
    assert isinstance(failed, Failed)
    assert (failed.request_id, failed.kind) == (request_id, "EngineDied")
    assert failed.sentence.endswith(".") and failed.way_out.endswith(".")
    assert isinstance(engine.load("demo"), Loaded)
    assert isinstance(engine.answer(), Done)


@pytest.mark.parametrize("end", [Engine.end, lambda engine: engine.client.kill()])
def test_the_second_process_ends_with_the_engine(
    start: StartEngine, slow_to_quantise: Path, end: Callable[[Engine], None]
) -> None:
    engine = start()
    _, process = second_process(engine, slow_to_quantise)
    end(engine)
    process.wait(PATIENCE_S)
    assert not alive(process.pid)


def test_what_fails_there_is_told_in_the_same_words(start: StartEngine, tern_home: Path) -> None:
    engine = start()
    engine.load("demo")
    (tern_home / "cache").mkdir()
    (tern_home / "cache" / "packed").write_text("in the way")
    failed = engine.load("demo", Precision.INT4)
    assert isinstance(failed, Failed)
    assert failed.kind == "UnwritableFolder"
    assert str(tern_home / "cache" / "packed") in failed.sentence
    assert "TERN_HOME" in failed.way_out


def test_damaged_weights_are_told_in_the_same_words(start: StartEngine, tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "m", "llama-tied", intermediate_size=128)
    config = folder / "config.json"
    config.write_text(
        config.read_text().replace('"intermediate_size": 128', '"intermediate_size": 96')
    )
    failed = start().load(folder, Precision.INT8)
    assert isinstance(failed, Failed)
    assert failed.kind == "DamagedFile"
    assert "where config.json says" in failed.sentence


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_a_process_started_by_a_bound_thread_has_all_cores() -> None:
    """OpenMP binds the thread that loads it to one core, and children inherit that."""
    cpu, before = read_cpu(), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        with unbound(cpu):
            assert os.sched_getaffinity(0) >= set(cpu.cores)
        assert os.sched_getaffinity(0) == {min(before)}
    finally:
        os.sched_setaffinity(0, before)
