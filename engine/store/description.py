"""A repository of the Hub as Tern sees it, and why it would not download it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import (
    DamagedFile,
    DamagedRepository,
    GatedModel,
    HostileRepository,
    NoSafetensors,
    PickleOnly,
    RemoteCodeOnly,
    TernError,
    UnsupportedArchitecture,
)
from engine.model_config import FAMILIES, ModelConfig, parse_config
from engine.store.reference import Reference, is_portable, stays_inside

_INDEX = "model.safetensors.index.json"
_NEEDED = frozenset(
    {
        "config.json",
        "generation_config.json",
        _INDEX,
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "merges.txt",
        "tokenizer.model",
        "chat_template.json",
        "chat_template.jinja",
    }
)
_TO_READ = re.compile(r"(?i)(licen[cs]e|notice|readme|use_policy)(\.(md|txt))?")
_TO_READ_LIMIT = 1_000_000  # bytes
_OF_THE_INDEX = re.compile(r"model-.*\.safetensors")
# The same weights a second time, in the layout of another program; or parts of a model.
_DUPLICATES = re.compile(r"(consolidated|adapter).*\.safetensors")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_BITS = {"F64": 64, "F32": 32, "BF16": 16, "F16": 16, "I64": 64, "I32": 32, "I16": 16}


@dataclass(frozen=True)
class RemoteFile:
    """A file of a commit. size: bytes; hash: sha256 of a large file, git's blob id of a small."""

    path: str
    size: int
    hash: str


@dataclass(frozen=True)
class FoundModel:
    """One line of a search. weight_bytes: of all safetensors, 0 where the Hub does not say.

    `supported` is whether Tern runs the architecture; `quantised` how another program stored the
    weights ("gptq", "awq", "bitsandbytes", ...), or "".
    """

    repo: str
    architecture: str
    supported: bool
    quantised: str
    gated: bool
    licence: str
    parameters: int
    weight_bytes: int
    downloads: int
    likes: int


@dataclass(frozen=True)
class Description:
    """A repository at one commit. `refusal` is why Tern would not download it, or None.

    parameters: 0 where the Hub does not say; dtype: of most of them, such as "BF16"; config: the
    content of config.json, None where it may not be read; shape: what Tern makes of it, None where
    it cannot run it.
    """

    reference: Reference
    commit: str
    files: tuple[RemoteFile, ...]
    licence: str
    gated: bool
    downloads: int
    likes: int
    parameters: int
    dtype: str
    architecture: str
    quantised: str
    config: dict[str, Any] | None
    shape: ModelConfig | None
    refusal: TernError | None

    @property
    def repo(self) -> str:
        """The name, "organisation/name"."""
        return self.reference.repo

    @property
    def needed(self) -> tuple[RemoteFile, ...]:
        """The files that a download fetches."""
        return needed_files(self.files)

    @property
    def download_bytes(self) -> int:
        """The size of the files that a download fetches, in bytes."""
        return sum(file.size for file in self.needed)

    def require(self) -> None:
        """Raise the refusal, if there is one."""
        if self.refusal is not None:
            raise self.refusal


def needed_files(files: Iterable[RemoteFile]) -> tuple[RemoteFile, ...]:
    """Return what of a repository is needed to run it: of the weights one copy, and no code."""
    files = tuple(file for file in files if "/" not in file.path)
    weights = [file for file in files if file.path.endswith(".safetensors")]
    names = {file.path for file in files}
    if _INDEX in names:
        kept = [file for file in weights if _OF_THE_INDEX.fullmatch(file.path)]
    elif "model.safetensors" in names:
        kept = [file for file in weights if file.path == "model.safetensors"]
    else:
        kept = [file for file in weights if not _DUPLICATES.fullmatch(file.path)]
    others = [file for file in files if _is_needed_text(file)]
    return tuple(sorted([*others, *(kept or weights)], key=lambda file: (file.size, file.path)))


def _is_needed_text(file: RemoteFile) -> bool:
    to_read = _TO_READ.fullmatch(file.path) and file.size <= _TO_READ_LIMIT
    return file.path in _NEEDED or bool(to_read)


def check_names(repo: str, names: Iterable[str]) -> None:
    """Raise HostileRepository where a file would leave the folder, or cannot be one everywhere."""
    for name in names:
        needed = "/" not in name and name.endswith((".safetensors", ".json"))
        if not stays_inside(name) or (needed and not is_portable(name)):
            raise HostileRepository(repo=repo, name=repr(name[:80]))


def judge(
    repo: str,
    files: tuple[RemoteFile, ...],
    architecture: str,
    config: dict[str, Any] | None,
    page: str,
) -> tuple[ModelConfig | None, TernError | None]:
    """Return the model's shape and why Tern would not download it; one of them is None.

    config: None where the repository is gated. page: its address, where terms are accepted.
    """
    shape = None
    try:
        if config is not None:
            shape = parse_config(config, Path(repo, "config.json"))
        elif architecture and architecture not in FAMILIES:
            raise UnsupportedArchitecture(architecture=architecture, supported=families())
        _check_weights(repo, files)
        if config is None:
            raise GatedModel(repo=repo, url=page)
    except DamagedFile as error:
        return None, DamagedRepository(repo=repo, reason=f"in config.json, {error.facts['reason']}")
    except UnsupportedArchitecture as error:
        if config is not None and "auto_map" in config:
            return None, RemoteCodeOnly(repo=repo, supported=families())
        return None, error
    except TernError as error:
        return None, error
    return shape, None


def _check_weights(repo: str, files: tuple[RemoteFile, ...]) -> None:
    names = [file.path for file in files if "/" not in file.path]
    if any(name.endswith(".safetensors") for name in names):
        return
    if any(name.endswith(_PICKLES) for name in names):
        raise PickleOnly(folder=repo)
    raise NoSafetensors(repo=repo)


def families() -> str:
    """Return the families that Tern runs, for a sentence."""
    return ", ".join(FAMILIES.values())


def architecture_of(config: object) -> str:
    """Return the first architecture that a config names, or ""."""
    names = config.get("architectures") if isinstance(config, dict) else None
    return str(names[0])[:80] if isinstance(names, list) and names else ""


def quantised_by(config: object) -> str:
    """Return how another program has quantised the weights, or ""."""
    values = config.get("quantization_config") if isinstance(config, dict) else None
    return str(values.get("quant_method", "?"))[:40] if isinstance(values, dict) else ""


def weight_bytes(parameters: dict[str, int]) -> int:
    """Return the size of that many parameters of each safetensors dtype, in bytes."""
    return sum(_BITS.get(dtype, 8) * count // 8 for dtype, count in parameters.items())
