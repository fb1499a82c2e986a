"""The front-end's end of the engine process: spawn it, send commands, iterate its events.

Used by the window and by the command line alike. The iterator ends when the process does; if
nobody asked it to end, its last event is `Crashed`, with a sentence that names the cause. Where the
process gets nowhere with what it was asked, `Stalled` says so, and `Recovered` when it goes on.
"""

import contextlib
import itertools
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import psutil

from engine import messages
from engine.errors import EngineMismatch
from engine.hardware import child_environment, read_cpu
from engine.messages import AnyEvent, Command, Crashed, Ready
from engine.observed import Watch
from engine.outcome import outcome
from engine.own_process import own_command
from engine.paths import Paths, make_folder
from engine.watchdog import Limits, Watchdog, look_at
from engine.witness import Witness

_LOG_LIMIT = 1_000_000  # bytes; one older log is kept beside it
_TICK_S = 1.0  # between two looks at a process that says nothing


def worker_command() -> list[str]:
    """Return the command line of the engine process."""
    return own_command("engine.worker", "--engine-worker")


class EngineClient:
    """One engine process. `send` may be called from any thread; `events` from one.

    limits: how long the process may be without a sign of progress.
    """

    def __init__(
        self, paths: Paths, command: list[str] | None = None, limits: Limits | None = None
    ) -> None:
        self._paths = paths
        self._limits = limits
        self._command = command or worker_command()
        self._process: subprocess.Popen[bytes] | None = None
        self._send_lock = threading.Lock()
        self._ids = itertools.count(1)
        self._closing = False
        self._is_ready = False
        self._mismatch: EngineMismatch | None = None
        self._watch = Watch(paths)
        self._witness = Witness(paths)
        self._watchdog: Watchdog | None = None

    @property
    def pid(self) -> int | None:
        """The process id, or None before `start`."""
        return self._process.pid if self._process else None

    @property
    def log_file(self) -> Path:
        """Where the process's stderr goes."""
        return self._paths.engine_log

    def next_id(self) -> int:
        """Return a fresh request id."""
        return next(self._ids)

    def start(self) -> None:
        """Spawn the process. Raises UnwritableFolder where its log cannot be written."""
        with _open_log(self.log_file) as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_environment(read_cpu(), os.environ),
                # Ctrl-C in the terminal is for the front-end, which asks the engine to stop.
                start_new_session=True,
            )
        pid = self._process.pid
        self._witness.begin(pid, begin)
        self._watchdog = Watchdog(lambda: look_at(pid), self._limits)

    def send(self, command: Command) -> None:
        """Write `command`; a process that is gone is noticed by `events`, not here."""
        assert self._process and self._process.stdin and self._watchdog, "start() comes first"
        self._witness.sent(command)
        self._watchdog.sent(command)
        with self._send_lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(messages.encode(command))
            self._process.stdin.flush()

    def stop(self, request_id: int) -> None:
        """Ask for request `request_id` to stop at its next step."""
        self.send(messages.Stop(request_id=request_id))

    def events(self) -> Iterator[AnyEvent]:
        """Yield the process's events until it ends."""
        assert self._process and self._watchdog, "start() comes first"
        for line in self._lines():
            event = self._decode(line) if line else None
            if event is not None:
                self._watch.note(event)
                self._witness.heard(event)
                if recovered := self._watchdog.heard(event):
                    yield recovered
                yield event
            if news := self._watchdog.tick():
                self._log(f"{news}\n")
                yield news
        exit_code = self._process.wait()
        if self._mismatch or not self._closing:
            yield self._crash(exit_code)

    def _lines(self) -> Iterator[bytes]:
        """Yield what the process writes, and b"" about once a second while it writes nothing."""
        assert self._process and self._process.stdout
        stdout = self._process.stdout
        lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

        def read() -> None:
            for line in stdout:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, name="engine-lines", daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=_TICK_S)
            except queue.Empty:
                line = b""
            if line is None:
                return
            yield line

    def _decode(self, line: bytes) -> AnyEvent | None:
        try:
            event = messages.decode_event(line)
        except msgspec.DecodeError:
            # Before the process is ready it has been told nothing; later it may be an answer's.
            words = "" if self._is_ready else f": {line[:200]!r}"
            self._log(f"a line of {len(line)} bytes is not a message{words}\n")
            return None
        self._is_ready = self._is_ready or isinstance(event, Ready)
        if isinstance(event, Ready) and event.protocol_version != messages.PROTOCOL_VERSION:
            self._mismatch = EngineMismatch(
                theirs=event.protocol_version, ours=messages.PROTOCOL_VERSION
            )
            self.kill()
            return None
        return event

    def _crash(self, exit_code: int) -> Crashed:
        found = outcome(self._witness.evidence(exit_code, self.log_file))
        self._log(f"the engine process ended with {exit_code}: {found.cause}\n")
        return Crashed(
            sentence=self._mismatch.said if self._mismatch else found.sentence,
            way_out=self._mismatch.advice if self._mismatch else found.way_out,
            exit_code=exit_code,
            log_file=str(self.log_file),
            cause=found.cause,
            fitting=None if self._mismatch else found.fitting,
        )

    def close(self, timeout: float = 5.0) -> None:
        """End the process in good order, or by force after `timeout` seconds."""
        self._closing = True
        if self._process is None:
            return
        self.send(messages.Shutdown())
        with contextlib.suppress(OSError, ValueError), self._send_lock:
            assert self._process.stdin
            self._process.stdin.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once; `events` reports it as a crash unless `close` came before.

        With it goes what it started: a process that stands still does not notice that it is alone.
        """
        if self._process is None or self._process.poll() is not None:
            return
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        self._process.kill()

    def _log(self, text: str) -> None:
        with contextlib.suppress(OSError), self.log_file.open("a", encoding="utf-8") as log:
            log.write(text)


def _open_log(path: Path) -> BinaryIO:
    make_folder(path.parent)
    if path.is_file() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".1.log"))
    return path.open("ab")
