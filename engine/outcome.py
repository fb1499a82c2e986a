"""How an engine process ended, from what can be known outside of it, and the words for it.

A signal says little of its cause: SIGKILL is the system's, for want of memory, or anybody's, and
what counts is what the system counted and how much memory there was. Light half: no torch.
"""

import signal
from dataclasses import dataclass
from enum import StrEnum

from engine.messages import Precision
from engine.shortage import Room, Shortage

SIGKILL = 9  # not in `signal` on Windows

_SHORT = 0.06  # of the room: with less left when a process was killed, memory was the reason
# What a process wrote before it gave up because memory was refused to it.
_REFUSALS = ("std::bad_alloc", "MemoryError", "t allocate memory", "Cannot allocate memory")


class Cause(StrEnum):
    """Why an engine process ended."""

    OUT_OF_MEMORY = "killed by the system for want of memory"
    LIKELY_OUT_OF_MEMORY = "killed, most likely for want of memory"
    REFUSED_MEMORY = "refused memory"
    KILLED = "killed by somebody"
    KILLED_UNEXPLAINED = "killed, and nothing is known of it"
    ASKED = "asked to end by somebody"
    LOST_FILE = "lost a file that it had mapped"
    ENDLESS_FILE = "kept busy by a file of the model"
    BAD_INSTRUCTION = "an instruction that this CPU lacks"
    FAULT = "a fault of its own"
    EXITED = "ended by itself"


@dataclass(frozen=True)
class Evidence:
    """What is known of a process that ended.

    kills: how many processes the system killed for want of memory meanwhile, None where it does
    not say. room: its memory at its last sign of life. last_words: the end of its log.
    shortage: of the model that it loaded last.
    """

    exit_code: int
    kills: int | None = None
    room: Room | None = None
    last_words: str = ""
    shortage: Shortage | None = None


@dataclass(frozen=True)
class Outcome:
    """How the engine process ended. sentence, way_out: for a person.

    fitting: the precision in which the model would fit, where memory was the reason.
    """

    cause: Cause
    sentence: str
    way_out: str
    fitting: Precision | None = None


def outcome(evidence: Evidence) -> Outcome:
    """Return the cause that `evidence` speaks for, and the words for it."""
    cause = _cause(evidence)
    if cause in FOR_MEMORY:
        return _for_want_of_memory(cause, evidence.shortage)
    code, room = evidence.exit_code, evidence.room
    name = _signal_name(-code)
    left = f", and memory was not the reason: {room.free / 1e9:.1f} GB was free" if room else ""
    sentence, way_out = _WORDS[cause]
    return Outcome(cause, sentence.format(name=name, left=left, code=code), way_out)


def _cause(evidence: Evidence) -> Cause:
    code = evidence.exit_code
    if code == -SIGKILL:
        return _killed(evidence)
    by_itself = code > 0 or code in (-signal.SIGABRT, -signal.SIGSEGV)
    if by_itself and any(words in evidence.last_words for words in _REFUSALS):
        return Cause.REFUSED_MEMORY
    if code >= 0:
        return Cause.EXITED
    return _SIGNALS.get(_signal_name(-code), Cause.FAULT)


def _killed(evidence: Evidence) -> Cause:
    if evidence.kills:
        return Cause.OUT_OF_MEMORY
    room = evidence.room
    if room is None:
        return Cause.KILLED_UNEXPLAINED
    # Other guardians of memory than the kernel (systemd-oomd, earlyoom) are counted nowhere.
    is_short = room.free < _SHORT * (room.held + room.free)
    return Cause.LIKELY_OUT_OF_MEMORY if is_short else Cause.KILLED


_SIGNALS = {
    "SIGBUS": Cause.LOST_FILE,
    "SIGPROF": Cause.ENDLESS_FILE,  # engine/bounds.py sets that timer
    "SIGILL": Cause.BAD_INSTRUCTION,
    "SIGTERM": Cause.ASKED,
    "SIGINT": Cause.ASKED,
    "SIGHUP": Cause.ASKED,
    "SIGQUIT": Cause.ASKED,
}

_MEMORY = {
    Cause.OUT_OF_MEMORY: "The system ended the engine for want of memory",
    Cause.LIKELY_OUT_OF_MEMORY: "The engine was killed, most likely for want of memory",
    Cause.REFUSED_MEMORY: "The engine ended because the system gave it no more memory",
}

FOR_MEMORY = frozenset(_MEMORY)

_AGAIN = "Start the engine again."
_WORDS = {
    Cause.KILLED: ("Another program killed the engine{left}.", _AGAIN),
    Cause.KILLED_UNEXPLAINED: (
        "The engine was killed: by another program, or by the system because memory ran out.",
        "Start the engine again; if that repeats itself, choose a lower precision or a smaller "
        "model.",
    ),
    Cause.ASKED: ("Another program asked the engine to end ({name}).", _AGAIN),
    Cause.LOST_FILE: (
        "The engine lost a file that it was reading ({name}): a file of the model became shorter, "
        "or the disk failed.",
        "Start the engine again: packed weights that are damaged are made again, and `tern models "
        "verify` checks the model's own files.",
    ),
    Cause.ENDLESS_FILE: (
        "A file of the model kept the engine busy for too long, so the system ended it.",
        "Choose another model: its chat template or its tokenizer.json is not honest.",
    ),
    Cause.BAD_INSTRUCTION: (
        "The engine used an instruction that this CPU lacks ({name}).",
        "Choose the native kernels, then start the engine again.",
    ),
    Cause.FAULT: (
        "The engine ended by a fault of its own ({name}).",
        "Start the engine again; if that repeats itself, choose other kernels or another "
        "precision. Its log says where it was.",
    ),
    Cause.EXITED: (
        "The engine stopped with exit code {code}.",
        "Start the engine again; its log may say more.",
    ),
}


def _for_want_of_memory(cause: Cause, short: Shortage | None) -> Outcome:
    if short is None:
        way_out = "Choose a smaller model or a lower precision, then start the engine again."
        return Outcome(cause, f"{_MEMORY[cause]}.", way_out)
    return Outcome(cause, f"{_MEMORY[cause]}: {short.figures}.", short.advice, short.lower)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
