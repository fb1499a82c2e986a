"""What the window remembers between two runs: one typed object in one TOML file.

A file that cannot be read is kept aside and explained, never a reason not to start.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.errors import UnwritableFolder
from engine.messages import KernelChoice, Precision
from engine.paths import make_folder

ThemeChoice = Literal["system", "light", "dark"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The remembered choices. `geometry` is x, y, width, height; `folders` are imported models."""

    model: str = "demo"
    precision: Precision = Precision.BF16
    kernel: KernelChoice = "auto"
    theme: ThemeChoice = "system"
    geometry: tuple[int, int, int, int] | None = None
    folders: tuple[str, ...] = ()


class SettingsFile:
    """The settings and the file they live in. `trouble` says what was wrong with it, or ""."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble = ""
        self.value = self._read()

    def change(self, **changes: Any) -> None:
        """Replace some fields and write the file, if anything is different."""
        changed = msgspec.structs.replace(self.value, **changes)
        if changed == self.value:
            return
        self.value = changed
        try:
            self._write()
        except (OSError, UnwritableFolder) as error:
            self.trouble = f"The settings could not be saved: {error}."

    def _read(self) -> Settings:
        try:
            return msgspec.convert(tomllib.loads(self._path.read_text(encoding="utf-8")), Settings)
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            self.trouble = f"The settings file {self._path} cannot be read: {error.strerror}."
        except (ValueError, msgspec.ValidationError) as error:
            self.trouble = self._set_aside(error)
        return Settings()

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
        draft.write_text(to_toml(self.value), encoding="utf-8", errors="replace")
        # In one step: a crash while writing must not leave half a file.
        os.replace(draft, self._path)  # noqa: PTH105  (Path.replace is the same call)


def to_toml(settings: Settings) -> str:
    """Return `settings` as TOML. JSON's strings, numbers and lists of them are TOML's too."""
    fields = msgspec.structs.asdict(settings).items()
    return "".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in fields
        if value is not None
    )
