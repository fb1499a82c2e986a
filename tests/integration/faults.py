"""Engines that go wrong in a way of their choosing, and groups that limit their memory."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# Each takes the place of an answer in an otherwise real engine process.
HOG = "hog = [bytearray(1 << 20) for _ in range(100_000)]"
BAD_ALLOC = "print(\"terminate called after ... 'std::bad_alloc'\", flush=True); os.abort()"
DEADLOCK = "lock = threading.Lock(); lock.acquire(); lock.acquire()"
DEADLOCK_WITH_GIL = "ctypes.PyDLL(None).pause()"
LOOP = "while True: pass"

_WORKER = """
import ctypes, os, threading
from engine import worker

def go_wrong(self, command):
    {fault}

worker.Worker._generate = go_wrong
{before}
worker.main()
"""


def faulty(fault: str, before: str = "") -> list[str]:
    """Return the command of an engine that does `fault` when it is asked for an answer."""
    return [sys.executable, "-P", "-c", _WORKER.format(fault=fault, before=before)]


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """Yield the file that takes the processes of a new group with `limit` bytes of memory."""
    lines = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    paths = {controllers: path for _, controllers, path in lines}
    if "memory" in paths:
        parent, name = Path("/sys/fs/cgroup/memory" + paths["memory"]), "memory.limit_in_bytes"
    else:
        parent, name = Path("/sys/fs/cgroup" + paths.get("", "/")), "memory.max"
    group = parent / f"tern-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made here: {error}")
    try:
        try:
            (group / name).write_text(str(limit))
        except OSError as error:
            pytest.skip(f"no memory can be limited here: {error}")
        with contextlib.suppress(OSError):
            (group / "memory.swap.max").write_text("0")
        yield group / "cgroup.procs"
    finally:
        while pids := (group / "cgroup.procs").read_text().split():
            for pid in pids:  # those of a test that failed
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.05)
        group.rmdir()


def joining(group: Path) -> str:
    """Return the code that lets a process enter a group before it does anything."""
    return f"open({str(group)!r}, 'w').write(str(os.getpid()))"
