"""Which files a model folder must hold, and which are there. Light half: opens no weights."""

import os
import re
from pathlib import Path

from engine.errors import DamagedFile, NotAModel, PickleOnly
from engine.model_config import read_json

_INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})\.safetensors")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_FILES = 10_000  # of a model's weights at most


def weight_files(folder: Path) -> list[Path]:
    """Return the .safetensors files of the model in `folder`, all of which are there.

    Raises NotAModel where there are none, PickleOnly where there are others, and DamagedFile where
    the index is damaged or a file is missing.
    """
    files = [folder / name for name in weight_names(folder)]
    for file in files:
        if not os.path.isfile(file):  # noqa: PTH113 - Path's raises where it may not look
            raise DamagedFile(file=file, reason="it is missing")
    if files:
        return files
    if any(any(folder.glob(pattern)) for pattern in _PICKLES):
        raise PickleOnly(folder=folder)
    raise NotAModel(folder=folder, reason="it holds no .safetensors files")


def weight_names(folder: Path) -> list[str]:
    """Return the .safetensors files that the model in `folder` needs, there or not, in order.

    The index names them, or else their own numbers. Raises DamagedFile where the index is damaged.
    """
    return sorted(_indexed(folder / _INDEX) or _numbered(folder))


def has_tokenizer(folder: Path) -> bool:
    """Return whether one of the files that tokenizers come in is in `folder`."""
    return any((folder / file).is_file() for file in _TOKENIZERS)


def tokenizer_bytes(folder: Path) -> int | None:
    """Return the size of tokenizer.json, None where there is none."""
    file = folder / "tokenizer.json"
    return file.stat().st_size if file.is_file() else None


def _indexed(index: Path) -> set[str]:
    if not index.is_file():
        return set()
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise DamagedFile(file=index, reason="it maps no weights to files")
    names = {str(name) for name in weight_map.values()}
    _check_number(len(names), index)
    for name in names:
        # The index is input: a name must not lead out of the folder.
        if Path(name).name != name or not name.endswith(".safetensors") or not name.isprintable():
            raise DamagedFile(file=index, reason=f"it names the file {name[:80]!r}")
    return names


def _numbered(folder: Path) -> set[str]:
    """Return the files that are there, and those that their numbers say should be."""
    names = {path.name for path in folder.glob("*.safetensors")}
    series = {(shard[1], shard[2]) for name in names if (shard := _SHARD.fullmatch(name))}
    _check_number(len(names) + sum(int(count) for _, count in series), folder)
    for stem, count in series:
        names |= {f"{stem}-{n:05}-of-{count}.safetensors" for n in range(1, int(count) + 1)}
    return names


def _check_number(count: int, place: Path) -> None:
    if count > _FILES:
        raise DamagedFile(file=place, reason=f"its weights are in {count:,} files")
