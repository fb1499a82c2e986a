"""Recorded layouts of computers, as the few files of /proc and /sys that are read."""

from collections.abc import Iterable
from pathlib import Path

import pytest

import engine.hardware
from engine.errors import BadSetting
from engine.hardware import Cpu, Isa, child_environment, openmp_library, read_cpu

AVX2 = "fpu sse4_2 avx avx2 fma f16c"
AVX512 = f"{AVX2} avx512f avx512bw avx512vl avx512dq"
SAPPHIRE_RAPIDS = (
    f"{AVX512} avx512_vnni avx512_bf16 avx512_fp16 avx_vnni amx_tile amx_int8 amx_bf16"
)


class Machine:
    """Writes the tree of one computer below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def cpus(self, siblings: Iterable[str], flags: str = AVX2, model: str = "A CPU") -> None:
        """`siblings`: for each logical CPU in order, the threads of its core ("0,8")."""
        siblings = list(siblings)
        blocks = [
            f"processor\t: {number}\nmodel name\t: {model}\nflags\t\t: {flags}\n"
            for number in range(len(siblings))
        ]
        self.write("proc/cpuinfo", "\n".join(blocks))
        self.write("sys/devices/system/cpu/online", f"0-{len(siblings) - 1}")
        for number, threads in enumerate(siblings):
            folder = f"sys/devices/system/cpu/cpu{number}/topology"
            self.write(f"{folder}/thread_siblings_list", threads)

    def read(self, allowed: Iterable[int]) -> Cpu:
        return read_cpu(self.root, set(allowed))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.delenv("TERN_ISA", raising=False)
    return Machine(tmp_path / "root")


def plain(machine: Machine, count: int = 4, flags: str = AVX2) -> Cpu:
    machine.cpus(map(str, range(count)), flags)
    machine.write("sys/devices/system/node/node0/cpulist", f"0-{count - 1}")
    return machine.read(range(count))


def test_four_cores_without_hyper_threading_are_all_used(machine: Machine) -> None:
    cpu = plain(machine)
    assert cpu.model == "A CPU"
    assert cpu.cores == (0, 1, 2, 3)
    assert cpu.threads == 4
    assert cpu.quota is None


def test_of_two_sockets_one_is_used_with_one_thread_a_core(machine: Machine) -> None:
    """2 nodes of 4 cores of 2 threads: CPUs 0-7 are first threads, 8-15 second ones."""
    machine.cpus([f"{n % 8},{n % 8 + 8}" for n in range(16)])
    machine.write("sys/devices/system/node/node0/cpulist", "0-3,8-11")
    machine.write("sys/devices/system/node/node1/cpulist", "4-7,12-15")
    assert machine.read(range(16)).cores == (0, 1, 2, 3)


def test_two_sockets_without_hyper_threading_give_the_cores_of_one(machine: Machine) -> None:
    machine.cpus(map(str, range(16)), SAPPHIRE_RAPIDS)
    machine.write("sys/devices/system/node/node0/cpulist", "0-7")
    machine.write("sys/devices/system/node/node1/cpulist", "8-15")
    cpu = machine.read(range(16))
    assert cpu.cores == tuple(range(8))
    assert child_environment(cpu, {})["OMP_NUM_THREADS"] == "8"


def test_a_hybrid_cpu_without_hyper_threading_runs_on_its_performance_cores(
    machine: Machine,
) -> None:
    """Lunar Lake's layout: 4 P-cores (0-3) and 4 E-cores (4-7), a thread each."""
    machine.cpus(map(str, range(8)), f"{AVX2} avx_vnni")
    machine.write("sys/devices/cpu_core/cpus", "0-3")
    machine.write("sys/devices/cpu_atom/cpus", "4-7")
    machine.write("sys/devices/system/node/node0/cpulist", "0-7")
    assert machine.read(range(8)).cores == (0, 1, 2, 3)


@pytest.mark.parametrize(("siblings", "cores"), [(["0", "1"], (0, 1)), (["0-1", "0-1"], (0,))])
def test_a_virtual_machine_of_two_cpus(
    machine: Machine, siblings: list[str], cores: tuple[int, ...]
) -> None:
    """Two cores, or the two threads of one, as the host tells; no hybrid files, one node."""
    machine.cpus(siblings)
    machine.write("sys/devices/system/node/node0/cpulist", "0-1")
    assert machine.read(range(2)).cores == cores


