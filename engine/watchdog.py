"""Whether an engine that was asked for something still gets anywhere, seen from outside.

It is told of what is sent and heard, looks at the process where nothing has been heard for a
while, and never ends anything. What a hang looks like:

- stopped (SIGSTOP, a debugger): no pulse, and the system says so;
- a deadlock: no time on the processor, nothing read from the disk, with a pulse or, where it holds
  the interpreter, without;
- an endless loop: the processor is busy, and nothing comes. A slow machine looks the same, so that
  much more time must pass, and in a load, where one step may take as long as it likes, far more.

Durations are of the monotonic clock, which stands still while Linux sleeps. After a sleep, and
after a time in which this process did not run itself, all waiting begins anew. Light half.
"""

import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.messages import (
    AnyEvent,
    Chunk,
    Command,
    Counted,
    Done,
    Failed,
    Forced,
    Generate,
    Load,
    Loaded,
    Memory,
    Prefilled,
    Quantise,
    Quantised,
    Ready,
    Recovered,
    Scored,
    Shutdown,
    Stalled,
    Stop,
)

_ENDS = Loaded | Done | Failed | Counted | Scored | Forced | Quantised
_LOADS = Load | Quantise


@dataclass(frozen=True)
class Limits:
    """Seconds without a sign of progress. tick: between two looks.

    stopped: of a process that somebody has stopped. idle: of one that neither computes nor reads.
    disk: of one that waits for the disk. token, prompt, load: of one that computes.
    """

    tick: float = 1.0
    stopped: float = 4.0
    idle: float = 20.0
    disk: float = 90.0
    token: float = 180.0
    prompt: float = 600.0
    load: float = 1800.0


@dataclass(frozen=True)
class Look:
    """A process and those that it started: seconds of CPU, pages read from the disk so far."""

    cpu_s: float
    pages: int
    is_stopped: bool
    waits_for_disk: bool


