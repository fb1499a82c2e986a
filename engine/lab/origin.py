"""Where a comparison was made, and of what: machine and model, for whoever reads it later."""

import hashlib
import json
import platform
import struct
from collections.abc import Iterator
from pathlib import Path

import psutil

from engine.hardware import Cpu
from engine.lab.records import Machine
from engine.store.files import content_hash

_HASHED_WHOLE = 1 << 30  # bytes; more would take longer to read than a person cares to wait
_SHA256_DIGITS = 64
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def machine(cpu: Cpu) -> Machine:
    """Return this computer."""
    try:
        governor = _GOVERNOR.read_text(encoding="utf-8").strip()
    except OSError:
        governor = ""
    return Machine(
        cpu=cpu.model,
        isa=cpu.isa.name,
        cores=len(cpu.cores),
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()}",
        governor=governor,
    )


def weights_hash(folder: Path) -> str:
    """Return a SHA-256 that tells the weights in `folder` from others, "" where they are unread.

    Of each file its own SHA-256: the Hub's cache names files so; others are read up to 1 GiB in
    all. Beyond that only headers and sizes count, and the text begins with "headers:".
    """
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    try:
        unnamed = [file for file in files if not _named_by_hash(file)]
        brief = sum(file.stat().st_size for file in unnamed) > _HASHED_WHOLE
        whole = hashlib.sha256("\n".join(_facts(files, brief)).encode()).hexdigest()
    except OSError:
        return ""
    return f"headers:{whole}" if brief else whole


def _facts(files: list[Path], brief: bool) -> Iterator[str]:
    for file in files:
        digest = _named_by_hash(file) or (
            _header_hash(file) if brief else content_hash(file, "sha256")
        )
        yield f"{file.name} {digest}"


def _named_by_hash(file: Path) -> str:
    name = file.resolve().name
    is_blob = file.is_symlink() and len(name) == _SHA256_DIGITS
    return name if is_blob and all(c in "0123456789abcdef" for c in name) else ""


def _header_hash(file: Path) -> str:
    with file.open("rb") as opened:
        start = opened.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        header = opened.read(min(length, 1 << 24))
    facts = json.dumps([file.stat().st_size, hashlib.sha256(start + header).hexdigest()])
    return hashlib.sha256(facts.encode()).hexdigest()
