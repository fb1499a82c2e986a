"""Files that become part of a message: text, Markdown, code, CSV, and the text of PDFs.

Files are untrusted. Their size is bounded, what is no text is refused, and a PDF is taken apart in
a process of its own that is ended when it takes too long (`desktop.attachments.pdf_text`).
"""

import codecs
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.errors import AttachmentRefused

MOST_TEXT_BYTES = 2_000_000  # some 500,000 tokens: above any context that a CPU reads in time
_HEAD = 65_536  # bytes from which an encoding is guessed
_LONGEST_NAME = 120  # characters
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LANGUAGES = {".md": "markdown", ".py": "python", ".rs": "rust", ".js": "javascript"}
_ATTACH_TEXT = "Attach text, Markdown, code, CSV or PDF files."


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a file. size: the file's, in bytes. note: what was left out of it, or ""."""

    name: str
    text: str
    size: int
    note: str = ""


def read_attachment(path: Path) -> Attachment:
    """Return the text of the file at `path`.

    Takes up to `pdf_text.TIMEOUT_S` seconds for a PDF: not for the window's own thread.
    Raises AttachmentRefused where the file cannot be read, is too big or holds no text.
    """
    name = _shown(path.name)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a folder, a device, a pipe that would block
            raise _refused(name, "it is not a file", _ATTACH_TEXT)
        if _is_pdf(path):
            from desktop.attachments.pdf_text import read_apart  # only PDFs need it

            read = read_apart(path, name)
            return Attachment(name=name, text=read.text, size=status.st_size, note=read.note)
        with path.open("rb") as file:
            data = file.read(MOST_TEXT_BYTES + 1)
    except OSError as error:
        raise _refused(name, error.strerror or str(error), "Check the file.") from error
    if len(data) > MOST_TEXT_BYTES:
        limit = f"it is larger than {MOST_TEXT_BYTES / 1e6:.0f} MB"
        raise _refused(name, limit, "Attach the part that matters.")
    return Attachment(name=name, text=_decoded(name, data), size=len(data))


def as_message(attachments: Sequence[Attachment], text: str) -> str:
    """Return what the model is given: each file named and fenced, then the typed `text`."""
    parts = [_fenced(attachment) for attachment in attachments]
    return "\n\n".join([*parts, text] if text.strip() or not parts else parts)


def _fenced(attachment: Attachment) -> str:
    """The file between fences that none of its own lines can close."""
    runs = re.findall(r"`{3,}", attachment.text)
    fence = "`" * (max(map(len, runs), default=2) + 1)
    suffix = Path(attachment.name).suffix.lower()
    language = _LANGUAGES.get(suffix, re.sub(r"[^a-z0-9+]", "", suffix))
    note = f" ({attachment.note})" if attachment.note else ""
    body = attachment.text.rstrip("\n")
    return f"File {attachment.name}{note}:\n{fence}{language}\n{body}\n{fence}"


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return b"%PDF-" in file.read(1024)  # it may stand behind other bytes


def _decoded(name: str, data: bytes) -> str:
    text = _by_mark(data)
    if text is None:
        text = _by_guess(data)
    if text is None or "\0" in text:
        raise _refused(name, "it is not a text file", _ATTACH_TEXT)
    if not text.strip():
        raise _refused(name, "there is no text in it", _ATTACH_TEXT)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _by_mark(data: bytes) -> str | None:
    """The text of a file that says its encoding, or that is UTF-8."""
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _by_guess(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    from charset_normalizer import from_bytes  # takes longer to import than most files to read

    best = from_bytes(data[:_HEAD]).best()
    return data.decode(best.encoding, "replace") if best else None


def _shown(name: str) -> str:
    """The file's name on one line, without half characters."""
    line = " ".join(name.encode("utf-8", "replace").decode().split())
    return line if len(line) <= _LONGEST_NAME else f"…{line[-_LONGEST_NAME + 1 :]}"


def _refused(name: str, reason: str, advice: str) -> AttachmentRefused:
    return AttachmentRefused(name=name, reason=reason, advice=advice)
