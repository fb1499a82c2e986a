"""The lines that a person types at `tern chat`, or that come through a pipe."""

import contextlib
import sys

from engine.cli import console


class LineReader:
    """Reads messages: with a prompt and line editing at a terminal, plainly otherwise."""

    def __init__(self) -> None:
        self.at_terminal = console.is_terminal(sys.stdin) and console.is_terminal(sys.stdout)
        reconfigure = getattr(sys.stdin, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")
        if self.at_terminal:
            with contextlib.suppress(ImportError):  # not on Windows
                import readline  # noqa: F401 - gives input() its line editing

    def read(self) -> str | None:
        """Return the next message, None at the end.

        At a terminal one Ctrl-C drops the line and says how to end, lest a late one for an answer
        ends the conversation; a second in a row raises KeyboardInterrupt.
        """
        warned = False
        while True:
            try:
                return self._message()
            except EOFError:
                if self.at_terminal:
                    print()
                return None
            except KeyboardInterrupt:
                if warned or not self.at_terminal:
                    raise
                warned = True
                print()
                console.note("Ctrl-D or /quit ends the chat; so does Ctrl-C again.")

    def _message(self) -> str:
        """Return a line, joined with the next where it ends with a backslash."""
        if self.at_terminal:
            print()  # an answer and its figures end here
        message = self._line("> ")
        while message.endswith("\\"):
            message = f"{message[:-1]}\n{self._line('  ')}"
        return message

    def _line(self, prompt: str) -> str:
        if self.at_terminal:
            return input(prompt)
        line = sys.stdin.readline() if sys.stdin else ""
        if not line:
            raise EOFError
        return line.rstrip("\r\n")
