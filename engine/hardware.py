"""What this computer is: instruction sets, cores, memory; and what follows for the engine process.

Everything is read from /proc and /sys below a `root`, so recorded layouts can be tested. Other
systems get what psutil knows. Nothing here imports torch.
"""

import contextlib
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

import psutil

from engine.cgroup import group_room
from engine.errors import BadSetting


class Isa(IntEnum):
    """Instruction-set levels, in IPEX's order and with IPEX's names (csrc/cpu/isa)."""

    BASELINE = 0
    AVX2 = 1
    AVX2_VNNI = 2
    AVX512 = 3
    AVX512_VNNI = 4
    AVX512_BF16 = 5
    AMX = 6
    AVX512_FP16 = 7


_AVX2 = {"avx2", "fma", "f16c"}
_AVX512 = _AVX2 | {"avx512f", "avx512bw", "avx512vl", "avx512dq"}
# What each level needs besides the level below it; AVX2_VNNI stands beside the AVX-512 line.
_LEVELS: tuple[tuple[Isa, set[str]], ...] = (
    (Isa.AVX512_FP16, _AVX512 | {"avx512_vnni", "avx512_bf16", "amx_tile", "avx512_fp16"}),
    (Isa.AMX, _AVX512 | {"avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"}),
    (Isa.AVX512_BF16, _AVX512 | {"avx512_vnni", "avx512_bf16"}),
    (Isa.AVX512_VNNI, _AVX512 | {"avx512_vnni"}),
    (Isa.AVX512, _AVX512),
    (Isa.AVX2_VNNI, _AVX2 | {"avx_vnni"}),
    (Isa.AVX2, _AVX2),
)


@dataclass(frozen=True)
class Cpu:
    """One computer's processor, as far as the engine cares.

    `cores` are the logical CPU numbers to run on, one for each physical performance core of one
    NUMA node that this process may use, and `others` the rest that it may use; `quota` is a
    container's limit in CPUs.
    """

    model: str
    flags: frozenset[str]
    cores: tuple[int, ...]
    quota: float | None = None
    others: tuple[int, ...] = ()

    @property
    def isa(self) -> Isa:
        """The highest instruction-set level that all of its flags are there for."""
        return next((level for level, needs in _LEVELS if needs <= self.flags), Isa.BASELINE)

    @property
    def has_vnni(self) -> bool:
        """Whether int8 products add into 32 bits without saturating in 16."""
        return bool({"avx_vnni", "avx512_vnni"} & self.flags)

    @property
    def threads(self) -> int:
        """How many threads to compute with: the cores, or fewer where a quota says so."""
        usable = len(self.cores)
        return max(1, min(usable, int(self.quota)) if self.quota else usable)

    @property
    def logical(self) -> int:
        """How many logical CPUs this process may use."""
        return len(self.cores) + len(self.others)

    def with_threads(self, threads: int | None) -> "Cpu":
        """Return the same with as many threads as a person asked for; None leaves the choice.

        Beyond the cores, the other logical CPUs serve too. Raises BadSetting for more than all.
        """
        if threads is None:
            return self
        logical = (*self.cores, *self.others)
        if not 1 <= threads <= len(logical):
            allowed = f"from 1 to {len(logical)} on this computer"
            raise BadSetting(name="The number of threads", value=threads, allowed=allowed)
        return replace(self, cores=logical[:threads], others=logical[threads:], quota=None)


def read_cpu(root: Path = Path("/"), allowed: set[int] | None = None) -> Cpu:
    """Return this computer's processor, from /proc and /sys below `root`.

    allowed: logical CPUs this process may run on; None asks the system. TERN_ISA=avx2 in the
    environment hides everything above AVX2, as for measuring what an older CPU would do.
    """
    cpu = _read_cpu(root, allowed)
    if os.environ.get("TERN_ISA", "").lower() == "avx2":
        hidden = {flag for flag in cpu.flags if flag.startswith(("avx512", "amx", "avx_vnni"))}
        return replace(cpu, flags=cpu.flags - hidden)
    return cpu


