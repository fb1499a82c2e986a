"""What can be known of an engine process while it lives, kept for the time when it has ended."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from engine.cgroup import kill_counter, kills_in
from engine.messages import AnyEvent, Command, Load, Memory
from engine.outcome import Evidence
from engine.paths import Paths
from engine.shortage import Room, room_of, shortage

_LOOKS_S = 5.0  # between two looks at what the system counts
_LAST_WORDS = 20_000  # bytes of the log


@dataclass(frozen=True)
class _Count:
    at: float
    counter: Path
    kills: int | None


class Witness:
    """Takes note of one process. `sent` and `heard` may be called from two threads."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._pid = 0
        self._log_begin = 0
        self._load: Load | None = None
        self._room: Room | None = None
        # The latest count may be of the moment in which the process was being killed already.
        self._counts: list[_Count] = []

    def begin(self, pid: int, log_begin: int) -> None:
        """The process `pid` has been started; what it logs begins at byte `log_begin`."""
        self._pid, self._log_begin = pid, log_begin
        self._count()

    def sent(self, command: Command) -> None:
        """Remember what is being loaded."""
        if isinstance(command, Load):
            self._load = command

    def heard(self, event: AnyEvent) -> None:
        """Look at the process's memory at each of its pulses."""
        if not isinstance(event, Memory):
            return
        self._room = room_of(self._pid)
        last = self._counts[-1]
        has_moved = kill_counter(self._pid) != last.counter
        if has_moved or time.monotonic() - last.at > _LOOKS_S:
            self._count()

    def evidence(self, exit_code: int, log: Path) -> Evidence:
        """Return what is known now that the process has ended."""
        before, room = self._counts[0], self._room
        now = kills_in(before.counter)
        kills = None if before.kills is None or now is None else now - before.kills
        short = shortage(self._load, room, self._paths) if self._load and room else None
        return Evidence(exit_code, kills, room, self._last_words(log), short)

    def _count(self) -> None:
        counter = kill_counter(self._pid)
        same = [count for count in self._counts if count.counter == counter]
        self._counts = [*same, _Count(time.monotonic(), counter, kills_in(counter))][-2:]

    def _last_words(self, log: Path) -> str:
        with contextlib.suppress(OSError), log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(self._log_begin, end - _LAST_WORDS))
            return file.read().decode("utf-8", errors="replace")
        return ""
