"""Numbers on the command line, within their ranges."""

import argparse
import math
from collections.abc import Callable


def number(
    kind: type[int] | type[float], low: float, high: float = math.inf, above: bool = False
) -> Callable[[str], float]:
    """Return a converter for argparse that takes finite numbers from low to high.

    above: leave out `low` itself.
    """

    def convert(text: str) -> float:
        value = kind(text)
        fits = low <= value <= high and math.isfinite(value) and not (above and value == low)
        if not fits:
            start = f"above {low}" if above else f"{low} or more"
            end = "" if high == math.inf else f" and {high} at most"
            raise argparse.ArgumentTypeError(f"{text} is not {start}{end}")
        return value

    convert.__name__ = "whole number" if kind is int else "number"  # argparse's error names it
    return convert
