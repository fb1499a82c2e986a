"""Engine processes for the tests: real children, and none left over."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.client import EngineClient
from engine.messages import (
    AnyEvent,
    Chunk,
    Command,
    Crashed,
    Done,
    Failed,
    Generate,
    Load,
    Loaded,
    Memory,
    Precision,
    SamplingSettings,
)
from engine.paths import Paths
from engine.watchdog import Limits

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60  # until a test gives up: far beyond what a slow machine needs
GREEDY = SamplingSettings(temperature=0, max_new_tokens=40)


class Engine:
    """One engine process, its events in a queue; `seen` has all of them."""

    def __init__(self, command: list[str] | None = None, limits: Limits | None = None) -> None:
        self.client = EngineClient(Paths.default(), command, limits)
        self.seen: list[AnyEvent] = []
        self._events: queue.SimpleQueue[AnyEvent | None] = queue.SimpleQueue()
        self.client.start()
        self.pid = self.client.pid or 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            for event in self.client.events():
                self._events.put(event)
        finally:
            self._events.put(None)

    def next(self) -> AnyEvent | None:
        """The next event, memory figures included; None at the end of the stream."""
        event = self._events.get(timeout=PATIENCE_S)
        if event is not None:
            self.seen.append(event)
        return event

    def until(self, *kinds: type[AnyEvent]) -> list[AnyEvent]:
        """Events up to the first of one of `kinds`; fails where the stream ends before it."""
        events: list[AnyEvent] = []
        deadline = time.monotonic() + PATIENCE_S  # memory figures come whatever else does not
        while not (events and isinstance(events[-1], kinds)):
            assert time.monotonic() < deadline, f"none of {kinds} came after {events[-3:]}"
            event = self.next()
            assert event is not None, f"the engine ended after {events[-3:]}"
            events.append(event)
        return events

    def rest(self) -> list[AnyEvent]:
        """All events to the end of the stream."""
        events = []
        while (event := self.next()) is not None:
            events.append(event)
        return events

    def send(self, command: Command) -> None:
        self.client.send(command)

    def begin_load(
        self,
        model: str | Path,
        precision: Precision,
        context: int | None = None,
        regardless: bool = False,
    ) -> int:
        request_id = self.client.next_id()
        self.send(
            Load(
                request_id=request_id,
                model=str(model),
                precision=precision,
                kernel="native",
                context_length=context,
                regardless=regardless,
            )
        )
        return request_id

    def load(self, model: str | Path = "demo", precision: Precision = Precision.BF16) -> AnyEvent:
        """Loaded, Failed or Crashed."""
        request_id = self.begin_load(model, precision)
        event = self.until(Loaded, Failed, Crashed)[-1]
        assert isinstance(event, Crashed) or event.request_id == request_id
        return event

    def begin_answer(
        self, prompt: str, sampling: SamplingSettings = GREEDY, ignore_end: bool = False
    ) -> int:
        request_id = self.client.next_id()
        self.send(
            Generate(request_id=request_id, prompt=prompt, sampling=sampling, ignore_end=ignore_end)
        )
        return request_id

    def begin_long_answer(self) -> int:
        """An answer that lasts until it is stopped, or for hundreds of tokens."""
        return self.begin_answer("Once upon a time", SamplingSettings(temperature=0), True)

    def answer(self, prompt: str = "Once upon a time", **options) -> AnyEvent:
        """Done, Failed or Crashed."""
        self.begin_answer(prompt, **options)
        return self.until(Done, Failed, Crashed)[-1]

    def shown(self, request_id: int) -> str:
        """What was streamed for a request so far."""
        chunks = [e for e in self.seen if isinstance(e, Chunk) and e.request_id == request_id]
        return "".join(chunk.text for chunk in chunks)

    def rss(self) -> int:
        """Resident memory, as the engine reports it next."""
        event = self.until(Memory)[-1]
        assert isinstance(event, Memory)
        return event.rss_bytes

    def log(self) -> str:
        return self.client.log_file.read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        self.client.close()
        self._reader.join(PATIENCE_S)


def alive(pid: int) -> bool:
    """Whether the process runs: one that ended and was not waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(pid: int) -> bool:
    """Whether the process ends within the tests' patience."""
    deadline = time.monotonic() + PATIENCE_S
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


StartEngine = Callable[..., Engine]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child finds the checkout, wherever pytest was started."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def start(tern_home: Path) -> Iterator[StartEngine]:
    """A function that starts engine processes; none is left after the test."""
    started: list[Engine] = []

    def start_one(command: list[str] | None = None, limits: Limits | None = None) -> Engine:
        started.append(Engine(command, limits))
        return started[-1]

    yield start_one
    for engine in started:
        engine.client.kill()
        engine.end()
    assert not any(alive(engine.pid) for engine in started)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine process for the tests of a module that leave it able to work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERN_HOME", str(tmp_path_factory.mktemp("shared-home")))
        patch.setenv("PYTHONPATH", str(ROOT))
        engine = Engine()
    yield engine
    engine.end()
    assert not alive(engine.pid)


@pytest.fixture
def engine(shared: Engine) -> Engine:
    """The shared process with the demo model in bf16."""
    assert isinstance(shared.load("demo", Precision.BF16), Loaded)
    return shared
