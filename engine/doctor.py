"""What Tern finds on this computer and what follows from it, without loading anything.

`examine` only reads. Versions come from the installed packages' metadata, so torch is not
imported; whether its kernels really run, only loading a model can tell.
"""

import os
import platform
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from engine.errors import TernError
from engine.hardware import Cpu, Isa, available_memory, openmp_library
from engine.kernels.base import core_built, ipex_caution, ipex_installed, native_choice, pick
from engine.messages import Precision
from engine.paths import Paths, assets_folder
from engine.settings import SettingsFile
from engine.store.hub_cache import store_root
from engine.store.local import StoredModel, list_models

FLAGS_THAT_MATTER = (
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "avx512_fp16",
)
_PACKAGES = {
    "torch": "torch",
    "transformers": "transformers",
    "ipex": "intel-extension-for-pytorch",
    "intel-openmp": "intel-openmp",
    "pyside6": "pyside6-essentials",
}


@dataclass(frozen=True)
class KernelAdvice:
    """The kernels of one precision: what "auto" takes and why, what "ipex" would say.

    For a large model: one of fewer parameters than IPEX_WORTHWHILE runs natively.
    `ipex_problem` is empty where IPEX can serve the precision, `ipex_caution` where it is fast.
    """

    precision: Precision
    kernel: str
    why: str
    ipex_problem: str
    ipex_caution: str = ""


@dataclass(frozen=True)
class Place:
    """A folder that Tern writes to; `problem` is empty where it can."""

    purpose: str
    folder: Path
    problem: str


@dataclass(frozen=True)
class Report:
    """All that `tern doctor` tells. Memory in bytes; None as a version: not installed.

    core_built: whether Tern's compiled kernels are there. ipex_isa is the level that IPEX itself
    finds; None where it was not asked. network_problem: why the kernel does not keep the engine
    from the internet, "" where it does; None where it was not asked.
    """

    versions: dict[str, str | None]
    system: str
    cpu: str
    isa: str
    flags: dict[str, bool]
    cores: tuple[int, ...]
    threads: int
    quota: float | None
    memory_total: int
    memory_available: int
    openmp_library: Path | None
    kernels: tuple[KernelAdvice, ...]
    places: tuple[Place, ...]
    models: tuple[StoredModel, ...]
    core_built: bool = True
    ipex_isa: str | None = None
    network_problem: str | None = None


def examine(paths: Paths, cpu: Cpu) -> Report:
    """Return what this computer offers to Tern."""
    has_ipex = ipex_installed()
    settings = SettingsFile.of(paths).value
    return Report(
        versions=_versions(),
        system=platform.platform(),
        cpu=cpu.model,
        isa=cpu.isa.name,
        flags={flag: flag in cpu.flags for flag in FLAGS_THAT_MATTER},
        cores=cpu.cores,
        threads=cpu.threads,
        quota=cpu.quota,
        memory_total=psutil.virtual_memory().total,
        memory_available=available_memory(),
        openmp_library=openmp_library(),
        kernels=tuple(advise(precision, cpu.isa, has_ipex) for precision in Precision),
        places=_places(paths, store_root(settings)),
        models=tuple(list_models(settings, paths)),
        core_built=core_built(),
    )


def advise(precision: Precision, isa: Isa, has_ipex: bool) -> KernelAdvice:
    """Return which kernels serve `precision` on a CPU of level `isa`, and why."""
    choice = native_choice(pick(precision, "auto", isa, has_ipex), core_built())
    try:
        pick(precision, "ipex", isa, has_ipex)
    except TernError as problem:
        return KernelAdvice(precision, choice.kernel, choice.why, problem.said)
    return KernelAdvice(precision, choice.kernel, choice.why, "", ipex_caution(precision, isa))


def tern_version() -> str:
    """Return Tern's version, also in a checkout that is not installed."""
    try:
        return version("tern-chat")
    except PackageNotFoundError:
        project = Path(__file__).resolve().parent.parent / "pyproject.toml"
        try:
            return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
        except (OSError, ValueError, KeyError):
            return "unknown"


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"tern": tern_version(), "python": sys.version.split()[0]}
    for name, package in _PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = None
    return found


def _places(paths: Paths, models: Path) -> tuple[Place, ...]:
    folders = {
        "settings": paths.config,
        "chats": paths.data,
        "packed weights": paths.packed,
        "logs": paths.logs,
        "models": models,
    }
    places = [
        Place(purpose, folder, why_not_writable(folder)) for purpose, folder in folders.items()
    ]
    return (*places, Place("shipped files", assets_folder(), ""))


def why_not_writable(folder: Path) -> str:
    """Return why nothing could be written to `folder`, or "". Makes nothing."""
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        return f"{nearest} is not a folder"
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"no permission to write to {nearest}"
    return ""
