"""What is written into logs: what failed and where in the program, never what a person wrote.

The message of an exception may quote a chat, the name of a file or a token, so it is kept only
where the interpreter or a library made it up from names of the program's own. Light half.
"""

import copy
import dis
import logging
import os
import sqlite3
import traceback
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_STEPS = (
    "LOAD_",
    "STORE_",
    "BINARY_",
    "UNARY_",
    "COMPARE_",
    "CALL",
    "PRECALL",
    "IMPORT_",
    "UNPACK",
)
_LIMIT = 1_000_000  # bytes; one older log is kept beside it
# Raised by compiled code they name types, attributes and modules; by `raise`, anything.
_OF_THE_PROGRAM = (
    ArithmeticError,
    AttributeError,
    ImportError,
    IndexError,
    NameError,
    RuntimeError,
    TypeError,
)


class TextlessFormatter(logging.Formatter):
    """Formats records; of exceptions it keeps the way through the program and the kind."""

    def __init__(self) -> None:
        super().__init__(_FORM)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines; what another formatter made of its exception is not taken."""
        own = copy.copy(record)
        own.exc_text = None
        return super().format(own)

    def formatException(  # noqa: N802 - the name that logging calls
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Return the traceback without the exception's own words."""
        return told(ei[1]) if ei[1] else ""


def told(error: BaseException) -> str:
    """Return where `error` and what led to it were raised, and of which kind they are."""
    parts = []
    for one in _chain(error):
        where = "".join(traceback.format_tb(one.__traceback__))
        parts.append(f"{where}{named(one)}")
    return "\nwhich led to\n".join(reversed(parts))


def named(error: BaseException) -> str:
    """Return the kind of `error`, with what it says only where that cannot be a person's words."""
    kind = type(error).__name__
    words = _words(error)
    return f"{kind}: {words}" if words else kind


def log_to(file: Path) -> logging.Handler:
    """Let this process's warnings and errors go to `file` too. Raises OSError."""
    handler = RotatingFileHandler(file, maxBytes=_LIMIT, backupCount=1, encoding="utf-8")
    handler.setFormatter(TextlessFormatter())
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    return handler


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # without the file's name
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "")
    if isinstance(error, _OF_THE_PROGRAM) and _by_compiled_code(error):
        return str(error)
    return ""


def _by_compiled_code(error: BaseException) -> bool:
    """Whether a step of the program made the words, and not a `raise` (or a generator's `throw`).

    Told by the instruction, for a bundle has no sources to read.
    """
    step = error.__traceback__
    while step and step.tb_next:
        step = step.tb_next
    if step is None:
        return False
    instruction = dis.opname[step.tb_frame.f_code.co_code[step.tb_lasti]]
    return instruction.startswith(_STEPS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
