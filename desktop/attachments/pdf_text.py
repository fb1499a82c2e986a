"""The text of a PDF, taken in a process of its own: a hostile file ends that and nothing else."""

import contextlib
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.errors import AttachmentRefused
from engine.own_process import own_command

if TYPE_CHECKING:
    from pypdf import PdfReader

TIMEOUT_S = 30.0
_READING_S = 20.0  # after which the pages read so far are taken
_MOST_BYTES = 50_000_000
_MOST_PAGES = 1_000
_MOST_CHARACTERS = 2_000_000
_MOST_MEMORY = 2 << 30  # bytes of address space
_MODULE = "desktop.attachments.pdf_text"
_COPY_TEXT = "Copy the text that matters out of it and paste that."


class PdfText(msgspec.Struct, frozen=True, tag=True):
    """The text, and what of the file is missing from it, or ""."""

    text: str
    note: str = ""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """Why there is no text, and what to do instead."""

    reason: str
    advice: str


def read_apart(path: Path, name: str, timeout_s: float = TIMEOUT_S) -> PdfText:
    """Return the text of the PDF at `path`, which sentences call `name`.

    Raises AttachmentRefused where it is encrypted, scanned, damaged, too big or too slow.
    """
    try:
        child = subprocess.run(
            [*own_command(_MODULE, "--pdf-text"), str(path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=True,
        )
        answer = msgspec.json.decode(child.stdout, type=PdfText | Refusal)
    except subprocess.TimeoutExpired:
        answer = Refusal("it takes too long to read", _COPY_TEXT)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        answer = Refusal("it is damaged, or no PDF", _COPY_TEXT)
    if isinstance(answer, Refusal):
        raise AttachmentRefused(name=name, reason=answer.reason, advice=answer.advice)
    return answer


def main(arguments: list[str]) -> int:
    """Print the text of the PDF in `arguments` as JSON. Whatever is raised ends the child."""
    _limit_memory()
    logging.disable()  # pypdf reports every oddity of a file
    sys.stdout.buffer.write(msgspec.json.encode(extract(Path(arguments[0]))))
    return 0


def extract(path: Path) -> PdfText | Refusal:
    """Return the text of the PDF at `path`, or why there is none."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    if path.stat().st_size > _MOST_BYTES:
        return Refusal(f"it is larger than {_MOST_BYTES / 1e6:.0f} MB", "Attach a part of it.")
    with contextlib.closing(PdfReader(path)) as reader:
        try:
            locked = reader.is_encrypted and not reader.decrypt("")
        except DependencyError:  # a cipher that pypdf has from another library alone
            locked = True
        if locked:
            return Refusal("it is encrypted", "Save a copy without a password and attach that.")
        return _text_of(reader)


def _text_of(reader: "PdfReader") -> PdfText | Refusal:
    deadline = time.monotonic() + _READING_S
    pages = len(reader.pages)
    texts: list[str] = []
    length = 0
    for page in reader.pages[:_MOST_PAGES]:
        if time.monotonic() > deadline or length > _MOST_CHARACTERS:
            break
        texts.append(page.extract_text().strip())
        length += len(texts[-1])
    text = "\n\n".join(filter(None, texts))[:_MOST_CHARACTERS]
    if not text:
        return Refusal("there is no text in it, only pictures of pages", _COPY_TEXT)
    cut = len(texts) < pages or length > _MOST_CHARACTERS
    clean = text.encode("utf-8", "replace").decode().replace("\0", "")
    return PdfText(clean, f"the first {len(texts)} of {pages} pages" if cut else "")


def _limit_memory() -> None:
    """Bound the memory, where the system can: a small file may unpack to gigabytes."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
