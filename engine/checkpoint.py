"""A model folder's .safetensors files as mapped tensors. Nothing else is ever opened as weights."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from engine.errors import DamagedFile
from engine.model_files import weight_files


class Checkpoint:
    """The tensors of one model, read by name, each mapped to its file for as long as it lives."""

    def __init__(self, folder: Path) -> None:
        """Open the files' headers. Raises NotAModel, PickleOnly or DamagedFile."""
        self.folder = folder
        self._files: dict[str, Path] = {}
        self.files = weight_files(folder)
        for file in self.files:
            self._files.update(dict.fromkeys(_open(file).keys(), file))

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def names(self) -> list[str]:
        """Return the names of all tensors."""
        return list(self._files)

    def tensor(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return the tensor `name`, mapped.

        Raises DamagedFile where it is missing, holds no floats or has another shape than
        config.json says.
        """
        tensor = self.any_tensor(name)
        if tuple(tensor.shape) != shape:
            reason = f"{name} has the shape {tuple(tensor.shape)} where config.json says {shape}"
            raise DamagedFile(file=self._files[name], reason=reason)
        if not tensor.is_floating_point():
            reason = f"{name} holds {tensor.dtype}, not floats"
            raise DamagedFile(file=self._files[name], reason=reason)
        return tensor

    def any_tensor(self, name: str) -> torch.Tensor:
        """Return the tensor `name` of whatever shape and type. Raises DamagedFile."""
        file = self._files.get(name)
        if file is None:
            raise DamagedFile(file=self.folder, reason=f"it has no weights named {name}")
        # Opened anew each time: a handle that lived on would keep all the pages that were read
        # mapped, and a quantised model would need the memory of the float one beside its own.
        handle = _open(file)
        try:
            tensor: torch.Tensor = handle.get_tensor(name)
        except (SafetensorError, OSError, RuntimeError) as error:
            raise DamagedFile(file=file, reason=_plain(error)) from error
        return tensor


def fingerprint(files: Iterable[Path]) -> str:
    """Return a text that changes when a file is replaced: name, size and time of each."""
    facts = []
    for file in sorted(files):
        with contextlib.suppress(OSError):
            status = file.stat()
            facts.append(f"{file.name}:{status.st_size}:{status.st_mtime_ns}")
    return "\n".join(facts)


def _open(file: Path) -> safe_open:
    try:
        return safe_open(str(file), framework="pt", device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedFile(file=file, reason=_plain(error)) from error


def _plain(error: Exception) -> str:
    return str(error).splitlines()[0][:200].rstrip(".") if str(error) else type(error).__name__
