"""A model folder's .safetensors files as mapped arrays. Nothing else is ever opened as weights."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError

from engine.errors import DamagedFile, NotAModel, PickleOnly
from engine.model_config import read_json
from engine.tensor_file import Array, TensorFile

_INDEX = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


class Checkpoint:
    """The tensors of one model, read by name, each mapped where it lies in its file."""

    def __init__(self, folder: Path) -> None:
        """Open the files' headers. Raises NotAModel, PickleOnly or DamagedFile."""
        self.folder = folder
        self.files = _weight_files(folder)
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


def _weight_files(folder: Path) -> list[Path]:
    index = folder / _INDEX
    if index.is_file():
        return _indexed_files(folder, index)
    files = sorted(folder.glob("*.safetensors"))
    if files:
        return files
    if any(any(folder.glob(pattern)) for pattern in _PICKLES):
        raise PickleOnly(folder=folder)
    raise NotAModel(folder=folder, reason="it holds no .safetensors files")


def _indexed_files(folder: Path, index: Path) -> list[Path]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise DamagedFile(file=index, reason="it maps no weights to files")
    names = {str(name) for name in weight_map.values()}
    for name in names:
        # The index is input: a name must not lead out of the folder.
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise DamagedFile(file=index, reason=f"it names the file {name[:80]!r}")
        if not (folder / name).is_file():
            raise DamagedFile(file=folder / name, reason="it is missing")
    return [folder / name for name in sorted(names)]


def _open(file: Path) -> TensorFile:
    try:
        return TensorFile(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedFile(file=file, reason=_plain(error)) from error


def _plain(error: Exception) -> str:
    return str(error).splitlines()[0][:200].rstrip(".") if str(error) else type(error).__name__
