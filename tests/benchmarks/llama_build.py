"""llama-cpp-python built from source for one instruction set, and its tasks run in children."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.hardware import Cpu
from tests.benchmarks.isa import IsaChoice

_ROOT = Path(__file__).resolve().parents[2]
_RUNNER = Path(__file__).with_name("llama_runner.py")
_PACKAGE = "llama-cpp-python"
# LLAVA: the libraries for pictures, half of the time a build takes.
_COMMON = "-DLLAVA_BUILD=OFF"
_CMAKE_ARGS: dict[IsaChoice, str] = {
    "native": f"{_COMMON} -DGGML_NATIVE=ON",
    # Without GGML_NATIVE each instruction set is as named here; AVX-512 is off unless named.
    "avx2": f"{_COMMON} -DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=ON -DGGML_AVX2=ON "
    "-DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON -DGGML_AVX512=OFF",
}
_LOG_TAIL = 2000


class LlamaFailed(Exception):
    """llama.cpp could not be built or run; the message has the end of its log."""


@dataclass(frozen=True)
class LlamaBuild:
    """An installed llama-cpp-python, apart from the environment's packages."""

    folder: Path
    version: str
    isa: IsaChoice
    system_info: str

    def run(self, task: str, **arguments: Any) -> Any:
        """Return what `task` of llama_runner.py returns in a fresh process.

        Raises LlamaFailed.
        """
        return _run(self.folder, task, arguments)


def install(cache: Path, isa: IsaChoice, cpu: Cpu, tell: Callable[[str], None]) -> LlamaBuild:
    """Return the build for `isa` under `cache`, made first where it is missing: minutes.

    Raises LlamaFailed, also where a build is not what it should be.
    """
    pin = _pinned_version()
    folder = cache / f"{_PACKAGE}-{pin}-{isa}"
    if not folder.is_dir():
        tell(f"building {_PACKAGE} {pin} for {isa}; this takes minutes")
        _build(folder, pin, isa, cpu)
    facts = _run(folder, "describe", {})
    build = LlamaBuild(folder, facts["version"], isa, facts["system_info"])
    _check(build, cpu)
    return build


def _pinned_version() -> str:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version: str = project["tool"]["tern-benchmarks"][_PACKAGE]
    return version


def _build(folder: Path, version: str, isa: IsaChoice, cpu: Cpu) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    # No cache: pip would take a wheel that was built with other CMAKE_ARGS.
    command = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--no-deps"]
    command += ["--no-binary", _PACKAGE, "--target", str(partial), f"{_PACKAGE}=={version}"]
    environment = os.environ | {
        "CMAKE_ARGS": _CMAKE_ARGS[isa],
        "CMAKE_BUILD_PARALLEL_LEVEL": str(cpu.threads),
    }
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LlamaFailed(f"{_PACKAGE} cannot be built:\n{done.stderr[-_LOG_TAIL:]}")
    partial.rename(folder)


def _check(build: LlamaBuild, cpu: Cpu) -> None:
    """Raise LlamaFailed where the build lacks, or has, AVX-512 and should not."""
    has_avx512 = "AVX512 = 1" in build.system_info
    wants_avx512 = build.isa == "native" and "avx512f" in cpu.flags
    if has_avx512 != wants_avx512 or "AVX2 = 1" not in build.system_info:
        raise LlamaFailed(f"the build for {build.isa} has: {build.system_info}")


def _run(folder: Path, task: str, arguments: dict[str, Any]) -> Any:
    request = json.dumps({"task": task, **arguments})
    command = [sys.executable, "-P", str(_RUNNER), request]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LlamaFailed(f"{task} failed:\n{done.stderr[-_LOG_TAIL:]}")
    return json.loads(done.stdout.splitlines()[-1])
