"""Bars with their intervals, as places on a drawing of 640 units width."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.lab.records import Estimate

_ROOM = 400  # units for the longest bar; labels stand before it, figures behind
_LINE = 30


@dataclass(frozen=True)
class Bar:
    """One bar. Before `Chart.drawn` its sizes are the figures, afterwards units."""

    label: str
    text: str
    width: float
    low: float
    high: float
    y: int = 0

    @classmethod
    def of(cls, label: str, figure: Estimate, form: Callable[[float], str]) -> "Bar":
        """Return the bar of an estimate."""
        return cls(label, form(figure.value), figure.value, figure.low, figure.high)

    @classmethod
    def plain(cls, label: str, value: float, form: Callable[[float], str]) -> "Bar":
        """Return the bar of a figure without an interval."""
        return cls(label, form(value), value, value, value)

    @property
    def end(self) -> float:
        """Where it and its interval end."""
        return max(self.width, self.high)


@dataclass(frozen=True)
class Chart:
    """Bars under one title."""

    title: str
    bars: list[Bar]

    @property
    def height(self) -> int:
        """Units."""
        return _LINE * len(self.bars)

    @property
    def spoken(self) -> str:
        """The chart for who does not see it."""
        return f"{self.title}: " + ", ".join(f"{bar.label} {bar.text}" for bar in self.bars)

    def drawn(self) -> "Chart":
        """Return the same to scale: the longest bar, its interval included, fills the room."""
        scale = _ROOM / (max(bar.end for bar in self.bars) or 1)

        def placed(number: int, bar: Bar) -> Bar:
            sizes = (round(size * scale, 1) for size in (bar.width, bar.low, bar.high))
            width, low, high = sizes
            return replace(bar, width=width, low=low, high=high, y=number * _LINE + 4)

        return replace(self, bars=[placed(number, bar) for number, bar in enumerate(self.bars)])
