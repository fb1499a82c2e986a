"""Run one of Tern's own commands in a process of its own and read the JSON on its last line."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from engine.own_process import own_command

_TIMEOUT_S = 120
Answer = TypeVar("Answer")


def ask_apart(
    arguments: Sequence[str], kind: type[Answer], environment: Mapping[str, str] | None = None
) -> Answer | None:
    """Return what `tern *arguments` prints last, decoded as `kind`; None where it fails.

    environment: the child's; None gives it ours.
    """
    try:
        child = subprocess.run(
            [*own_command("engine"), *arguments],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
            env=environment,
        )
        return msgspec.json.decode(child.stdout.splitlines()[-1], type=kind)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, IndexError):
        return None
