"""The values that controller and views speak in: states, what is selected, what went wrong."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from desktop.translation import mark
from engine.messages import KernelChoice, Precision


class State(Enum):
    """What the engine is doing, as far as the window cares."""

    STARTING = "starting"
    LOADING = "loading"
    IDLE = "no model loaded"
    READY = "ready"
    GENERATING = "answering"
    BUSY = "answering in another chat"
    UNLOADED = "ready to load what this chat uses"
    CRASHED = "engine ended"


class WayOut(StrEnum):
    """What a notice offers to do; the value is the button's text."""

    LOAD_OTHERWISE = mark("Load in {precision}")
    RESTART = mark("Start the engine again")
    OPEN_LOG = mark("Open log")
    LOAD = mark("Load again")
    LOAD_ANYWAY = mark("Load anyway")


@dataclass(frozen=True)
class Notice:
    """Something that went wrong: a sentence, a way out, and what can be done at once.

    precision: of `WayOut.LOAD_OTHERWISE`.
    """

    sentence: str
    way_out: str = ""
    offers: tuple[WayOut, ...] = ()
    log_file: str = ""
    precision: Precision | None = None


@dataclass(frozen=True)
class Selection:
    """What is to be loaded. None: what Tern makes of it."""

    model: str
    precision: Precision
    kernel: KernelChoice = "auto"
    context_length: int | None = None
    threads: int | None = None
