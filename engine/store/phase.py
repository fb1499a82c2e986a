"""What a download is doing."""

from collections.abc import Callable
from enum import StrEnum


class Phase(StrEnum):
    """The stages of a download, in about their order."""

    QUEUED = "queued"
    PREPARING = "preparing"
    LOCKED = "locked"  # another program downloads the same file
    CHECKING = "checking"  # hashing what an earlier run left
    RECEIVING = "receiving"
    RETRYING = "retrying"  # waiting before the next attempt
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


# Told the phase and how many bytes are there.
OnProgress = Callable[[Phase, int], None]
