"""The real engine process for hostile folders, and what came of each."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from engine.messages import ChatMessage, Crashed, Done, Failed, Generate, Loaded, SamplingSettings
from tests.integration.conftest import Engine, alive

__all__ = ["Trial", "trial"]

_TEXT = "a" * 50 + " hello"
_FEW = SamplingSettings(max_new_tokens=3, seed=1)


@dataclass
class Outcome:
    """How a load and an answer ended: "" for well, or the kind of a failure and its sentence."""

    kind: str
    sentence: str
    seconds: float
    rss_bytes: int

    @property
    def is_explained(self) -> bool:
        """Whether it went well, or failed in words of its own."""
        return self.kind not in ("Bug", "Crashed")


@dataclass
class Trial:
    """Loads folders in one engine process after another; a new one where one has died."""

    deaths: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    _engine: Engine | None = None

    def run(self, folder: Path) -> Outcome:
        """Load the model in `folder` and let it answer a message."""
        engine = self._engine = self._engine or Engine()
        begin = time.monotonic()
        event = engine.load(folder)
        if isinstance(event, Loaded):
            request_id = engine.client.next_id()
            messages = (ChatMessage("user", _TEXT),)
            engine.send(Generate(request_id=request_id, messages=messages, sampling=_FEW))
            event = engine.until(Done, Failed, Crashed)[-1]
        seconds = time.monotonic() - begin
        rss = psutil.Process(engine.pid).memory_info().rss if alive(engine.pid) else 0
        kind, sentence = "", ""
        if isinstance(event, Failed):
            kind, sentence = event.kind, event.sentence
        elif isinstance(event, Crashed):
            kind, sentence = "Crashed", event.sentence
            self.deaths += 1
            self.end()
        self.outcomes.append(Outcome(kind, sentence, seconds, rss))
        return self.outcomes[-1]

    def end(self) -> None:
        """End the process."""
        if self._engine:
            self._engine.end()
        self._engine = None

    def summary(self) -> str:
        """The figures of all folders."""
        unexplained = sum(not outcome.is_explained for outcome in self.outcomes)
        longest = max(outcome.seconds for outcome in self.outcomes)
        peak = max(outcome.rss_bytes for outcome in self.outcomes)
        well = sum(not outcome.kind for outcome in self.outcomes)
        return (
            f"{len(self.outcomes)} folders, {well} of them answered, deaths {self.deaths}, "
            f"unexplained {unexplained}, longest {longest:.1f} s, memory {peak / 1e6:.0f} MB"
        )


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """One engine process for the folders of a module."""
    root = Path(__file__).resolve().parents[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERN_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("PYTHONPATH", str(root))
        made = Trial()
        yield made
        made.end()
