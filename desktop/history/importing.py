"""Chats from a file that somebody chose: Tern's own JSON, or ChatGPT's export, zipped or not.

The file is untrusted: its size is bounded, also that of what a zip unpacks to; its contents are
validated as a whole before anything is added, and added in one transaction.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from desktop.history import chatgpt, interchange
from desktop.history.history import History
from desktop.history.interchange import Archive, ChatFile, Imported
from engine.errors import ImportRefused

MOST_BYTES = 256_000_000  # of JSON; a decade of daily chats
_CONVERSATIONS = re.compile(r"(?:.*/)?conversations(?:-\d+)?\.json")
_PART = 1 << 20  # bytes read at a time
# What zipfile raises on bad bytes, an unknown method and a password.
_ZIP_TROUBLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)


class _Header(msgspec.Struct):
    format: str = ""
    version: int = 0


class Refusal(Exception):
    """Why a file is no import."""


def import_file(history: History, path: Path) -> Imported:
    """Add the chats of the file at `path`; those that are there already are skipped.

    Raises ImportRefused where it cannot be read; nothing is added then.
    """
    try:
        chats = [chat for data in _contents(path) for chat in read_chats(data)]
    except Refusal as refusal:
        raise ImportRefused(file=path, reason=refusal) from refusal
    except OSError as error:
        raise ImportRefused(file=path, reason=error.strerror or error) from error
    return interchange.add(history, chats)


def read_chats(data: bytes) -> list[ChatFile]:
    """Return the chats of one JSON document. Raises Refusal where it is none, or a damaged one."""
    try:
        return _decoded(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(f"its contents are not as they should be ({error})") from error
    except msgspec.DecodeError as error:
        raise Refusal("it is not JSON") from error


def read_bounded(file: IO[bytes], most: int) -> bytes:
    """Return all of `file`, which may be larger than it says. Raises Refusal above `most` bytes."""
    data = bytearray()
    while part := file.read(_PART):
        data += part
        if len(data) > most:
            raise Refusal(f"it holds more than {MOST_BYTES / 1e6:.0f} MB")
    return bytes(data)


def _contents(path: Path) -> Iterator[bytes]:
    """The JSON documents in the file."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield read_bounded(file, MOST_BYTES)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _members(archive)
    except _ZIP_TROUBLE as error:
        raise Refusal("the zip is damaged or encrypted") from error


def _members(archive: zipfile.ZipFile) -> Iterator[bytes]:
    names = sorted(filter(_CONVERSATIONS.fullmatch, archive.namelist()))
    if not names:
        raise Refusal("there is no conversations.json in it")
    left = MOST_BYTES
    for name in names:
        with archive.open(name) as member:
            data = read_bounded(member, left)
        left -= len(data)
        yield data


def _decoded(data: bytes) -> list[ChatFile]:
    if data.lstrip()[:1] == b"[":
        conversations = msgspec.json.decode(data, type=list[chatgpt.Conversation])
        return [chatgpt.convert(conversation) for conversation in conversations]
    header = msgspec.json.decode(data, type=_Header)
    if header.format != "tern-chats":
        raise Refusal("it is not an export of chats")
    if header.version > interchange.VERSION:
        raise Refusal("it was written by a newer version of Tern")
    chats = msgspec.json.decode(data, type=Archive).chats
    for chat in chats:
        for place, message in enumerate(chat.messages):
            if message.parent is not None and message.parent >= place:
                raise Refusal("a message in it stands before the one that it follows")
    return chats
