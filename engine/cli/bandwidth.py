"""`tern read-bandwidth`: how fast this computer reads its memory. `tern bench` runs it apart.

In a process of its own, so that neither its memory nor its bound threads touch a measurement.
"""

import argparse
import os
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.cli import console
from engine.cli.apart import ask_apart
from engine.cli.session import ClientFactory
from engine.hardware import Cpu, available_memory

_LEAST_BYTES = 512 << 20
_LEAST_PASSES = 6
_SECONDS = 1.5


class Bandwidth(msgspec.Struct, frozen=True):
    """Bytes a second of the best pass and of the median one, and how they were measured.

    The two are nearly one on a machine of one's own; where others use its memory, only the median
    can be kept up for as long as an answer takes.
    """

    bytes_per_s: float
    sustained_bytes_per_s: float
    method: str


def measure_apart(cpu: Cpu) -> Bandwidth | None:
    """Return what a child process measures on the cores the engine uses; None where it fails."""
    cores = ",".join(str(core) for core in cpu.cores[: cpu.threads])
    return ask_apart(["read-bandwidth", "--cores", cores], Bandwidth)


def run(args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the command."""
    console.print_json(measure([int(core) for core in args.cores.split(",")]))
    return 0


def measure(cores: list[int]) -> Bandwidth:
    """Read an array too big for the caches with one thread on each of `cores`, for 1.5 s."""
    import numpy as np

    count = _array_bytes()
    array = np.ones(count // 4, np.int32)  # ones: written, so that every page is really there
    parts = np.array_split(array, len(cores))
    shares = list(zip(cores, parts, strict=True))
    times: list[float] = []
    while len(times) < _LEAST_PASSES or sum(times) < _SECONDS:
        times.append(_time_pass(shares))
    method = (
        f"numpy maximum over {count >> 20} MiB of int32, {len(cores)} bound threads, "
        f"best of {len(times)} passes"
    )
    return Bandwidth(array.nbytes / min(times), array.nbytes / statistics.median(times), method)


def _time_pass(shares: Sequence[tuple[int, object]]) -> float:
    """Return the seconds from the common start to the last thread's end."""
    gate = threading.Barrier(len(shares) + 1)
    threads = [threading.Thread(target=_read, args=(gate, *share)) for share in shares]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def _read(gate: threading.Barrier, core: int, part: object) -> None:
    import numpy as np

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})  # 0: this thread
    gate.wait()
    # Of numpy's reductions that use vector instructions and release the GIL, among the fastest.
    np.maximum.reduce(part)  # type: ignore[call-overload]


def _array_bytes() -> int:
    """Twice the last-level cache, at least 512 MiB, at most a quarter of the free memory."""
    cache = 0
    for size in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = size.read_text().strip()
        if text.endswith("K") and text[:-1].isdigit():
            cache = max(cache, int(text[:-1]) << 10)
    return max(64 << 20, min(max(_LEAST_BYTES, 2 * cache), available_memory() // 4))