def test_a_memory_only_node_is_not_chosen(machine: Machine) -> None:
    machine.cpus(["0", "1"])
    machine.write("sys/devices/system/node/node0/cpulist", "")
    machine.write("sys/devices/system/node/node1/cpulist", "0-1")
    assert machine.read(range(2)).cores == (0, 1)


def test_a_hybrid_cpu_runs_on_its_performance_cores(machine: Machine) -> None:
    """8 P-cores with two threads each (0-15), 8 E-cores (16-23)."""
    p_cores = [f"{n - n % 2}-{n - n % 2 + 1}" for n in range(16)]
    machine.cpus([*p_cores, *map(str, range(16, 24))], f"{AVX2} avx_vnni")
    machine.write("sys/devices/cpu_core/cpus", "0-15")
    machine.write("sys/devices/cpu_atom/cpus", "16-23")
    machine.write("sys/devices/system/node/node0/cpulist", "0-23")
    cpu = machine.read(range(24))
    assert cpu.cores == (0, 2, 4, 6, 8, 10, 12, 14)
    assert cpu.isa is Isa.AVX2_VNNI


def test_a_process_kept_to_efficiency_cores_uses_those(machine: Machine) -> None:
    machine.cpus(map(str, range(6)))
    machine.write("sys/devices/cpu_core/cpus", "0-3")
    assert machine.read({4, 5}).cores == (4, 5)


def test_the_affinity_mask_is_kept_to(machine: Machine) -> None:
    machine.cpus([f"{n % 4},{n % 4 + 4}" for n in range(8)])
    machine.write("sys/devices/system/node/node0/cpulist", "0-7")
    # CPU 1 and its sibling 5 are one core; of core 2 only the second thread may be used.
    assert machine.read({1, 5, 6}).cores == (1, 6)


def test_the_node_with_most_of_the_allowed_cpus_is_chosen(machine: Machine) -> None:
    machine.cpus(map(str, range(8)))
    machine.write("sys/devices/system/node/node0/cpulist", "0-3")
    machine.write("sys/devices/system/node/node1/cpulist", "4-7")
    assert machine.read({3, 4, 5}).cores == (4, 5)


def test_cpus_that_are_offline_are_left_out(machine: Machine) -> None:
    machine.cpus(map(str, range(4)))
    machine.write("sys/devices/system/cpu/online", "0,2-3")
    assert machine.read(range(4)).cores == (0, 2, 3)


@pytest.mark.parametrize(
    ("quota", "threads"), [("150000 100000", 1), ("200000 100000", 2), ("50000 100000", 1)]
)
def test_a_containers_quota_limits_the_threads(machine: Machine, quota: str, threads: int) -> None:
    machine.write("sys/fs/cgroup/cpu.max", quota)
    cpu = plain(machine)
    assert cpu.threads == threads
    proclist = ",".join(map(str, range(threads)))
    assert f"proclist=[{proclist}]" in child_environment(cpu, {})["KMP_AFFINITY"]


def test_a_quota_of_cgroup_version_1_counts_too(machine: Machine) -> None:
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000")
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    assert plain(machine).threads == 3


@pytest.mark.parametrize("quota", ["max 100000", "", "nonsense here", "-1 100000", "100000 0"])
def test_without_a_quota_every_core_is_used(machine: Machine, quota: str) -> None:
    machine.write("sys/fs/cgroup/cpu.max", quota)
    assert plain(machine).threads == 4


def test_a_quota_above_the_cores_adds_none(machine: Machine) -> None:
    machine.write("sys/fs/cgroup/cpu.max", "1600000 100000")
    assert plain(machine).threads == 4


def test_without_proc_there_is_still_an_answer(tmp_path: Path) -> None:
    cpu = read_cpu(tmp_path)
    assert cpu.threads >= 1
    assert cpu.cores
    assert cpu.isa is Isa.BASELINE


def test_with_cpuinfo_alone_there_is_still_an_answer(machine: Machine) -> None:
    machine.write("proc/cpuinfo", "")
    assert machine.read({2, 3}).cores == (2, 3)
    assert machine.read(()).threads == 1


