"""One engine process of a comparison: a request, its events, and a stop that always arrives."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from engine.client import EngineClient
from engine.errors import EngineDied, Stopped
from engine.messages import (
    AnyEvent,
    Crashed,
    Done,
    Failed,
    Force,
    Forced,
    Generate,
    Load,
    Loaded,
    Ready,
    Score,
    Scored,
)

MakeClient: TypeAlias = Callable[[], EngineClient]
_Request: TypeAlias = Load | Generate | Force | Score
_Last = Loaded | Done | Forced | Scored

_PATIENCE_S = 10  # from asking a request to stop until the process is ended


class Refused(Exception):
    """The engine explained why it could not do what was asked."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.sentence)
        self.failed = failed


class LabProcess:
    """A context manager around one process. stopping: set by any thread, seen twice a second.

    The engine's reports of memory come at least that often, and are the pulse of the waiting.
    """

    def __init__(self, make_client: MakeClient, stopping: threading.Event) -> None:
        self._client = make_client()
        self._stopping = stopping
        self.versions: dict[str, str] = {}

    @property
    def pid(self) -> int | None:
        """The id of the process."""
        return self._client.pid

    def __enter__(self) -> "LabProcess":
        try:
            self._client.start()
            self._events = self._client.events()
            for event in self._events:
                if isinstance(event, Ready):
                    self.versions = event.versions
                    return self
                self._check_death(event)
            raise Stopped
        except BaseException:
            self._client.close(timeout=0.5)
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._client.close(timeout=5.0 if kind is None else 0.5)

    def kill(self) -> None:
        """End the process at once."""
        self._client.kill()

    def ask(self, request: _Request) -> Iterator[AnyEvent]:
        """Yield the events of `request`; the last is `Loaded`, `Done`, `Forced` or `Scored`.

        Raises Refused, EngineDied, or Stopped once it has stopped.
        """
        request_id = self._client.next_id()
        self._client.send(msgspec.structs.replace(request, request_id=request_id))
        asked_at = 0.0
        for event in self._events:
            if self._stopping.is_set():
                asked_at = self._hurry(request_id, asked_at)
            self._check_death(event)
            if getattr(event, "request_id", None) != request_id:
                continue
            if isinstance(event, Failed):
                raise Stopped if event.kind == "Stopped" else Refused(event)
            yield event
            if isinstance(event, _Last):
                return
        raise Stopped

    def _hurry(self, request_id: int, asked_at: float) -> float:
        """Ask the request to stop, once; end the process if that did not help."""
        if not asked_at:
            self._client.stop(request_id)
            return time.monotonic()
        if time.monotonic() - asked_at > _PATIENCE_S:
            self.kill()
        return asked_at

    def _check_death(self, event: AnyEvent) -> None:
        if isinstance(event, Crashed):
            if self._stopping.is_set():
                raise Stopped
            raise EngineDied(outcome=event.sentence, advice=event.way_out)
