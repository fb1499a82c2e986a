"""What nothing in Python can interrupt ends the engine's process, with words for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.messages import Crashed, Failed, Loaded
from tests.integration.conftest import StartEngine, start
from tests.untrusted.folders import regex, sound

__all__ = ["start"]

_TIRELESS = """
import engine.tokenizer_bounds as bounds, engine.worker
bounds._LEAST_S, bounds._PER_SECOND = 1.0, 10**9
engine.worker.main()
"""
_BOUND = """
from engine.bounds import memory_bound
with memory_bound(100_000_000):
    assert len(bytearray(10_000_000)) == 10_000_000
    try:
        bytearray(200_000_000)
    except MemoryError:
        pass
    else:
        raise AssertionError("allowed")
assert len(bytearray(200_000_000)) == 200_000_000
"""


def test_a_regex_that_goes_on_and_on_is_ended_in_words(start: StartEngine, tmp_path: Path) -> None:
    """It takes long at each place of a text, never so long that the library gives up."""
    folder = sound(tmp_path / "model")
    regex(r"(?:a|a){16}[c-z]")(folder)
    engine = start([sys.executable, "-c", _TIRELESS])
    assert isinstance(engine.load(folder), Loaded)
    event = engine.answer("a" * 100_000)
    assert isinstance(event, Crashed), event
    assert "A file of the model kept the engine busy" in event.sentence
    assert "Choose another model" in event.way_out


def test_weights_that_shrink_while_they_are_read_end_in_words(
    start: StartEngine, tmp_path: Path
) -> None:
    folder = sound(tmp_path / "model")
    engine = start()
    assert isinstance(engine.load(folder), Loaded)
    os.truncate(folder / "model.safetensors", 100)
    event = engine.answer("Hello")
    assert isinstance(event, Crashed | Failed)
    if isinstance(event, Crashed):
        assert "a file of the model became shorter" in event.sentence


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_beyond_the_bound_is_refused_and_then_allowed_again() -> None:
    """In a process of its own: this one may have freed as much, which it uses again unbounded."""
    subprocess.run([sys.executable, "-c", _BOUND], check=True, cwd=Path(__file__).parents[2])
