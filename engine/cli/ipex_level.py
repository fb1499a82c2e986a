"""`tern ipex-level`: the instruction sets that IPEX finds in this CPU. `tern doctor` runs it apart.

In a process of its own, with the engine's environment: importing IPEX takes seconds and memory.
"""

import argparse
import os

from engine.cli import console
from engine.cli.apart import ask_apart
from engine.cli.session import ClientFactory
from engine.hardware import Cpu, child_environment


def level_apart(cpu: Cpu) -> str | None:
    """Return the level's name as IPEX tells it in a child process; None where it cannot."""
    return ask_apart(["ipex-level"], str, child_environment(cpu, os.environ))


def run(_args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the command."""
    from engine.kernels.ipex import recipes

    console.print_json(recipes.level().name)
    return 0
