"""The front-end's end of the engine process: spawn it, send commands, iterate its events.

Used by the window and by the command line alike. The iterator ends when the process does; if
nobody asked it to end, its last event is `Crashed`, with a sentence that names the cause.
"""

import contextlib
import itertools
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine import messages
from engine.errors import EngineMismatch
from engine.hardware import child_environment, read_cpu
from engine.messages import AnyEvent, Command, Crashed, Ready
from engine.observed import Watch
from engine.own_process import own_command
from engine.paths import Paths, make_folder

_LOG_LIMIT = 1_000_000  # bytes; one older log is kept beside it
SIGKILL = 9  # not in `signal` on Windows


@dataclass(frozen=True)
class Outcome:
    """How the engine process ended, and the words for it."""

    exit_code: int

    @property
    def sentence(self) -> str:
        """What happened, for a person."""
        if self.exit_code == -SIGKILL:
            return "The system ended the engine, most likely because memory ran out."
        if self.exit_code < 0:
            return f"The engine was ended by {_signal_name(-self.exit_code)}."
        return f"The engine stopped with exit code {self.exit_code}."

    @property
    def way_out(self) -> str:
        """What helps."""
        if self.exit_code == -SIGKILL:
            return "Choose a smaller model or a lower precision, then start the engine again."
        if self.exit_code == -signal.SIGILL:
            return "This CPU lacks an instruction that was used: choose the native kernel."
        return "Start the engine again; its log may say more."


def _signal_name(number: int) -> str:
    try:
        return f"the signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"


def worker_command() -> list[str]:
    """Return the command line of the engine process."""
    return own_command("engine.worker", "--engine-worker")


class EngineClient:
    """One engine process. `send` may be called from any thread; `events` from one."""

    def __init__(self, paths: Paths, command: list[str] | None = None) -> None:
        self._paths = paths
        self._command = command or worker_command()
        self._process: subprocess.Popen[bytes] | None = None
        self._send_lock = threading.Lock()
        self._ids = itertools.count(1)
        self._closing = False
        self._is_ready = False
        self._mismatch: EngineMismatch | None = None
        self._watch = Watch(paths)

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
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_environment(read_cpu(), os.environ),
                # Ctrl-C in the terminal is for the front-end, which asks the engine to stop.
                start_new_session=True,
            )

    def send(self, command: Command) -> None:
        """Write `command`; a process that is gone is noticed by `events`, not here."""
        assert self._process and self._process.stdin, "start() comes first"
        with self._send_lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(messages.encode(command))
            self._process.stdin.flush()

    def stop(self, request_id: int) -> None:
        """Ask for request `request_id` to stop at its next step."""
        self.send(messages.Stop(request_id=request_id))

    def events(self) -> Iterator[AnyEvent]:
        """Yield the process's events until it ends."""
        assert self._process and self._process.stdout, "start() comes first"
        for line in self._process.stdout:
            event = self._decode(line)
            if event is not None:
                self._watch.note(event)
                yield event
        exit_code = self._process.wait()
        if self._mismatch or not self._closing:
            yield self._crash(exit_code)

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
        outcome = Outcome(exit_code)
        return Crashed(
            sentence=self._mismatch.said if self._mismatch else outcome.sentence,
            way_out=self._mismatch.advice if self._mismatch else outcome.way_out,
            exit_code=exit_code,
            log_file=str(self.log_file),
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
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once; `events` reports it as a crash unless `close` came before."""
        if self._process:
            self._process.kill()

    def _log(self, text: str) -> None:
        with contextlib.suppress(OSError), self.log_file.open("a", encoding="utf-8") as log:
            log.write(text)


def _open_log(path: Path) -> BinaryIO:
    make_folder(path.parent)
    if path.is_file() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".1.log"))
    return path.open("ab")
