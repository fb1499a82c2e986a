"""Where Tern keeps things. TERN_HOME moves all of it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import platformdirs

from engine.errors import UnwritableFolder


@dataclass(frozen=True)
class Paths:
    """The folders of one installation; none is made until something is written there."""

    config: Path
    data: Path
    cache: Path
    logs: Path

    @classmethod
    def default(cls) -> "Paths":
        """Return the folders under TERN_HOME, or else the system's usual ones."""
        home = os.environ.get("TERN_HOME")
        if home:
            root = Path(home).expanduser().absolute()
            return cls(root / "config", root / "data", root / "cache", root / "logs")
        dirs = platformdirs.PlatformDirs("tern", appauthor=False)
        return cls(
            dirs.user_config_path, dirs.user_data_path, dirs.user_cache_path, dirs.user_log_path
        )

    @property
    def packed(self) -> Path:
        """Quantised weights; safe to delete at any time."""
        return self.cache / "packed"

    @property
    def lab(self) -> Path:
        """What a running comparison keeps for a while; empty between two."""
        return self.cache / "lab"

    @property
    def imported(self) -> Path:
        """Copies of model folders, where the settings name no other root of models."""
        return self.data / "models"

    @property
    def chats(self) -> Path:
        """The history of chats."""
        return self.data / "chats.sqlite"

    @property
    def ledger(self) -> Path:
        """Each network connection that was made or refused, and why."""
        return self.logs / "network.jsonl"

    @property
    def engine_log(self) -> Path:
        """What the engine process wrote to stderr."""
        return self.logs / "engine.log"

    @property
    def window_log(self) -> Path:
        """What went wrong in the window's process."""
        return self.logs / "window.log"

    # Where each window's process notes how it crashed, by its number; empty while it is well.
    CRASHES: ClassVar[str] = "window-crash-*.txt"

    def crash_note(self, pid: int) -> Path:
        """The note of the window's process `pid`."""
        return self.logs / self.CRASHES.replace("*", str(pid))


def assets_folder() -> Path:
    """Return the folder of the files that ship with Tern, in a checkout or an installed package."""
    return Path(__file__).resolve().parent.parent / "assets"


def make_folder(folder: Path) -> Path:
    """Make `folder` where it is missing and return it.

    Raises UnwritableFolder where that fails or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableFolder(folder=folder, reason=error.strerror or error) from error
    if not os.access(folder, os.W_OK):
        raise UnwritableFolder(folder=folder, reason="permission denied")
    return folder