class Watchdog:
    """Watches one process. Not for several threads at once, `sent` apart.

    look: at the process, None where it is gone. clock: monotonic. slept: seconds that the machine
    has slept so far.
    """

    def __init__(
        self,
        look: Callable[[], Look | None],
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        slept: Callable[[], float] | None = None,
    ) -> None:
        self._look = look
        self._limits = limits or Limits()
        self._clock = clock
        self._slept = slept or seconds_slept
        self._asked: dict[int, Command] = {}
        self._is_ready = False
        self._is_alarmed = False
        self._is_reading = True  # the prompt of the next answer
        self._ticked, self._sleep = clock(), self._slept()
        self._was_stopped = False
        self._active: tuple[Look, float] | None = None  # when it was last seen to do something
        self._begin_anew()

    @property
    def is_alarmed(self) -> bool:
        """Whether the last word was `Stalled`."""
        return self._is_alarmed

    def sent(self, command: Command) -> None:
        """Take note of a command."""
        if isinstance(command, Shutdown | Stop):
            return
        if not self._asked and self._is_ready:
            self._progressed = self._clock()
        self._asked[getattr(command, "request_id", 0)] = command

    def heard(self, event: AnyEvent) -> Recovered | None:
        """Take note of an event; it may be the end of an alarm."""
        if isinstance(event, Memory):
            return None
        self._begin_anew()
        self._is_ready |= isinstance(event, Ready)
        if isinstance(event, _ENDS):
            self._asked.pop(event.request_id, None)
            self._is_reading = True
        elif isinstance(event, Prefilled | Chunk):
            self._is_reading = False
        return self._calm()

    def tick(self) -> Stalled | Recovered | None:
        """Look whether it is time to say something. To be called once a second, or oftener."""
        now = self._clock()
        passed = now - self._ticked
        if passed < self._limits.tick:
            return None
        self._ticked, slept_before, self._sleep = now, self._sleep, self._slept()
        # Whoever did not run himself, or slept, cannot say that another one stood still.
        if passed > self._limits.tick + 3 or self._sleep - slept_before > 1:
            self._begin_anew()
            return None
        if self._is_ready and not self._asked:
            self._begin_anew()
            return self._calm()
        if now - self._progressed < min(self._limits.stopped, self._limits.idle) - 1:
            return None
        look = self._look()
        return None if look is None else self._judge(look, now)

    def _judge(self, look: Look, now: float) -> Stalled | Recovered | None:
        was_stopped, self._was_stopped = self._was_stopped, look.is_stopped
        quiet = now - self._progressed
        if look.is_stopped:
            if was_stopped and quiet >= self._limits.stopped:
                return self._alarm(*_STOPPED)
            return None
        if was_stopped:  # it goes on, before it has anything to tell
            self._begin_anew()
            return self._calm()
        if self._active is None or _is_active(*self._active, look, now):
            self._active = (look, now)
        if look.waits_for_disk:
            return self._alarm(*_DISK, quiet) if quiet >= self._limits.disk else None
        if quiet >= self._limits.idle and now - self._active[1] >= 0.75 * self._limits.idle:
            return self._alarm(*_IDLE, quiet)
        return self._alarm(*_BUSY, quiet) if quiet >= self._patience() else None

    def _patience(self) -> float:
        """Return how long one that computes may take for a step."""
        if not self._is_ready or any(isinstance(asked, _LOADS) for asked in self._asked.values()):
            return self._limits.load
        is_answer = all(isinstance(asked, Generate) for asked in self._asked.values())
        return self._limits.token if is_answer and not self._is_reading else self._limits.prompt

    def _alarm(self, sentence: str, way_out: str, quiet: float = 0.0) -> Stalled | None:
        if self._is_alarmed:
            return None
        self._is_alarmed = True
        return Stalled(sentence=sentence.format(time=_duration(quiet)), way_out=way_out)

    def _calm(self) -> Recovered | None:
        was_alarmed, self._is_alarmed = self._is_alarmed, False
        return Recovered() if was_alarmed else None

    def _begin_anew(self) -> None:
        self._progressed = self._clock()
        self._was_stopped, self._active = False, None


_WAIT = "It is left as it is, in case it goes on. What has been written is kept either way."
_STOPPED = (
    "The engine has been stopped by another program, and stands still.",
    "Let it go on there, or start it again here. What has been written is kept either way.",
)
_IDLE = ("The engine has stood still for {time}: it neither computes nor reads.", _WAIT)
_DISK = ("The engine has been waiting for the disk for {time}.", _WAIT)
_BUSY = ("The engine has computed for {time} without getting any further.", _WAIT)

# More than the pulse takes, and threads that wait for the interpreter.
_LEAST_CPU_S, _LEAST_SHARE = 0.05, 0.02  # seconds, and of one core


def _is_active(before: Look, since: float, look: Look, now: float) -> bool:
    least = max(_LEAST_CPU_S, _LEAST_SHARE * (now - since))
    return look.cpu_s - before.cpu_s > least or look.pages > before.pages


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes"


def look_at(pid: int) -> Look | None:
    """Return what the process `pid` and those that it started show, None where it is gone."""
    try:
        process = psutil.Process(pid)
        status = process.status()
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return None
    cpu_s, pages = 0.0, 0
    for member in family:
        with contextlib.suppress(psutil.Error, OSError, ValueError, IndexError):
            times = member.cpu_times()
            cpu_s += times.user + times.system
            pages += _pages_read(member.pid)
    disk_sleep = status == psutil.STATUS_DISK_SLEEP
    is_stopped = status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    return Look(cpu_s, pages, is_stopped, disk_sleep)


def _pages_read(pid: int) -> int:
    """Return how often the process has waited for a page from the disk: major faults, proc(5)."""
    if sys.platform != "linux":
        return 0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[9])


def seconds_slept() -> float:
    """Return how long the machine has slept since it was started, as far as it says so."""
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
