"""The entry of the command line: parse, run one command, turn what went wrong into an exit code.

0 done, 2 wrong usage, 3 an explained failure, 1 a bug, 130 Ctrl-C; `tern compare --against` adds 4
for what is slower or worse than before.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable

from engine.cli import (
    bandwidth,
    bench,
    chat,
    compare,
    console,
    doctor,
    generate,
    ipex_level,
    models,
    network,
    network_filter,
    perplexity,
    sizing,
    threads,
)
from engine.cli.options import build_parser
from engine.cli.session import ClientFactory, Explained, default_client
from engine.cli.store import make_network
from engine.errors import TernError
from engine.paths import Paths

_INTERRUPTED = 130  # what shells expect: 128 + SIGINT

_COMMANDS: dict[str, Callable[[argparse.Namespace, ClientFactory], int]] = {
    "generate": generate.run,
    "chat": chat.run,
    "bench": bench.run,
    "perplexity": perplexity.run,
    "compare": compare.run,
    "threads": threads.run,
    "sizing": sizing.run,
    "doctor": doctor.run,
    "models": models.run,
    "network": network.run,
    "read-bandwidth": bandwidth.run,
    "ipex-level": ipex_level.run,
    "network-filter": network_filter.run,
}


def main(argv: list[str], make_client: ClientFactory = default_client) -> int:
    """Run the command in `argv` (without the program's name) and return its exit code."""
    console.use_forgiving_streams()
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as done:  # argparse has printed the help, the version or the usage
        return done.code if isinstance(done.code, int) else 2
    with make_network(Paths.default()).guard():
        return guarded(lambda: _COMMANDS[args.command](args, make_client), "debug" in args)


def guarded(command: Callable[[], int], debug: bool = False) -> int:
    """Return the exit code of `command`, whatever it raises."""
    try:
        code = command()
        if sys.stdout:
            sys.stdout.flush()  # a closed pipe shows here, not at the interpreter's exit
        return code
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`) has what it wants. What is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TernError, Explained) as failure:
        console.error(failure.said, failure.advice)
        return failure.exit_code
    except Exception as bug:
        if debug:
            traceback.print_exc()
        console.error(
            f"Tern has a bug: {type(bug).__name__}: {bug}.",
            "Please report it." if debug else "To see where, run again with --debug.",
        )
        return 1
