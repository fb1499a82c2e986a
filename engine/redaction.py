"""Takes out of a text what names the person: secrets, the home folder, and where their files lie.

Rather too much than too little: what it cannot tell from a path of the person's is hidden.
"""

import getpass
import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from engine.paths import Paths, assets_folder

_SYSTEM = r"(?!(?:usr|lib|lib64|proc|sys|etc|dev)(?:/|\b))"  # the same on every computer
_ROOT = rf"(?:~(?=[/\\])|[A-Za-z]:\\|/{_SYSTEM}(?=\w))"
_QUOTED = re.compile(rf"""(["']){_ROOT}[^"'\n]*\1""")
_BARE = re.compile(rf"""(?<![\w<>/.:~]){_ROOT}[^\s"',;:)\]}}]*""")
_TOKEN = re.compile(r"\bhf_\w{6,}|(?<=://)[^/\s@]+(?=@)")
_NAMED_SECRET = re.compile(r"(?i)\b(authorization|[\w-]*token|password|api[_-]?key)(\s*[=:]\s*)\S+")
# A line of the engine's protocol, whole or in part.
_OF_A_CHAT = re.compile(r"\"(?:content|messages|prompt|text|answer)\\*\"\s*:")
_WITHHELD = "(a line is left out here: it could be of a chat)"
_MODELS = "<models>"
_OF_THE_CACHE = r"""(?=[/\\]+models--|["'\s,;:)\]}]|$)"""  # it may lie among the person's files
_LEAST = 3  # letters of a name that is looked for as a word


class Redactor:
    """Knows this installation's folders, the person's names and their `secrets`."""

    def __init__(self, paths: Paths, models: Iterable[Path], secrets: Iterable[str]) -> None:
        folders = [
            (paths.config, "<config>"),
            (paths.data, "<data>"),
            (paths.cache, "<cache>"),
            (paths.logs, "<logs>"),
            (assets_folder().parent, "<tern>"),
            (Path(sys.prefix), "<python>"),
            (Path(sys.base_prefix), "<python>"),
            *((folder, _MODELS) for folder in models),
            (Path.home(), "~"),
        ]
        spelt = {
            spelling: label
            for folder, label in reversed(folders)
            if len(folder.parts) > 1
            for spelling in _spellings(folder)
        }
        # The longest first, as they lie in each other.
        self._folders = sorted(spelt.items(), key=lambda pair: -len(pair[0]))
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        names = {Path.home().name, _user(), platform.node()} - {"root", "localhost"}
        words = "|".join(re.escape(name) for name in names if len(name) >= _LEAST)
        self._names = re.compile(rf"\b(?:{words})\b" if words else r"(?!)")

    def __call__(self, text: str) -> str:
        """Return `text` without them."""
        for secret in self._secrets:
            text = text.replace(secret, "<secret>")
        text = "".join(
            f"{_WITHHELD}\n" if _OF_A_CHAT.search(line) else line
            for line in text.splitlines(keepends=True)
        )
        for spelling, label in self._folders:
            end = _OF_THE_CACHE if label == _MODELS else r"(?![\w-])"
            text = re.sub(rf"{re.escape(spelling)}{end}", label, text)
        text = _TOKEN.sub("<secret>", text)
        text = _NAMED_SECRET.sub(r"\1\2<secret>", text)
        text = _QUOTED.sub(r"\1…\1", text)
        return self._names.sub("~", _BARE.sub("…", text))


def _spellings(folder: Path) -> set[str]:
    plain = {str(folder), str(folder.resolve())}
    return plain | {spelling.replace("\\", "\\\\") for spelling in plain}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name in the environment, none for the number
        return ""
