"""A model folder's .safetensors files as mapped arrays. Nothing else is ever opened as weights."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError

from engine.errors import DamagedFile, reason_of
from engine.model_files import weight_files
from engine.model_folder import check_link
from engine.tensor_file import Array, TensorFile


class Checkpoint:
    """The tensors of one model, read by name, each mapped where it lies in its file."""

    def __init__(self, folder: Path) -> None:
        """Open the files' headers.

        Raises NotAModel, PickleOnly, DamagedFile or LinkLeavesFolder.
        """
        self.folder = folder
        self.files = weight_files(folder)
        self._opened = {file: _open(file) for file in self.files}
        self._places = {
            name: file for file, opened in self._opened.items() for name in opened.entries
        }

    def tensor(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return the tensor `name`, read-only.

        Raises DamagedFile where it is missing, holds no floats or has another shape than
        config.json says.
        """
        file = self._places.get(name)
        if file is None:
            raise DamagedFile(file=self.folder, reason=f"it has no weights named {name}")
        entry = self._opened[file].entries[name]
        if entry.shape != shape:
            reason = f"{name} has the shape {entry.shape} where config.json says {shape}"
            raise DamagedFile(file=file, reason=reason)
        if not entry.is_float:
            raise DamagedFile(file=file, reason=f"{name} holds {entry.type_name}, not floats")
        return self._opened[file].array(name)

    def place(self, name: str) -> tuple[Path, int]:
        """Return the file that holds the tensor `name`, and its first byte. Raises KeyError."""
        file = self._places[name]
        return file, self._opened[file].entries[name].begin

    def release(self) -> None:
        """Give back the memory of what was read; it is read again where it is needed."""
        for opened in self._opened.values():
            opened.release()


def fingerprint(files: Iterable[Path]) -> str:
    """Return a text that changes when a file is replaced: name, size and time of each."""
    facts = []
    for file in sorted(files):
        with contextlib.suppress(OSError):
            status = file.stat()
            facts.append(f"{file.name}:{status.st_size}:{status.st_mtime_ns}")
    return "\n".join(facts)


def _open(file: Path) -> TensorFile:
    check_link(file)
    try:
        return TensorFile(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedFile(file=file, reason=reason_of(error)) from error