@pytest.mark.parametrize(
    ("flags", "isa", "vnni"),
    [
        ("fpu sse4_2", Isa.BASELINE, False),
        ("avx avx2", Isa.BASELINE, False),  # no fma: what is built for AVX2 uses it
        (AVX2, Isa.AVX2, False),
        (f"{AVX2} avx_vnni", Isa.AVX2_VNNI, True),
        (f"{AVX2} avx512f", Isa.AVX2, False),  # Knights Landing: no byte and word operations
        (AVX512, Isa.AVX512, False),
        (f"{AVX512} avx512_vnni", Isa.AVX512_VNNI, True),
        (f"{AVX512} avx512_vnni avx512_bf16", Isa.AVX512_BF16, True),  # also Zen 4
        (SAPPHIRE_RAPIDS.replace("avx512_fp16 ", ""), Isa.AMX, True),
        (SAPPHIRE_RAPIDS, Isa.AVX512_FP16, True),
    ],
)
def test_the_level_follows_from_the_flags(
    machine: Machine, flags: str, isa: Isa, vnni: bool
) -> None:
    cpu = plain(machine, flags=flags)
    assert cpu.isa is isa
    assert cpu.has_vnni is vnni


def test_a_newer_cpu_can_be_made_to_behave_as_an_avx2_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERN_ISA", "avx2")
    cpu = plain(machine, flags=SAPPHIRE_RAPIDS)
    assert (cpu.isa, cpu.has_vnni) == (Isa.AVX2, False)
    environment = child_environment(cpu, {})
    assert environment["ATEN_CPU_CAPABILITY"] == "avx2"
    assert environment["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    monkeypatch.delenv("TERN_ISA")
    assert "ATEN_CPU_CAPABILITY" not in child_environment(cpu, {})


def test_this_computer_can_be_read() -> None:
    cpu = read_cpu()
    assert cpu.threads == len(cpu.cores) or cpu.quota


# -- the child's environment ---------------------------------------------------------------------


def test_the_child_binds_its_threads_to_the_chosen_cores() -> None:
    cpu = Cpu("A CPU", frozenset(), (0, 2, 4))
    environment = child_environment(cpu, {"HOME": "/home/x", "OMP_NUM_THREADS": "99"})
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["KMP_AFFINITY"] == "granularity=fine,proclist=[0,2,4],explicit"
    assert environment["HOME"] == "/home/x"


def test_the_child_never_asks_the_network() -> None:
    environment = child_environment(Cpu("A CPU", frozenset(), (0,)), {"HF_HUB_OFFLINE": "0"})
    for flag in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        assert environment[flag] == "1"


def test_the_openmp_runtime_is_preloaded_before_what_was_preloaded_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "lib" / "libiomp5.so"
    library.parent.mkdir()
    library.touch()
    monkeypatch.setattr(engine.hardware.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(engine.hardware.sys, "platform", "linux")
    cpu = Cpu("A CPU", frozenset(), (0,))
    assert child_environment(cpu, {})["LD_PRELOAD"] == str(library)
    former = {"LD_PRELOAD": "/usr/lib/libjemalloc.so"}
    assert child_environment(cpu, former)["LD_PRELOAD"] == f"{library}:/usr/lib/libjemalloc.so"


def test_without_the_openmp_runtime_nothing_is_preloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.hardware.sys, "prefix", str(tmp_path))
    cpu = Cpu("A CPU", frozenset(), (0,))
    assert openmp_library() is None
    assert "LD_PRELOAD" not in child_environment(cpu, {})
    assert child_environment(cpu, {"LD_PRELOAD": "/a.so"})["LD_PRELOAD"] == "/a.so"


# -- threads that a person asks for --------------------------------------------------------------


def test_threads_left_open_are_the_physical_cores(machine: Machine) -> None:
    machine.cpus(["0,2", "1,3", "0,2", "1,3"])
    cpu = machine.read(range(4))
    assert cpu.with_threads(None) == cpu
    assert cpu.cores == (0, 1) and cpu.others == (2, 3)


def test_fewer_threads_take_the_first_cores_and_more_the_other_logical_ones(
    machine: Machine,
) -> None:
    machine.cpus(["0,2", "1,3", "0,2", "1,3"])
    cpu = machine.read(range(4))
    assert cpu.with_threads(1).cores == (0,)
    assert cpu.with_threads(3).cores == (0, 1, 2)
    assert cpu.with_threads(4).threads == 4


def test_threads_asked_for_pass_a_containers_quota(machine: Machine) -> None:
    machine.cpus(map(str, range(4)))
    machine.write("sys/fs/cgroup/cpu.max", "200000 100000")
    cpu = machine.read(range(4))
    assert cpu.threads == 2
    assert cpu.with_threads(4).threads == 4


@pytest.mark.parametrize("threads", [0, -1, 5])
def test_more_threads_than_logical_cpus_are_refused(machine: Machine, threads: int) -> None:
    machine.cpus(map(str, range(4)))
    with pytest.raises(BadSetting, match=f"cannot be {threads}: it must be from 1 to 4"):
        machine.read(range(4)).with_threads(threads)
