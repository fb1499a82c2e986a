"""The models that ship as suggestions: `assets/catalogue.json`, and which of them suits a machine.

The data are the publishers': each entry's `config` holds the fields of its config.json that decide
how much memory it needs. What the Hub says of a model when it is described goes before them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.messages import Precision
from engine.model_config import FAMILIES, ModelConfig, parse_config
from engine.paths import assets_folder
from engine.store.description import architecture_of

_CONTEXT = 4096  # tokens: a conversation of some length
_ROOM = 0.85  # of the available memory: the rest is for what runs beside Tern
_BYTES_PER_WEIGHT = {Precision.BF16: 2.0, Precision.INT8: 1.0, Precision.INT4: 0.63}
# A token reads all weights once, so memory bandwidth bounds the speed. This is a rough guess of
# what one core of a desktop CPU reads, and how many of them fill its memory channels; `tern bench`
# measures. Ten tokens a second are about as fast as one reads.
_BYTES_PER_CORE_S = 6e9
_CORES_THAT_COUNT = 8
_READING_SPEED = 10.0  # tokens/s
_GATED = 0.8  # a gate asks for an account: a somewhat smaller model without one goes before


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that is known to work. download_bytes: of its safetensors; languages: ISO 639-1.

    needs: "ipex" where only IPEX's kernels could run the architecture, else "".
    """

    repo: str
    title: str
    parameters: int
    download_bytes: int
    licence: str
    languages: tuple[str, ...]
    gated: bool
    needs: str
    config: dict[str, Any]

    @property
    def architecture(self) -> str:
        """The name in config.json."""
        return architecture_of(self.config)

    @property
    def supported(self) -> bool:
        """Whether Tern's kernels run the architecture."""
        return self.architecture in FAMILIES

    @property
    def shape(self) -> ModelConfig:
        """What decides the memory. Raises UnsupportedArchitecture where Tern cannot run it."""
        return parse_config(self.config, Path(self.repo, "config.json"))

    @property
    def context(self) -> int:
        """The longest context, in tokens."""
        if self.supported:
            return self.shape.max_context
        fields = ("max_position_embeddings", "max_seq_len")
        return int(next(self.config[name] for name in fields if name in self.config))


@dataclass(frozen=True)
class Suggestion:
    """An entry in the precision that suits the machine; needed: bytes of memory at its peak.

    fits: whether the memory suffices; fluent: whether it is likely to write as fast as one reads.
    An entry that Tern cannot run needs 0 bytes and does not fit.
    """

    entry: CatalogueEntry
    precision: Precision
    needed: int
    fits: bool
    fluent: bool


Fits = Callable[[CatalogueEntry, Precision, int], int]


def load_catalogue(file: Path | None = None) -> list[CatalogueEntry]:
    """Return the entries, the smallest first."""
    content = (file or assets_folder() / "catalogue.json").read_bytes()
    entries = msgspec.json.decode(content, type=list[CatalogueEntry])
    return sorted(entries, key=lambda entry: entry.parameters)


def recommend(
    entries: Sequence[CatalogueEntry],
    available_memory: int,
    cores: int,
    needed: Fits,
    context: int = _CONTEXT,
) -> list[Suggestion]:
    """Return a suggestion for each entry, the best for this machine first.

    available_memory: bytes; cores: physical ones; needed: the peak memory of an entry in a
    precision with `context` tokens, in bytes. Best is the largest model that fits and writes
    fluently, in the highest precision in which it does; then what fits but is slow, the fastest
    first; last what does not fit, and what Tern cannot run.
    """
    found = [_suggest(entry, available_memory, cores, needed, context) for entry in entries]
    return sorted(found, key=_rank)


def _suggest(
    entry: CatalogueEntry, memory: int, cores: int, needed: Fits, context: int
) -> Suggestion:
    if not entry.supported:
        return Suggestion(entry, Precision.INT4, 0, fits=False, fluent=False)
    tokens = min(context, entry.context)
    best = None
    for precision in (Precision.BF16, Precision.INT8, Precision.INT4):
        size = needed(entry, precision, tokens)
        speed = tokens_per_s(entry, precision, cores)
        best = Suggestion(
            entry, precision, size, fits=size <= _ROOM * memory, fluent=speed >= _READING_SPEED
        )
        if best.fits and best.fluent:
            break
    assert best is not None
    return best


def tokens_per_s(entry: CatalogueEntry, precision: Precision, cores: int) -> float:
    """Return a rough guess of the decode speed, from the weights that each token reads."""
    bandwidth = min(cores, _CORES_THAT_COUNT) * _BYTES_PER_CORE_S
    return bandwidth / (entry.parameters * _BYTES_PER_WEIGHT[precision])


def _rank(suggestion: Suggestion) -> tuple[bool, bool, bool, float]:
    entry = suggestion.entry
    suits = suggestion.fits and suggestion.fluent
    size = -entry.parameters * (_GATED if entry.gated else 1.0) if suits else entry.parameters
    return not suits, not suggestion.fits, not entry.supported, size
