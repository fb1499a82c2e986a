"""Each connection of this process: declared, allowed or refused, and written into a ledger.

Nothing may connect without a declared purpose, and nothing at all while sealed mode is on. An
audit hook (PEP 578) holds that for all of Python's sockets, whichever library opens them. It
cannot see sockets that compiled code opens by itself; nothing that Tern uses does so, and in the
engine's process the kernel holds it to that (`engine/network_filter.py`).
"""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import OfflineByVariable, Sealed, TernError, UndeclaredConnection
from engine.paths import make_folder

_LEDGER_LIMIT = 500_000  # bytes of one file; there are two
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_ADDRESSED = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKED_UP = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger. `host` is the name that was looked up, `address` what it stands for.

    at: UTC, ISO 8601. port: 0 where already the look-up of the name was refused.
    """

    at: str
    host: str
    address: str
    port: int
    why: str
    allowed: bool


class Ledger:
    """The connections of all runs, in two JSON-lines files: the newest and the one before it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._older = file.with_suffix(f".1{file.suffix}")
        self._lock = threading.Lock()

    def append(self, connection: Connection) -> None:
        """Write a line. A disk that refuses does not stop the connection."""
        with self._lock, contextlib.suppress(OSError, TernError):
            make_folder(self._file.parent)
            with self._file.open("ab") as file:
                file.write(msgspec.json.encode(connection) + b"\n")
                full = file.tell() > _LEDGER_LIMIT
            if full:
                self._file.replace(self._older)

    def read(self, limit: int = 1000) -> list[Connection]:
        """Return the last `limit` connections, the newest first."""
        found = []
        for file in (self._older, self._file):
            with contextlib.suppress(OSError):
                for line in file.read_bytes().splitlines():
                    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                        found.append(msgspec.json.decode(line, type=Connection))
        return found[: -limit - 1 : -1]


class Network:
    """What may connect, and why. `sealed` is asked at each connection."""

    def __init__(self, ledger: Ledger, sealed: Callable[[], bool] = lambda: False) -> None:
        self.ledger = ledger
        self._sealed = sealed

    def check(self) -> None:
        """Raise Sealed or OfflineByVariable where nothing may connect now."""
        if self._sealed():
            raise Sealed()
        for variable in _OFFLINE_VARIABLES:
            if os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE"):
                raise OfflineByVariable(variable=variable)

    @contextlib.contextmanager
    def purpose(self, why: str) -> Iterator[None]:
        """Declare what this thread connects for, for the ledger. Raises what `check` raises."""
        self.check()
        token = _purpose.set(why)
        try:
            yield
        finally:
            _purpose.reset(token)

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Hold the rules for all sockets of this process: `main` runs within it."""
        _install(self._on_event)
        try:
            yield
        finally:
            _rules.remove(self._on_event)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        target = _target(event, arguments)
        if target is None:
            return
        try:
            self.check()
            if not _purpose.get():
                raise UndeclaredConnection(host=target[0])
        except TernError:
            self._write(*target, allowed=False)
            raise
        if event in _ADDRESSED:
            self._write(*target, allowed=True)
        else:
            _looked_up.set(target[0])

    def _write(self, host: str, port: int, allowed: bool) -> None:
        self.ledger.append(
            Connection(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                host=_looked_up.get() or host,
                address=host,
                port=port,
                why=_purpose.get(),
                allowed=allowed,
            )
        )


def refuse_all() -> None:
    """Let this process connect to nothing, for as long as it lives: the engine's part."""
    _install(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    target = _target(event, arguments)
    if target is not None:
        raise UndeclaredConnection(host=target[0])


def _target(event: str, arguments: tuple[Any, ...]) -> tuple[str, int] | None:
    """Return the host and port that an audit event reaches for, None where that is this computer's.

    Unix sockets are this computer's own (the keyring and the screen are reached through them).
    """
    if event in _ADDRESSED:
        connection, address = arguments[:2]
        if connection.family not in _INTERNET or not isinstance(address, tuple):
            return None
        return str(address[0]), int(address[1])
    if event in _LOOKED_UP and arguments[0] is not None:
        name = arguments[0][0] if isinstance(arguments[0], tuple) else arguments[0]
        return (name.decode(errors="replace") if isinstance(name, bytes) else str(name)), 0
    return None


# What this thread connects for, and the name that it looked up last: sockets connect to numbers.
_purpose: ContextVar[str] = ContextVar("purpose", default="")
_looked_up: ContextVar[str] = ContextVar("looked_up", default="")

_Rule = Callable[[str, tuple[Any, ...]], None]
# An audit hook stays until the process ends: one is installed, and these are the rules it asks.
_rules: list[_Rule] = []
_installed = threading.Event()


def _install(rule: _Rule) -> None:
    _rules.append(rule)
    if not _installed.is_set():
        _installed.set()
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith("socket."):
        for rule in _rules:
            rule(event, arguments)
