"""What else the machine did during a measurement, so that a spoiled one can be refused."""

import contextlib
import time
from pathlib import Path

import psutil

_NOISY_SHARE = 0.10  # of the whole machine's CPU time
# How often a core, a package or a container's quota held the clock or the processes back.
_THROTTLES = "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count"
_QUOTA = "sys/fs/cgroup/cpu.stat"


class NoiseWatch:
    """Watches, from its making on, what the machine does besides process `pid` and this one."""

    def __init__(self, pid: int | None, root: Path = Path("/")) -> None:
        self._processes = [psutil.Process(), *([psutil.Process(pid)] if pid else [])]
        self._root = root
        self._start = time.monotonic()
        self._busy, self._own, self._swapped = self._read()
        self._hot, self._held = _hot(root), _held_back(root)

    def verdict(self) -> str:
        """Return what may have spoiled a measurement, or ""."""
        busy, own, swapped = self._read()
        capacity = (time.monotonic() - self._start) * (psutil.cpu_count() or 1)
        others = (busy - self._busy - (own - self._own)) / capacity
        reasons = []
        if others > _NOISY_SHARE:
            reasons.append(f"other processes took {others:.0%} of the machine's CPU time")
        if swapped > self._swapped:
            reasons.append("the machine was swapping")
        if _hot(self._root) > self._hot:
            reasons.append("the processor was too hot and slowed down")
        if _held_back(self._root) > self._held:
            reasons.append("the container's CPU quota was used up")
        return "; ".join(reasons)

    def _read(self) -> tuple[float, float, int]:
        """Return CPU seconds of the whole machine, those of our processes, and bytes swapped."""
        times = psutil.cpu_times()
        # user and nice already hold guest time; steal is another tenant's work.
        names = ("user", "nice", "system", "irq", "softirq", "steal")
        busy = sum(getattr(times, name, 0.0) for name in names)
        own = 0.0
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may just have crashed
                own += sum(process.cpu_times()[:2])
        swap = psutil.swap_memory()
        return busy, own, swap.sin + swap.sout


def _hot(root: Path) -> int:
    """Return how often the processor throttled itself; 0 where it does not tell (AMD, VMs)."""
    return sum(_number(path) for path in root.glob(_THROTTLES))


def _held_back(root: Path) -> int:
    """Return how often a cgroup's CPU quota stopped it (cgroup v2)."""
    try:
        lines = (root / _QUOTA).read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    fields = dict(line.split() for line in lines if len(line.split()) == 2)
    return int(fields.get("nr_throttled", 0))


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
