"""Stop strings as a person writes them: one on each line, a line's end within one as \\n."""

import re

_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


def to_lines(stops: tuple[str, ...]) -> str:
    """Return `stops` as lines of text."""
    escape = {value: f"\\{name}" for name, value in _ESCAPES.items()}
    return "\n".join("".join(escape.get(c, c) for c in stop) for stop in stops)


def from_lines(text: str) -> tuple[str, ...]:
    """Return the stop strings of `text`; empty lines are none."""
    lines = [line for line in text.split("\n") if line]
    return tuple(re.sub(r"\\([nt\\])", lambda m: _ESCAPES[m[1]], line) for line in lines)
