"""What a person types or pastes -> a repository of the Hub; and which names a repository may use.

Names come from strangers and become paths: each is checked here before anything is made of it.
"""

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from engine.errors import BadReference

DEFAULT_ENDPOINT = "https://huggingface.co"
MAIN = "main"

_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com")
_OTHER_KINDS = {"datasets": "a data set", "spaces": "a space", "collections": "a collection"}
# The Hub's own rules (huggingface_hub.utils.validate_repo_id, which takes long to import).
_NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_NAME_LIMIT = 96
_REVISION = re.compile(r"(?!.*(?:\.\.|//|@\{))[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WINDOWS_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


@dataclass(frozen=True)
class Reference:
    """A model of the Hub at a revision: a branch, a tag or a commit."""

    repo: str
    revision: str = MAIN

    def __str__(self) -> str:
        return self.repo if self.revision == MAIN else f"{self.repo}@{self.revision}"


def endpoint() -> str:
    """Return the address of the Hub: HF_ENDPOINT, or huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def parse_reference(text: str) -> Reference:
    """Return what `text` means: "org/name", "org/name@revision" or the address of its page.

    Raises BadReference, with what is wrong.
    """
    text = text.strip()
    if "://" in text or text.startswith(tuple(f"{host}/" for host in _HOSTS)):
        repo, revision = _from_address(text)
    else:
        repo, _, revision = text.partition("@")
    parts = repo.split("/")
    if len(parts) != 2:
        _refuse(text, "it has no organisation before the name")
    if not all(_NAME.fullmatch(part) for part in parts) or len(repo) > _NAME_LIMIT:
        _refuse(text, "the Hub allows no such name")
    if revision and not is_revision(revision):
        _refuse(text, "there can be no such revision")
    return Reference(repo, revision or MAIN)


def _from_address(text: str) -> tuple[str, str]:
    """Return repository and revision of a page: /org/name, .../tree/rev, .../blob/rev/file."""
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
        host, parts = address.hostname, [unquote(part) for part in address.path.split("/") if part]
    except ValueError:
        _refuse(text, "it is no address")
    if host not in (*_HOSTS, urlsplit(endpoint()).hostname):
        _refuse(text, "it leads elsewhere")
    if parts and parts[0] in _OTHER_KINDS:
        _refuse(text, f"it is {_OTHER_KINDS[parts[0]]}")
    revision = ""
    if len(parts) > 3 and parts[2] in ("tree", "blob", "resolve", "commit"):
        # A pull request's branch, refs/pr/1, has slashes of its own.
        revision = "/".join(parts[3:6]) if parts[3] == "refs" else parts[3]
    return "/".join(parts[:2]), revision


def _refuse(text: str, reason: str) -> NoReturn:
    shown = text if len(text) < 80 else f"{text[:80]}…"
    raise BadReference(text=shown or "An empty text", reason=reason)


def is_revision(text: str) -> bool:
    """Return whether `text` can be a branch, tag or commit, and a path below `refs/`."""
    return bool(_REVISION.fullmatch(text)) and not text.endswith((".lock", "/", "."))


def is_commit(text: object) -> bool:
    """Return whether `text` is a whole commit id."""
    return isinstance(text, str) and bool(_COMMIT.fullmatch(text))


def is_hash(text: object) -> bool:
    """Return whether `text` is a sha256 or a git blob id in hexadecimals."""
    return isinstance(text, str) and bool(_SHA256.fullmatch(text) or _COMMIT.fullmatch(text))


def stays_inside(name: str) -> bool:
    """Return whether a file of that name lies below the folder it is put in, on any system."""
    path = PurePosixPath(name)
    return (
        name not in ("", ".")
        and name == str(path)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and not re.match(r"[A-Za-z]:", name)
        and name.isprintable()
        and all(len(part.encode()) <= 255 for part in path.parts)
    )


def is_portable(name: str) -> bool:
    """Return whether a file can have that name on Windows too."""
    return not any(
        _WINDOWS_DEVICES.fullmatch(part) or part.endswith((" ", ".")) or set(part) & set('<>:"|?*')
        for part in name.split("/")
    )
