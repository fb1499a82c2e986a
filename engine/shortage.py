"""What a load needed, what there was, and which lower precision would do. Light half: no torch."""

import contextlib
import sys
from dataclasses import dataclass

import psutil

from engine.errors import TernError
from engine.fit import Question
from engine.hardware import available_memory, read_cpu
from engine.messages import Load, Precision
from engine.model_config import read_config
from engine.model_files import tokenizer_bytes
from engine.models import resolve
from engine.observed import Observed
from engine.paths import Paths
from engine.preflight import DEFAULT_CONTEXT, Preflight, choose

_MARGIN = 0.9  # of the room: where memory has run out once, the prediction gets no benefit


@dataclass(frozen=True)
class Room:
    """The memory of a process in bytes: what it holds, and what is free besides.

    limit: what has been set for this process alone (`ulimit -v`), None where nothing has.
    """

    held: int
    free: int
    limit: int | None = None

    @property
    def total(self) -> int:
        """The most that it can have."""
        whole = self.held + self.free
        return whole if self.limit is None else min(whole, self.limit)


@dataclass(frozen=True)
class Shortage:
    """A model that memory did not suffice for. Bytes; lower: the precision that would fit."""

    precision: Precision
    needed: int
    room: Room
    lower: Precision | None = None
    lower_needs: int = 0

    @property
    def figures(self) -> str:
        """What was needed and what there was, as a clause."""
        room = self.room
        if self.needed <= room.total:  # other programs took it, or the prediction is wrong
            clause = f"it held {_size(room.held)}, and {_size(room.free)} was left"
        else:
            needed, free = _size(self.needed), _size(room.total)
            clause = f"this model needs about {needed} in {self.precision}, and {free} was free"
        if room.limit is not None and room.total == room.limit:
            clause += f" (a limit of {_size(room.limit)} is set for this program)"
        if self.lower is None:
            return clause
        return f"{clause}; {self.lower} would need {_size(self.lower_needs)}"

    @property
    def advice(self) -> str:
        """What helps, as a sentence."""
        if self.lower:
            return f"Load it in {self.lower}, or close other programs first."
        return "Choose a smaller model or a shorter context, or close other programs first."


def room_of(pid: int) -> Room:
    """Return the memory of the process `pid` now; of one that has ended, all is free."""
    held, limit = 0, None
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        held = int(process.memory_info().rss)
        if sys.platform == "linux":
            limit, _ = process.rlimit(psutil.RLIMIT_AS)
    is_limited = limit is not None and limit != psutil.RLIM_INFINITY
    return Room(held, available_memory(pid), limit if is_limited else None)


def shortage(load: Load, room: Room, paths: Paths) -> Shortage | None:
    """Return what the model of `load` needs against `room`; None where it cannot be read."""
    try:
        folder = resolve(load.model).folder
        config, cpu = read_config(folder), read_cpu()
        preflight, context = Preflight(paths, cpu), load.context_length or DEFAULT_CONTEXT

        def needed(precision: Precision) -> int:
            kernel = choose(config, precision, load.kernel, cpu).kernel
            question = Question(
                config,
                precision,
                kernel,
                min(context, config.max_context),
                preflight.is_packed(folder, precision, kernel),
                tokenizer_bytes(folder),
            )
            return Observed(paths).correct(question).peak

        own = needed(load.precision)
    except (TernError, OSError):
        return None
    order = list(Precision)
    for lower in order[order.index(load.precision) + 1 :]:
        with contextlib.suppress(TernError):
            if (less := needed(lower)) < min(own, _MARGIN * room.total):
                return Shortage(load.precision, own, room, lower, less)
    return Shortage(load.precision, own, room)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
