"""One engine process as a command uses it: load, generate, score, and always an end.

Knows the order of the protocol and turns failures into exceptions. Knows nothing of arguments.
"""

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TypeAlias, TypeVar

import msgspec

from engine.cli.console import ProgressLine, note
from engine.client import EngineClient
from engine.errors import BadSetting, EngineDied
from engine.messages import (
    AnyEvent,
    Chunk,
    Crashed,
    Done,
    Failed,
    Generate,
    Load,
    Loaded,
    Memory,
    Progress,
    Ready,
    Recovered,
    Score,
    Scored,
    Stalled,
)
from engine.paths import Paths

ClientFactory: TypeAlias = Callable[[], EngineClient]
Outcome = TypeVar("Outcome", Loaded, Scored)

_POLL_S = 0.5  # Windows delivers Ctrl-C only between waits
_WAIT = "It may still go on; Ctrl-C, twice during an answer, ends it."
_GOES_ON = "The engine goes on."
_EXIT_CODES = {"Bug": 1, "BadSetting": BadSetting.exit_code}


def default_client() -> EngineClient:
    """Return a client of the real engine, its log where Tern keeps logs."""
    return EngineClient(Paths.default())


class Explained(Exception):
    """A failure in words, as TernError has them, where the words come from elsewhere."""

    def __init__(self, said: str, advice: str, exit_code: int = 3) -> None:
        super().__init__(f"{said} {advice}")
        self.said = said
        self.advice = advice
        self.exit_code = exit_code


@dataclass(frozen=True)
class _Interrupt:
    """Ctrl-C during request `request_id`."""

    request_id: int


class Session:
    """One engine process; a context manager, so that none is left over.

    `loaded` is what the engine runs, `memory` its last report, `versions` those of its libraries.
    The methods raise Explained where the engine reports a failure, EngineDied where it ends.
    """

    def __init__(self, make_client: ClientFactory) -> None:
        self._client = make_client()
        self._progress = ProgressLine()
        self._inbox: queue.SimpleQueue[AnyEvent | _Interrupt | Exception] = queue.SimpleQueue()
        self._death: EngineDied | None = None
        self.loaded: Loaded | None = None
        self.memory: Memory | None = None
        self.versions: dict[str, str] = {}

    @property
    def pid(self) -> int | None:
        """The id of the engine process."""
        return self._client.pid

    def __enter__(self) -> "Session":
        try:
            self._start()
        except BaseException:
            self.close(at_once=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close(at_once=error is not None)

    def close(self, at_once: bool = False) -> None:
        """End the process: in good order, or hardly waiting for what it is doing."""
        self._progress.clear()
        try:
            self._client.close(timeout=0.5 if at_once else 5.0)
        except BaseException:  # a second Ctrl-C must not leave the process behind
            self._client.kill()
            raise

    def load(self, request: Load) -> Loaded:
        """Load a model and return what really runs."""
        self.loaded = self._outcome(self._send(request), Loaded)
        for remark in self.loaded.remarks:
            note(remark)
        return self.loaded

    def score(self, request: Score) -> Scored:
        """Measure the perplexity of a text."""
        return self._outcome(self._send(request), Scored)

    def generate(self, request: Generate, show: Callable[[Chunk], None]) -> Done:
        """Answer, giving each piece of text to `show` as it comes.

        Ctrl-C stops the answer, which then ends as "stopped"; a second one raises
        KeyboardInterrupt, in case the engine no longer listens.
        """
        request_id = self._send(request)
        with self._interrupts(request_id):
            for event in self._events(request_id):
                self._progress.clear()
                if isinstance(event, Chunk):
                    show(event)
                elif isinstance(event, Done):
                    return event
        raise AssertionError("_events ends in an exception")

    def check(self) -> None:
        """Raise EngineDied where the process has ended while nothing was asked of it."""
        while not self._inbox.empty():
            self._next()

    def _start(self) -> None:
        self._progress.say("Starting the engine")
        self._client.start()
        threading.Thread(target=self._listen, name="engine-events", daemon=True).start()
        while not isinstance(event := self._next(), Ready):
            pass
        self.versions = event.versions
        self._progress.clear()

    def _listen(self) -> None:
        """Move events into the inbox. A thread, because Ctrl-C must not tear a line in two."""
        try:
            for event in self._client.events():
                if isinstance(event, Memory):
                    self.memory = event
                else:
                    self._inbox.put(event)
        except Exception as error:
            self._inbox.put(error)

    def _send(self, request: Load | Generate | Score) -> int:
        request_id = self._client.next_id()
        self._client.send(msgspec.structs.replace(request, request_id=request_id))
        return request_id

    def _outcome(self, request_id: int, kind: type[Outcome]) -> Outcome:
        for event in self._events(request_id):
            if isinstance(event, kind):
                self._progress.clear()
                return event
        raise AssertionError("_events ends in an exception")

    def _events(self, request_id: int) -> Iterator[AnyEvent]:
        """Yield what belongs to `request_id`; stop it at Ctrl-C, raise where it fails."""
        while True:
            event = self._next()
            if getattr(event, "request_id", None) != request_id:
                continue  # of a request that was given up
            if isinstance(event, _Interrupt):
                self._client.stop(request_id)
            elif isinstance(event, Progress):
                self._progress.show(event)
            elif isinstance(event, Failed):
                self._progress.clear()
                raise self._explained(event)
            else:
                yield event

    def _explained(self, failure: Failed) -> BaseException:
        if failure.kind == "Stopped":
            return KeyboardInterrupt()
        log = f" Log: {self._client.log_file}" if failure.kind == "Bug" else ""
        more = " --regardless loads it all the same." if failure.kind == "NotEnoughMemory" else ""
        exit_code = _EXIT_CODES.get(failure.kind, 3)
        return Explained(failure.sentence, f"{failure.way_out}{more}{log}", exit_code)

    def _next(self) -> AnyEvent | _Interrupt:
        """Wait for the next event. Raises EngineDied at the end of the process, and ever after."""
        if self._death:
            raise self._death
        while True:
            with contextlib.suppress(queue.Empty):
                event = self._inbox.get(timeout=_POLL_S)
                break
        if isinstance(event, Exception):
            raise event
        if isinstance(event, Crashed):
            self._progress.clear()
            advice = f"{event.way_out} Log: {event.log_file}"
            self._death = EngineDied(outcome=event.sentence, advice=advice)
            raise self._death
        if isinstance(event, Stalled | Recovered):
            self._progress.clear()
            note(f"{event.sentence} {_WAIT}" if isinstance(event, Stalled) else _GOES_ON)
        return event

    @contextlib.contextmanager
    def _interrupts(self, request_id: int) -> Iterator[None]:
        """Turn the first Ctrl-C into a message to ourselves; the next is an exception again."""

        def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._inbox.put(_Interrupt(request_id))  # SimpleQueue.put is safe in a handler

        before = signal.getsignal(signal.SIGINT)
        in_main = threading.current_thread() is threading.main_thread()
        if not in_main or before is signal.SIG_IGN:
            yield
            return
        signal.signal(signal.SIGINT, ask_to_stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before or signal.default_int_handler)