def _read_cpu(root: Path, allowed: set[int] | None) -> Cpu:
    if not (root / "proc/cpuinfo").is_file():
        count = psutil.cpu_count(logical=False) or 1
        others = tuple(range(count, psutil.cpu_count() or count))
        name = platform.processor() or platform.machine()
        return Cpu(name, frozenset(), tuple(range(count)), others=others)
    info = _read(root / "proc/cpuinfo")
    fields = dict(_split(line) for line in info.splitlines() if ":" in line)
    if allowed is None:
        allowed = set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else set()
    usable = _usable(root / "sys/devices", allowed)
    cores = _performance_cores(root / "sys/devices", usable)
    return Cpu(
        model=fields.get("model name", platform.machine()),
        flags=frozenset(fields.get("flags", "").split()),
        cores=cores,
        quota=_cpu_quota(root / "sys/fs/cgroup"),
        others=tuple(sorted(usable - set(cores))),
    )


def _usable(devices: Path, allowed: set[int]) -> set[int]:
    return _cpu_list(_read(devices / "system/cpu/online")) & allowed or allowed or {0}


def _performance_cores(devices: Path, usable: set[int]) -> tuple[int, ...]:
    """One logical CPU for each physical performance core of the NUMA node that has most of them."""
    # A hybrid CPU lists its performance cores here; others have no such file.
    usable = usable & _cpu_list(_read(devices / "cpu_core/cpus")) or usable
    nodes = sorted((devices / "system/node").glob("node[0-9]*/cpulist"))
    shares = [usable & _cpu_list(_read(node)) for node in nodes] or [usable]
    node_cpus = max(shares, key=len) or usable
    first_siblings = set()
    for cpu in node_cpus:
        topology = devices / f"system/cpu/cpu{cpu}/topology/thread_siblings_list"
        siblings = _cpu_list(_read(topology)) & node_cpus
        first_siblings.add(min(siblings, default=cpu))
    return tuple(sorted(first_siblings))


def _cpu_quota(cgroup: Path) -> float | None:
    """The container's limit in CPUs (cgroup v2, then v1), or None."""
    fields = _read(cgroup / "cpu.max").split()
    if len(fields) != 2:
        v1 = cgroup / "cpu"
        fields = [_read(v1 / "cpu.cfs_quota_us").strip(), _read(v1 / "cpu.cfs_period_us").strip()]
    try:
        quota, period = int(fields[0]), int(fields[1])
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def available_memory(pid: int | None = None) -> int:
    """Return how many bytes can be allocated without swapping or passing a container's limit.

    pid: whose limit, None this process's.
    """
    free = int(psutil.virtual_memory().available)
    room = group_room(pid)
    return free if room is None else min(free, room)


def child_environment(cpu: Cpu, base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment the engine process needs before torch loads, over `base`.

    One OpenMP runtime for everything: libiomp5 of the intel-openmp package is preloaded where it
    is present, and its threads are bound to the chosen cores. The offline flags keep the model
    libraries from asking the network for anything. Torch's compiler, which IPEX imports and Tern
    never uses, would start a process for each core at its import, half a gigabyte on two cores.
    """
    cores = ",".join(str(core) for core in cpu.cores[: cpu.threads])
    environment = dict(base) | {
        "OMP_NUM_THREADS": str(cpu.threads),
        "KMP_AFFINITY": f"granularity=fine,proclist=[{cores}],explicit",
        "KMP_BLOCKTIME": "1",
        "DISABLE_IPEX_SAMPLE": "1",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONIOENCODING": "utf-8",
    }
    environment |= isa_limits()
    openmp = openmp_library()
    if openmp:
        preloaded = [str(openmp), base.get("LD_PRELOAD", "")]
        environment["LD_PRELOAD"] = ":".join(filter(None, preloaded))
    return environment


@contextlib.contextmanager
def unbound(cpu: Cpu) -> Iterator[None]:
    """Let this thread run on all cores of `cpu` meanwhile: a process started then inherits that.

    OpenMP binds the thread that first uses it to one core.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before | set(cpu.cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def isa_limits() -> dict[str, str]:
    """Return what holds torch, IPEX and oneDNN to AVX2 where TERN_ISA asks for it."""
    if os.environ.get("TERN_ISA", "").lower() != "avx2":
        return {}
    return {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def openmp_library() -> Path | None:
    """Return intel-openmp's libiomp5, in a Python environment or beside a frozen program."""
    if not sys.platform.startswith("linux"):
        return None
    frozen = getattr(sys, "_MEIPASS", None)
    folders = [Path(frozen)] if frozen else [Path(sys.prefix) / "lib"]
    return next((f / "libiomp5.so" for f in folders if (f / "libiomp5.so").is_file()), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _cpu_list(text: str) -> set[int]:
    """Parse the kernel's list format: "0-3,8,10-11"."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            cpus.update(range(int(first), int(last or first) + 1))
    return cpus
