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


class _Header(msgspec.Struct):
    format: str = ""
    version: int = 0


class _Refusal(Exception):
    """Why a file is no import."""


def import_file(history: History, path: Path) -> Imported:
    """Add the chats of the file at `path`; those that are there already are skipped.

    Raises ImportRefused where it cannot be read; nothing is added then.
    """
    try:
        chats = [chat for data in _contents(path) for chat in _chats(data)]
    except _Refusal as refusal:
        reason = str(refusal)
    except OSError as error:
        reason = error.strerror or str(error)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        reason = "the zip is damaged or encrypted"
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        reason = f"its contents are not as they should be ({error})"
    except msgspec.DecodeError:
        reason = "it is not JSON"
    else:
        return interchange.add(history, chats)
    raise ImportRefused(file=path, reason=reason)


def _contents(path: Path) -> Iterator[bytes]:
    """The JSON documents in the file."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield _bounded(file, MOST_BYTES)
        return
    with zipfile.ZipFile(path) as archive:
        names = sorted(filter(_CONVERSATIONS.fullmatch, archive.namelist()))
        if not names:
            raise _Refusal("there is no conversations.json in it")
        left = MOST_BYTES
        for name in names:
            with archive.open(name) as member:
                data = _bounded(member, left)
            left -= len(data)
            yield data


def _bounded(file: IO[bytes], most: int) -> bytes:
    """All of `file`, which may say that it is smaller than it is."""
    data = bytearray()
    while part := file.read(_PART):
        data += part
        if len(data) > most:
            raise _Refusal(f"it holds more than {MOST_BYTES / 1e6:.0f} MB")
    return bytes(data)


def _chats(data: bytes) -> list[ChatFile]:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"[":
        conversations = msgspec.json.decode(data, type=list[chatgpt.Conversation])
        return [chatgpt.convert(conversation) for conversation in conversations]
    header = msgspec.json.decode(data, type=_Header)
    if header.format != "tern-chats":
        raise _Refusal("it is not an export of chats")
    if header.version > interchange.VERSION:
        raise _Refusal("it was written by a newer version of Tern")
    chats = msgspec.json.decode(data, type=Archive).chats
    for chat in chats:
        for place, message in enumerate(chat.messages):
            if message.parent is not None and message.parent >= place:
                raise _Refusal("a message in it stands before the one that it follows")
    return chats
