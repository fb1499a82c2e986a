"""Whether a model's files are what they should be: every byte where a hash is known.

A model cache names each file's content by its hash. Of an imported folder nobody knows the hashes:
there only the structure of the .safetensors files is checked, and the report says so.
"""

import functools
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.errors import DamagedFile, UnwritableFolder, reason_of
from engine.model_files import weight_names
from engine.models import LocalModel
from engine.store.files import (
    OnBytes,
    OnProgress,
    content_hash,
    files_below,
    folder_size,
)
from engine.store.hub_cache import is_snapshot

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Verdict(StrEnum):
    """What is known of a file after looking at it."""

    SOUND = "sound"
    WHOLE = "whole"  # its structure is; no hash is known
    UNCHECKED = "unchecked"  # neither has it a known hash nor a structure
    DAMAGED = "damaged"
    MISSING = "missing"


@dataclass(frozen=True)
class FileReport:
    """One file of a model; `reason` says what is wrong where something is."""

    name: str
    path: Path
    size: int
    verdict: Verdict
    reason: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether the model cannot be trusted, or used, because of it."""
        return self.verdict in (Verdict.DAMAGED, Verdict.MISSING)


@dataclass(frozen=True)
class Verification:
    """All files of a model. `by_hash`: whether their hashes were known."""

    model: str
    files: tuple[FileReport, ...]

    @property
    def damaged(self) -> tuple[FileReport, ...]:
        """The files that are damaged or missing."""
        return tuple(file for file in self.files if file.is_bad)

    @property
    def by_hash(self) -> bool:
        """Whether every byte was compared."""
        return all(file.verdict is not Verdict.WHOLE for file in self.files)


def verify(model: LocalModel, on_progress: OnProgress) -> Verification:
    """Read all files of `model` and say of each whether it is sound."""
    found = {path.relative_to(model.folder).as_posix(): path for path in files_below(model.folder)}
    total = folder_size(model.folder)

    def tell(name: str, before: int, count: int) -> None:
        on_progress(name, before + count, total)

    done = 0
    reports = []
    for name, path in found.items():
        report = _check(name, path, functools.partial(tell, name, done))
        done += report.size
        on_progress(name, done, total)
        reports.append(report)
    return Verification(model.name, (*reports, *_missing(model.folder, found)))


def discard(verification: Verification) -> tuple[str, ...]:
    """Delete the damaged files of a model cache, so that a download fetches them again.

    Returns their names. Raises UnwritableFolder.
    """
    damaged = [f for f in verification.damaged if f.path.exists() and is_snapshot(f.path.parent)]
    for file in damaged:
        target = file.path.resolve()
        try:
            (target if _is_blob(target) else file.path).unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise UnwritableFolder(folder=target.parent, reason=reason) from error
    return tuple(file.name for file in damaged)


def _is_blob(path: Path) -> bool:
    return path.parent.name == "blobs" and _HASH.fullmatch(path.name) is not None


def _check(name: str, path: Path, tell: OnBytes) -> FileReport:
    if not os.path.isfile(path):  # noqa: PTH113 - Path's raises where it may not look
        reason = "it is not there" if path.is_symlink() else "it is no ordinary file"
        return FileReport(name, path, 0, Verdict.MISSING, reason)
    target = path.resolve()
    size = target.stat().st_size
    try:
        verdict, reason = _verdict(path, target, tell)
    except OSError as error:
        verdict, reason = Verdict.DAMAGED, f"it cannot be read: {error.strerror}"
    return FileReport(name, path, size, verdict, reason)


def _verdict(path: Path, target: Path, tell: OnBytes) -> tuple[Verdict, str]:
    if path.is_symlink() and _is_blob(target):
        algorithm = "sha256" if len(target.name) == 64 else "sha1"
        if content_hash(target, algorithm, tell) == target.name:
            return Verdict.SOUND, ""
        return Verdict.DAMAGED, f"its {algorithm} is not the one that the Hub named"
    if path.suffix != ".safetensors":
        return Verdict.UNCHECKED, ""
    reason = why_not_safetensors(target)
    return (Verdict.DAMAGED, reason) if reason else (Verdict.WHOLE, "")


def why_not_safetensors(path: Path) -> str:
    """Return what is wrong with the header or the length of a .safetensors file, or ""."""
    from safetensors import SafetensorError, safe_open  # takes a while

    try:
        with safe_open(str(path), framework="np") as opened:
            opened.keys()
    except (SafetensorError, OSError, ValueError) as error:
        return reason_of(error)
    return ""


def _missing(folder: Path, found: dict[str, Path]) -> list[FileReport]:
    """Return reports of the weight files that should be there and are not."""
    try:
        names = weight_names(folder)
    except DamagedFile:  # the index itself, which has a report of its own
        return []
    return [
        FileReport(name, folder / name, 0, Verdict.MISSING, "it is not there")
        for name in names
        if name not in found
    ]
