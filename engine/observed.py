"""What models really took on this computer, next to what was predicted: it corrects predictions.

One JSON file in the cache. Nothing that goes wrong with it is worth telling anybody.
"""

import contextlib
import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import msgspec

from engine.errors import TernError
from engine.fit import Need, Question, predict
from engine.messages import AnyEvent, Done, Kernel, Loaded, Metrics, Precision
from engine.model_config import ModelConfig, read_config
from engine.model_files import tokenizer_bytes
from engine.models import resolve
from engine.paths import Paths, make_folder

Phase = Literal["running", "packing"]

_KEPT = 200  # observations
_LAST = 9  # of the same kind count
_LEAST, _MOST = 0.7, 1.5  # of the prediction: more is a mishap, not a measure
_NEWS = 1.02  # times the peak before
_ENOUGH = 3  # observations of other models, to say something of this one


class Observation(msgspec.Struct, frozen=True):
    """One peak in bytes. shape: `shape_key` of the model."""

    shape: str
    precision: Precision
    kernel: Kernel
    phase: Phase
    predicted: int
    measured: int


class Observed:
    """The observations of this computer."""

    def __init__(self, paths: Paths) -> None:
        self._file = paths.cache / "observed.json"

    def add(self, question: Question, phase: Phase, measured: int) -> None:
        """Remember that `question` took `measured` bytes at its peak in `phase`."""
        predicted = getattr(predict(question), phase)
        if not predicted or measured <= 0:
            return
        key = shape_key(question.config)
        new = Observation(key, question.precision, question.kernel, phase, predicted, measured)
        kept = [*self._read(), new][-_KEPT:]
        with contextlib.suppress(OSError, TernError):
            draft = make_folder(self._file.parent) / f"{self._file.name}.new"
            draft.write_bytes(msgspec.json.encode(kept))
            draft.replace(self._file)

    def correct(self, question: Question) -> Need:
        """Return the prediction for `question`, corrected by what was seen of its like."""
        need, seen = predict(question), self._read()
        return Need(
            int(need.running * _factor(seen, question, "running")),
            int(need.packing * _factor(seen, question, "packing")),
        )

    def _read(self) -> list[Observation]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[Observation])
        except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
            return []


class Watch:
    """Takes note of what a front-end is told by its engine."""

    def __init__(self, paths: Paths) -> None:
        self._observed = Observed(paths)
        self._question: Question | None = None
        self._seen = 0

    def note(self, event: AnyEvent) -> None:
        """Remember the peaks that `event` reports."""
        if isinstance(event, Loaded):
            self._on_loaded(event)
        elif isinstance(event, Done) and self._question:
            self._on_done(event.metrics, self._question)

    def _on_loaded(self, loaded: Loaded) -> None:
        self._question, self._seen = None, 0
        if loaded.proof.weight_dtype == "fp32":  # a reference of the lab's, like no other load
            return
        with contextlib.suppress(OSError, TernError):  # deleted meanwhile
            folder = resolve(loaded.model).folder
            question = Question(
                config=read_config(folder),
                precision=loaded.precision,
                kernel=loaded.kernel,
                context=loaded.context_length,
                tokenizer_bytes=tokenizer_bytes(folder),
            )
            self._observed.add(question, "packing", loaded.packing_peak_bytes)
            self._question = replace(question, context=0, is_packed=True)

    def _on_done(self, metrics: Metrics, question: Question) -> None:
        context = max(question.context, metrics.context_used)
        self._question = replace(question, context=context)
        if metrics.peak_rss_bytes > self._seen * _NEWS:
            self._seen = metrics.peak_rss_bytes
            self._observed.add(self._question, "running", metrics.peak_rss_bytes)


def shape_key(config: ModelConfig) -> str:
    """Return what two models of the same shape have in common, as a text."""
    heads = f"{config.heads}:{config.kv_heads}x{config.head_dim}"
    table = f"{config.vocab_size}{' tied' * config.tied_head}"
    width = f"{config.hidden_size}:{config.intermediate_size}"
    return f"{config.architecture} {config.layers}x{width} {heads} {table}"


def _factor(seen: Iterable[Observation], question: Question, phase: Phase) -> float:
    """Return the median of measured over predicted: of this shape, or else of enough others."""
    alike = [
        one
        for one in seen
        if (one.precision, one.kernel, one.phase) == (question.precision, question.kernel, phase)
    ]
    key = shape_key(question.config)
    same = [one for one in alike if one.shape == key]
    if not same and len(alike) < _ENOUGH:
        return 1.0
    ratios = [one.measured / one.predicted for one in (same or alike)[-_LAST:]]
    return min(max(statistics.median(ratios), _LEAST), _MOST)
