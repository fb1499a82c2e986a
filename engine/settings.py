"""What Tern remembers between two runs: one typed object in one TOML file, for window and terminal.

A file that cannot be read is kept aside and explained, never a reason not to start. Light half.
"""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import tomli_w

from engine.errors import UnwritableFolder
from engine.messages import KernelChoice, Precision
from engine.paths import Paths, make_folder

ThemeChoice = Literal["system", "light", "dark"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The remembered choices.

    `geometry` is x, y, width, height. `folders` are models used where they lie. `models` is the
    root of downloaded models, "" the standard Hugging Face cache. `sealed` allows no connection.
    `chat` is the uid of the chat that was shown last, "" an empty one. `sidebar` is the width of
    the list of chats in px, and `sidebar_shown` whether there is room for it in wide windows.
    `language` is "system" or a code, "de". `zoom` is the size of letters in per cent. `tray` lets
    the window hide in the system tray when it is closed. `threads` are numbers of threads that were
    measured to be best, by `threads_key`.
    """

    model: str = "demo"
    precision: Precision = Precision.BF16
    kernel: KernelChoice = "auto"
    theme: ThemeChoice = "system"
    geometry: tuple[int, int, int, int] | None = None
    folders: tuple[str, ...] = ()
    models: str = ""
    sealed: bool = False
    chat: str = ""
    sidebar: int = 280
    sidebar_shown: bool = True
    maximized: bool = False
    language: str = "system"
    zoom: int = 100
    tray: bool = False
    threads: dict[str, int] = {}


class SettingsFile:
    """The settings and the file they live in. `trouble` says what was wrong with it, or "".

    on_trouble(said) is called where a change could not be saved, once for each reason.

    The window and the terminal may both have it open: a change is made to what the file holds
    then. What a newer version has written there is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unknown: dict[str, Any] = {}
        self.trouble = ""
        self.on_trouble: Callable[[str], object] = lambda _said: None
        self.value = self._read(Settings())

    @classmethod
    def of(cls, paths: Paths) -> "SettingsFile":
        """Return the settings of an installation."""
        return cls(paths.config / "settings.toml")

    def change(self, **changes: Any) -> None:
        """Replace some fields and write the file; where that fails, `trouble` says so."""
        try:
            self.save(**changes)
        except UnwritableFolder as error:
            said = f"The settings could not be saved: {error.said}"
            is_news, self.trouble = said != self.trouble, said
            if is_news:
                self.on_trouble(said)

    def save(self, **changes: Any) -> None:
        """Replace some fields and write the file, if anything is different.

        Raises UnwritableFolder; the fields are replaced all the same.
        """
        before = self._read(self.value)
        self.value = msgspec.structs.replace(before, **changes)
        if self.value == before:
            return
        try:
            self._write()
        except OSError as error:
            reason = error.strerror or error
            raise UnwritableFolder(folder=self._path.parent, reason=reason) from error

    def _read(self, otherwise: Settings) -> Settings:
        try:
            fields = tomllib.loads(self._path.read_text(encoding="utf-8"))
            value = msgspec.convert(fields, Settings)
        except FileNotFoundError:
            return otherwise
        except OSError as error:
            self.trouble = f"The settings file {self._path} cannot be read: {error.strerror}."
            return otherwise
        except (ValueError, msgspec.ValidationError) as error:
            self.trouble = self._set_aside(error)
            return otherwise
        known = Settings.__struct_fields__
        self._unknown = {name: field for name, field in fields.items() if name not in known}
        return value

    def _set_aside(self, error: Exception) -> str:
        aside = self._path.with_suffix(".damaged.toml")
        try:
            self._path.replace(aside)
        except OSError:
            aside = self._path
        return (
            f"The settings file was damaged ({error}), so Tern starts with its defaults. "
            f"The file was kept as {aside}."
        )

    def _write(self) -> None:
        make_folder(self._path.parent)
        draft = self._path.with_suffix(".new")
        text = to_toml(self.value, self._unknown)
        draft.write_text(text, encoding="utf-8", errors="replace")
        # In one step: a crash while writing must not leave half a file.
        os.replace(draft, self._path)  # noqa: PTH105  (Path.replace is the same call)


def threads_key(model: str, precision: Precision, kernel: KernelChoice) -> str:
    """Return under which name threads are remembered. model: `engine.store.hub_cache.identity`."""
    return f"{precision} {kernel} {model}"


def to_toml(settings: Settings, unknown: dict[str, Any] | None = None) -> str:
    """Return `settings` as TOML, and the `unknown` fields after them. None has no form in it."""
    fields = msgspec.to_builtins(settings)
    return tomli_w.dumps({k: v for k, v in fields.items() if v is not None} | (unknown or {}))
