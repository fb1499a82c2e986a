"""LaTeX -> a picture in SVG, by ziamath: pure Python, no LaTeX, no network, no files of its own.

Knows no Qt. A formula is untrusted: its length is bounded, and so is the time it may take.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from inspect import CO_GENERATOR
from time import thread_time
from types import FrameType
from typing import TypeVar
from xml.etree import ElementTree

_Result = TypeVar("_Result")
_LONGEST = 1_000  # characters
_LIMIT = 0.5  # seconds of the processor
_LARGEST = 4_000  # px


@dataclass(frozen=True)
class Formula:
    """A drawn formula, black on nothing. Lengths in px; `depth` is what hangs below the line."""

    svg: bytes
    width: float
    height: float
    depth: float


class _TooLong(BaseException):
    """Time is up. No Exception, since the libraries catch those."""


def draw(latex: str, size: float, display: bool) -> Formula | None:
    """Return `latex` drawn with letters of `size` px, or None where it cannot be drawn.

    display: as a formula on a line of its own.
    """
    if len(latex) > _LONGEST:
        return None
    from ziamath.config import config  # not before the first formula: a font is read

    # Letters as plain paths: QtSvg cuts the <symbol>s off that they are otherwise.
    config.svg2 = False
    try:
        return _within(_LIMIT, lambda: _draw(latex, size, display))
    except (Exception, _TooLong):  # whatever the libraries make of nonsense
        return None


def _draw(latex: str, size: float, display: bool) -> Formula | None:
    from ziamath.tex import tex2mml
    from ziamath.zmath import Math

    mathml = tex2mml(latex, inline=not display)
    # A command that is not known comes through as it is: better the formula's source than that.
    if any("\\" in (text or "") for text in ElementTree.fromstring(mathml).itertext()):
        return None
    picture = Math(mathml, size=size)
    width, height = picture.getsize()
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        return None
    return Formula(picture.svg().encode(), width, height, -picture.getyofst())


def _within(limit: float, work: Callable[[], _Result]) -> _Result:
    """Return what `work` returns; raises _TooLong after `limit` seconds.

    Nested formulas take time exponential in their depth. A thread cannot be ended from outside,
    but a profiling function is called at each step that the libraries' Python code takes.
    """
    deadline = thread_time() + limit

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        # What is raised into a generator that is being thrown away is lost.
        if (
            event == "call"
            and not frame.f_code.co_flags & CO_GENERATOR
            and thread_time() > deadline
        ):
            raise _TooLong

    sys.setprofile(watch)
    try:
        return work()
    finally:
        sys.setprofile(None)
