"""The command `tern`: the window, the terminal, or the engine process, whichever was asked for."""

import argparse
import os
import sys

from desktop.shell.display import why_no_window
from engine.messages import Precision
from engine.own_process import restore_libraries


def main() -> int:
    """Run `tern` with the arguments of this process; return the exit code."""
    restore_libraries()
    arguments = sys.argv[1:]
    if arguments[:1] == ["--engine-worker"]:  # a frozen program is its own engine process
        from engine.worker import main as work

        work()
    if arguments[:1] == ["--pdf-text"]:  # and the process that reads a PDF for it
        from desktop.attachments.pdf_text import main as read_pdf

        return read_pdf(arguments[1:])
    if _is_command(arguments):
        from engine.cli.main import main as command

        return command(arguments)
    options = _parse(arguments)
    hindrance = why_no_window(os.environ)
    if hindrance:
        sys.stderr.write(f"{hindrance}, so Tern works in the terminal.\n")
        return 3 if options.smoke_test else _without_window(arguments)
    if options.smoke_test:
        from desktop.smoke import run as test

        return test(options.smoke_test)
    from desktop.app import run

    return run(options.model, options.precision, options.new_window)


def _is_command(arguments: list[str]) -> bool:
    """Whether `arguments` are for the command line: a subcommand, or a question about the program.

    Only options mean the window.
    """
    is_question = bool({"-h", "--help", "--version"} & set(arguments))
    return is_question or (bool(arguments) and not arguments[0].startswith("-"))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tern", add_help=False)
    parser.add_argument("--model")
    parser.add_argument("--precision", type=Precision, choices=list(Precision))
    parser.add_argument("--new-window", action="store_true")
    parser.add_argument("--smoke-test", type=float, metavar="STARTED")  # desktop/smoke.py
    return parser.parse_args(arguments)


def _without_window(arguments: list[str]) -> int:
    """Chat in the terminal; without one, show what Tern does."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        from engine.cli.main import main as command

        return command(["chat", *arguments])
    from engine.cli.headless import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
