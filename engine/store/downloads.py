"""The queue of downloads: one after another on a thread of its own, there again after a restart."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.errors import Stopped, TernError
from engine.paths import make_folder
from engine.store.hub import Hub
from engine.store.interruptible import interruptible
from engine.store.meter import Meter
from engine.store.phase import Phase
from engine.store.placing import Place
from engine.store.plan import Plan, plan
from engine.store.reference import Reference

if TYPE_CHECKING:
    from engine.store.transfer import Patience

_TELL_S = 0.2
_log = logging.getLogger("engine.store")


@dataclass(frozen=True)
class DownloadState:
    """A download as it stands. speed: bytes/s over the last 5 s; seconds_left: None if unknown.

    done and total: bytes; total is 0 until the Hub has said it. sentence and way_out: of a failure.
    folder: the model's, when it is done.
    """

    id: int
    repo: str
    revision: str
    phase: Phase
    done: int = 0
    total: int = 0
    speed: float = 0.0
    seconds_left: float | None = None
    sentence: str = ""
    way_out: str = ""
    folder: Path | None = None

    @property
    def reference(self) -> Reference:
        """What is downloaded."""
        return Reference(self.repo, self.revision)

    @property
    def is_active(self) -> bool:
        """Whether it is under way or waits for its turn."""
        return self.phase not in (Phase.PAUSED, Phase.FAILED, Phase.DONE)


# Told all downloads in their order, on the queue's thread.
Listener = Callable[[tuple[DownloadState, ...]], None]


@dataclass
class _Entry:
    state: DownloadState
    plan: Plan | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False

    def change(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]


class _Saved(msgspec.Struct, frozen=True):
    repo: str
    revision: str
    plan: Plan | None


class Downloads:
    """The queue. Its methods return at once; what became of them, the listener is told.

    root: asked for the Hugging Face cache to download into; file: where the queue is kept.
    What was not done when the program ended is there again, paused.
    """

    def __init__(
        self,
        hub: Hub,
        root: Callable[[], Path],
        file: Path,
        listener: Listener,
        patience: "Patience | None" = None,
    ) -> None:
        self._hub = hub
        self._root = root
        self._file = file
        self._listener = listener
        self._patience = patience
        self._meter = Meter()
        self._told_at = 0.0
        self._changed = threading.Condition()
        self._news = False
        self._closing = False
        self._entries: dict[int, _Entry] = {}
        self._last_id = 0
        for saved in self._read():
            self._put(saved)
        self._thread = threading.Thread(target=self._work, daemon=True, name="downloads")
        self._thread.start()

    def states(self) -> tuple[DownloadState, ...]:
        """Return all downloads in their order."""
        with self._changed:
            return tuple(entry.state for entry in self._entries.values())

    def add(self, reference: Reference) -> int:
        """Queue a model and return its id; one that is there already goes on."""
        with self._changed:
            for entry in self._entries.values():
                if entry.state.reference == reference and entry.state.phase is not Phase.DONE:
                    self.resume(entry.state.id)
                    return entry.state.id
            entry = self._put(_Saved(reference.repo, reference.revision, None))
            self.resume(entry.state.id)
            return entry.state.id

    def pause(self, id: int) -> None:
        """Stop a download for now; what has arrived is kept."""
        with self._changed:
            entry = self._entries.get(id)
            if entry and entry.state.is_active:
                entry.stop.set()
                entry.change(phase=Phase.PAUSED, speed=0.0, seconds_left=None)
                self._notify()

    def resume(self, id: int) -> None:
        """Go on with a download that is paused or has failed, when its turn comes."""
        with self._changed:
            entry = self._entries.get(id)
            if entry and entry.state.phase in (Phase.PAUSED, Phase.FAILED):
                entry.stop = threading.Event()
                entry.change(phase=Phase.QUEUED, sentence="", way_out="")
                self._notify()

    def cancel(self, id: int) -> None:
        """Take a download off the list; what has arrived of an unfinished one is removed."""
        with self._changed:
            entry = self._entries.get(id)
            if entry:
                entry.cancelled = True
                entry.stop.set()
                self._notify()

    def close(self) -> None:
        """Stop the thread; the queue is kept."""
        with self._changed:
            self._closing = True
            for entry in self._entries.values():
                entry.stop.set()
            self._notify()
        self._thread.join(timeout=5)

    def _put(self, saved: _Saved) -> _Entry:
        self._last_id += 1
        state = DownloadState(self._last_id, saved.repo, saved.revision, Phase.PAUSED)
        entry = self._entries[self._last_id] = _Entry(state, saved.plan)
        if saved.plan is not None:
            arrived = Place(self._root(), saved.repo).arrived(saved.plan)
            entry.change(total=saved.plan.size, done=arrived)
        return entry

    def _notify(self) -> None:
        self._news = True
        self._changed.notify_all()

    # -- on the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._news or self._closing):
                    self._changed.wait()
                self._news = False
                closing = self._closing
                cancelled = [e for e in self._entries.values() if e.cancelled]
                queued = [e for e in self._entries.values() if e.state.phase is Phase.QUEUED]
            for entry in cancelled:
                self._remove(entry)
            self._write()
            if closing:
                return
            self._tell()
            if queued:
                self._run(queued[0])

    def _run(self, entry: _Entry) -> None:
        stop = entry.stop
        try:
            folder = self._fetch(entry, stop)
            outcome: dict[str, object] = {"phase": Phase.DONE, "folder": folder}
        except Stopped:
            outcome = {}
        except TernError as error:
            outcome = _failed(error.said, error.advice)
        except Exception as error:
            _log.exception("while downloading %s", entry.state.reference)
            sentence = f"Tern met a fault of its own ({type(error).__name__}: {error})."
            outcome = _failed(sentence, "Please report it; what has arrived is kept.")
        with self._changed:
            if not stop.is_set():  # what the person asked for meanwhile stands
                entry.change(speed=0.0, seconds_left=None, **outcome)
            self._notify()

    def _fetch(self, entry: _Entry, stop: threading.Event) -> Path:
        from engine.store.download import download  # with requests, too slow for a window's start

        self._show(entry, stop, Phase.PREPARING, entry.state.done)
        if entry.plan is None:
            repo, revision = entry.state.repo, entry.state.revision
            described = interruptible(lambda: self._hub.describe(repo, revision), stop)
            entry.plan = plan(described)
            with self._changed:
                entry.change(total=entry.plan.size)
            self._write()
        self._meter.reset()

        def on_progress(phase: Phase, done: int) -> None:
            self._show(entry, stop, phase, done)

        return download(self._hub, entry.plan, self._root(), on_progress, stop, self._patience)

    def _show(self, entry: _Entry, stop: threading.Event, phase: Phase, done: int) -> None:
        if phase not in (Phase.RECEIVING, Phase.RETRYING):
            self._meter.reset()
        speed = self._meter.add(done)
        changed = phase is not entry.state.phase
        with self._changed:
            if stop.is_set():
                return
            left = (entry.state.total - done) / speed if speed else None
            entry.change(phase=phase, done=done, speed=speed, seconds_left=left)
        if changed or time.monotonic() - self._told_at >= _TELL_S:
            self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        try:
            self._listener(self.states())
        except Exception:  # a listener's fault must not end the downloads
            _log.exception("the listener of the downloads")

    def _remove(self, entry: _Entry) -> None:
        if entry.plan is not None and entry.state.phase is not Phase.DONE:
            with contextlib.suppress(OSError):
                Place(self._root(), entry.plan.repo).discard(entry.plan)
        with self._changed:
            self._entries.pop(entry.state.id, None)

    # -- the file --------------------------------------------------------------------------------

    def _read(self) -> list[_Saved]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[_Saved])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            # What has arrived is still there: adding the model again continues it.
            _log.warning("the queue of downloads %s cannot be read: %s", self._file, error)
            return []

    def _write(self) -> None:
        with self._changed:
            saved = [
                _Saved(entry.state.repo, entry.state.revision, entry.plan)
                for entry in self._entries.values()
                if entry.state.phase is not Phase.DONE
            ]
        try:
            draft = make_folder(self._file.parent) / f"{self._file.name}.new"
            draft.write_bytes(msgspec.json.encode(saved))
            draft.replace(self._file)
        except (OSError, TernError) as error:
            _log.warning("the queue of downloads could not be kept: %s", error)


def _failed(sentence: str, way_out: str) -> dict[str, object]:
    return {"phase": Phase.FAILED, "sentence": sentence, "way_out": way_out}
