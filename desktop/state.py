"""The values that controller and views speak in: states, what is selected, what went wrong."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from desktop.translation import mark, tr
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
    LOWER = mark("Use a lower precision")
    INT4 = mark("Use int4")
    AUTO_KERNEL = mark("Choose the kernels automatically")
    NATIVE_KERNEL = mark("Use the native kernels")
    LOAD = mark("Load again")
    OTHER_MODEL = mark("Choose another model")
    NEW_CHAT = mark("New chat")
    CHAT_SETTINGS = mark("Settings of this chat")
    LOAD_ANYWAY = mark("Load anyway")
    OPEN_LOG = mark("Open log")
    SUPPORT = mark("Support archive…")


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


def fault_notice(error: Exception) -> Notice:
    """Return what is said of a fault of Tern's own."""
    fault = f"{type(error).__name__}: {error}"
    sentence = tr("Tern met a fault of its own ({fault}).", fault=fault)
    return Notice(sentence, tr("Please report it."), (WayOut.SUPPORT,))


@dataclass(frozen=True)
class Selection:
    """What is to be loaded. None: what Tern makes of it."""

    model: str
    precision: Precision
    kernel: KernelChoice = "auto"
    context_length: int | None = None
    threads: int | None = None
