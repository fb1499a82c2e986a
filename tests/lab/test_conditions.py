"""A machine that did other things during a measurement is found out."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.lab.conditions import NoiseWatch


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A processor that has throttled 3 times, in a container that was held back twice."""
    core = tmp_path / "sys/devices/system/cpu/cpu0/thermal_throttle"
    core.mkdir(parents=True)
    (core / "core_throttle_count").write_text("3\n")
    (core / "package_throttle_count").write_text("0\n")
    quota = tmp_path / "sys/fs/cgroup"
    quota.mkdir(parents=True)
    (quota / "cpu.stat").write_text("usage_usec 5\nnr_periods 9\nnr_throttled 2\n")
    return tmp_path


def test_throttling_during_the_watch_counts_and_earlier_does_not(sysfs: Path) -> None:
    watch = NoiseWatch(None, sysfs)
    assert "too hot" not in watch.verdict()
    counter = sysfs / "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
    counter.write_text("4\n")
    assert "the processor was too hot" in watch.verdict()
    assert "quota" not in watch.verdict()


def test_a_quota_that_was_used_up_counts(sysfs: Path) -> None:
    watch = NoiseWatch(None, sysfs)
    (sysfs / "sys/fs/cgroup/cpu.stat").write_text("nr_throttled 5\n")
    assert "CPU quota was used up" in watch.verdict()


def test_a_system_that_does_not_tell_is_no_trouble(tmp_path: Path) -> None:
    assert "too hot" not in NoiseWatch(None, tmp_path).verdict()


def test_another_process_that_keeps_the_machine_busy_is_seen() -> None:
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(psutil.cpu_count() or 1)
    ]
    try:
        watch, seen = NoiseWatch(None), ""
        end = time.monotonic() + 60
        while not seen and time.monotonic() < end:
            time.sleep(0.05)  # CPU time is counted in ticks of 10 ms
            seen = watch.verdict()
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert "other processes took" in seen
