"""Speed of the compiled linears against what the machine's memory allows.

    python tests/benchmarks/linears.py [--isa avx2] [--tokens 1 16 128 512] [--threads 2]

Weights are out of cache: as many copies of a matrix as fill 256 MB are multiplied in turn. Formats,
token counts and the read bandwidth take turns within each round. The best call of each stands for
what the machine can do (on a shared one, the rest of the calls tell of its other users), and the
median is printed beside it.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.kernels.native import _core as core

Array = np.ndarray[Any, Any]
_OUT_OF_CACHE = 256 << 20
_READ = 16 << 20
_GROUP = 32


def random_linear(format_name: str, out: int, inputs: int, rng: np.random.Generator) -> Array:
    """Return the packed bytes of random weights."""
    packed: Array
    if format_name == "Int4":
        codes = rng.integers(0, 16, (out, inputs), dtype=np.uint8)
        scales = rng.uniform(0.1, 0.2, (out, -(-inputs // _GROUP))).astype(np.float16)
        packed = core.pack_int4(codes, scales.view(np.uint16))
    elif format_name == "Int8":
        codes = rng.integers(-127, 128, (out, inputs), dtype=np.int8)
        packed = core.pack_int8(codes, rng.uniform(0.01, 0.02, out).astype(np.float32))
    else:
        weights = rng.standard_normal((out, inputs), dtype=np.float32)
        bits = (weights.view(np.uint32) >> 16).astype(np.uint16)
        rows = bits.reshape(-1).view(np.uint8)
        packed = rows if format_name == "Bf16Rows" else core.pack_bf16(bits)
    return packed


def copies(format_name: str, out: int, inputs: int, rng: np.random.Generator) -> list[Any]:
    """Return linears of equal weights at distinct addresses, larger together than any cache."""
    packed = random_linear(format_name, out, inputs, rng)
    count = max(2, _OUT_OF_CACHE // packed.nbytes)
    # One block, and a multiple of 64 bytes a matrix, as in a file of packed weights.
    block = np.empty(count * packed.nbytes + 64, dtype=np.uint8)
    start = -block.ctypes.data % 64
    linears = []
    for i in range(count):
        part = block[start + i * packed.nbytes : start + (i + 1) * packed.nbytes]
        part[:] = packed
        linears.append(core.Linear(core.Format.__members__[format_name], out, inputs, part))
    return linears


class Turns:
    """Multiplies by one linear after another, round and round."""

    def __init__(self, team: Any, linears: list[Any], x: Array) -> None:
        self._team, self._linears, self._x, self._next = team, linears, x, 0

    def __call__(self) -> None:
        """Multiply by the next linear."""
        core.multiply(self._team, [self._linears[self._next % len(self._linears)]], self._x)
        self._next += 1


class Reads:
    """Reads one piece of memory after another, each as large as a matrix."""

    def __init__(self, team: Any) -> None:
        memory = np.ones(_OUT_OF_CACHE, dtype=np.uint8)
        self._team, self._pieces, self._next = team, np.split(memory, _OUT_OF_CACHE // _READ), 0

    def __call__(self) -> None:
        """Read the next piece."""
        core.read_all(self._team, self._pieces[self._next % len(self._pieces)])
        self._next += 1


def pinned_team(threads: int) -> Any:
    """Return a team with a core for each member; the calling thread gets the first."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, cores[:1])
    return core.Team(threads, cores)


def seconds(work: Callable[[], object], repeats: int) -> list[float]:
    """Return the seconds of each of `repeats` calls in a row."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Print a table: a row for each format and number of tokens."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isa", choices=core.isas(), default=core.isa())
    parser.add_argument("--formats", nargs="+", default=["Bf16", "Bf16Rows", "Int8", "Int4"])
    parser.add_argument("--tokens", nargs="+", type=int, default=[1, 16, 128, 512])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--inputs", type=int, default=2048)
    parser.add_argument("--outputs", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    core.set_isa(options.isa)
    team, rng = pinned_team(options.threads), np.random.default_rng(0)
    works: dict[tuple[str, int], tuple[Turns, int]] = {}
    for format_name in options.formats:
        linears = copies(format_name, options.outputs, options.inputs, rng)
        for tokens in options.tokens:
            x = rng.standard_normal((tokens, options.inputs), dtype=np.float32)
            works[format_name, tokens] = Turns(team, linears, x), linears[0].nbytes

    reader, reads = Reads(team), list[float]()
    times: dict[tuple[str, int], list[float]] = {key: [] for key in works}
    for _ in range(options.rounds):
        reads += seconds(reader, 32)
        for key, (work, _) in works.items():
            times[key] += seconds(work, max(2, 32 // key[1]))

    bandwidth = _READ / min(reads) / 1e9
    dispatch = statistics.median(seconds(team.run_empty, 1000)) * 1e6
    print(
        f"{options.isa}, {options.threads} threads, {options.inputs} x {options.outputs}: "
        f"read bandwidth {bandwidth:.1f} GB/s (median {_READ / statistics.median(reads) / 1e9:.1f})"
        f", empty dispatch {dispatch:.1f} us"
    )
    print("| format | tokens | best ms | median ms | GB/s of weights | of bandwidth | GFLOP/s |")
    print("|---|---|---|---|---|---|---|")
    for (format_name, tokens), (_, nbytes) in works.items():
        best, median = (
            min(times[format_name, tokens]),
            statistics.median(times[format_name, tokens]),
        )
        rate = nbytes / best / 1e9
        flops = 2 * tokens * options.inputs * options.outputs / best / 1e9
        print(
            f"| {format_name} | {tokens} | {best * 1e3:.3f} | {median * 1e3:.3f} | {rate:.1f} "
            f"| {rate / bandwidth:.0%} | {flops:.0f} |"
        )


if __name__ == "__main__":
    main()
