"""`tern network-filter`: whether the kernel takes the internet from a process of the engine's.

`tern doctor` runs it apart, as the filter cannot be taken back.
"""

import argparse

from engine.cli import console
from engine.cli.apart import ask_apart
from engine.cli.session import ClientFactory
from engine.network_filter import deny_internet, is_denied


def problem_apart() -> str | None:
    """Return why the kernel does not, "" where it does; None where nobody could find out."""
    return ask_apart(["network-filter"], str)


def run(_args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the command."""
    problem = deny_internet()
    console.print_json(problem or ("" if is_denied() else "sockets can be made all the same"))
    return 0
