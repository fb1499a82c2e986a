"""`tern ipex-level`: the instruction sets that IPEX finds in this CPU. `tern doctor` runs it apart.

In a process of its own, with the engine's environment: importing IPEX takes seconds and memory.
"""

import argparse
import os
import subprocess
import sys

import msgspec

from engine.cli import console
from engine.cli.session import ClientFactory
from engine.hardware import Cpu, child_environment

_TIMEOUT_S = 120


def ask_apart(cpu: Cpu) -> str | None:
    """Return the level's name as IPEX tells it in a child process; None where it cannot."""
    frozen = getattr(sys, "frozen", False)
    program = [sys.executable] if frozen else [sys.executable, "-P", "-m", "engine"]
    try:
        child = subprocess.run(
            [*program, "ipex-level"],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
            env=child_environment(cpu, os.environ),
        )
        return msgspec.json.decode(child.stdout.splitlines()[-1], type=str)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, IndexError):
        return None


def run(_args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the command."""
    from engine.kernels.ipex import recipes

    console.print_json(recipes.level().name)
    return 0
