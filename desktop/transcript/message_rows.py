"""Where the messages of the transcript are, in px from its top: heights, and what is in sight.

Knows no widget but the view that a row may have; places and scrolls nothing itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from desktop.transcript.message_view import MessageView
from desktop.transcript.shown_message import ShownMessage

_PAD = 20  # px above the first message and below the last


@dataclass(eq=False)
class Row:
    """A message and its height in px, estimated until it was in sight."""

    message: ShownMessage
    height: int
    view: MessageView | None = None

    @property
    def is_done(self) -> bool:
        """Whether it is shown as it will be."""
        return self.view is not None and self.view.is_done

    def discard(self) -> None:
        """Turn it back into a height."""
        if self.view:
            self.view.hide()
            self.view.deleteLater()
            self.view = None


@dataclass
class Rows:
    """All rows, oldest first. `lay_out` follows each change of a height."""

    all: list[Row] = field(default_factory=list)
    _tops: list[int] = field(default_factory=lambda: [_PAD])  # and the end of the last
    _anchor: tuple[Row, int] | None = None  # a row, and its top from the upper edge of the window

    def lay_out(self) -> None:
        """Find where each row is now."""
        self._tops = list(accumulate((row.height for row in self.all), initial=_PAD))

    @property
    def bottom(self) -> int:
        """The height of all of it."""
        return self._tops[-1] + _PAD

    @property
    def views(self) -> tuple[MessageView, ...]:
        """The rows that are widgets now."""
        return tuple(row.view for row in self.all if row.view)

    def find(self, message_id: int) -> Row | None:
        """Return the row of a message. The latest are asked for most."""
        return next((row for row in reversed(self.all) if row.message.id == message_id), None)

    def top(self, row: Row) -> int:
        """Return where `row` begins."""
        return self._tops[self.all.index(row)]

    def live(self) -> Iterator[tuple[MessageView, int]]:
        """Yield each view, and where it begins."""
        for row, top in zip(self.all, self._tops, strict=False):
            if row.view:
                yield row.view, top

    def between(self, top: int, bottom: int) -> list[Row]:
        """Return the rows that are at least partly between two heights."""
        tops = self._tops
        return [row for i, row in enumerate(self.all) if tops[i + 1] > top and tops[i] < bottom]

    # -- the anchor: what stays where it is when heights become known -----------------------------

    def anchor_at(self, top: int, bottom: int) -> None:
        """Hold on to the first row in sight whose height is known, or else to the first one."""
        sight = self.between(top, bottom)
        row = next((row for row in sight if row.is_done), sight[0] if sight else None)
        self._anchor = (row, self.top(row) - top) if row else None

    def hold(self, row: Row) -> None:
        """Hold on to `row` at the upper edge of the window."""
        self._anchor = (row, _PAD)

    def anchored_top(self) -> int | None:
        """Return where the upper edge of the window belongs, or None where nothing is held."""
        if self._anchor is None or self._anchor[0] not in self.all:
            return None
        return self.top(self._anchor[0]) - self._anchor[1]

    def measure(self, row: Row) -> None:
        """Take the height of a row's view, and lay out anew."""
        before, row.height = row.height, row.view.height() if row.view else row.height
        if self._anchor and self._anchor[0] is row and row.message.state != "growing":
            above = self._anchor[1]
            if above < 0:  # the same share of it stays above the edge
                self._anchor = (row, above * row.height // max(1, before))
        self.lay_out()
