"""The conversation in one scrolling column, kept at its end while the person is there.

Only messages in sight and their neighbours are widgets; the others are a height, estimated until
they were in sight. All work is done in slices, so that a long conversation never blocks the window.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from time import perf_counter

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QWidget

from desktop import wording
from desktop.look import Look
from desktop.markdown.parser import make_parser
from desktop.message_view import SIDE, Means, MessageView, estimate
from desktop.shown_message import Act, ShownMessage
from desktop.theme import Palette
from desktop.throttle import RepaintThrottle
from desktop.typesetter import Typesetter
from desktop.widgets import button, styled
from engine.messages import Progress

COLUMN = 760  # px: about 90 letters, what is pleasant to read
_MARGIN = 24  # px beside the column in a narrow window
_PAD = 20  # px above the first message and below the last
_SLICE = 0.012  # seconds of work at a time
_NEAR_END = 24  # px that still count as being at the end
_STEP = 60  # px that an arrow key scrolls


@dataclass(eq=False)
class _Row:
    """A message and its height in px, estimated until it was in sight."""

    message: ShownMessage
    height: int
    view: MessageView | None = None


class Transcript(QAbstractScrollArea):
    """The list of messages. What is wanted of one comes with its id."""

    regenerate_wanted = Signal(int)
    continue_wanted = Signal(int)
    delete_wanted = Signal(int)
    edit_wanted = Signal(int, str)  # the question's new text
    select_sibling_wanted = Signal(int, int)  # the other version's id
    thought = Signal(int, float)  # seconds that the reasoning of an answer took

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._rows: list[_Row] = []
        self._tops: list[int] = [_PAD]  # of each row, and the end of the last
        self._following = True
        self._anchor: tuple[_Row, int] | None = None  # a row and its place in the viewport
        self._placing = self._working = False
        self._offers: Set[Act] = frozenset()
        typesetter = Typesetter(self)
        self._means = Means(Look(palette, self.font().family()), typesetter, make_parser())
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._work)
        self._throttle = RepaintThrottle(self._show_growing, self)
        self._set_up()
        typesetter.ready.connect(self._refresh)
        self.destroyed.connect(typesetter.close)

    def _set_up(self) -> None:
        styled(self.viewport(), "transcript")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Conversation")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.verticalScrollBar().setSingleStep(_STEP)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.to_end = button("↓  To the end", "toEnd", "Go to the newest message (End)")
        self.to_end.setParent(self)
        self.to_end.clicked.connect(self.follow)
        self.to_end.hide()
        QApplication.instance().focusChanged.connect(self._on_focus)  # type: ignore[union-attr]

    # -- the messages ----------------------------------------------------------------------------

    @property
    def views(self) -> tuple[MessageView, ...]:
        """The messages that are widgets now, oldest first."""
        return tuple(row.view for row in self._rows if row.view)

    @property
    def messages(self) -> tuple[ShownMessage, ...]:
        """The messages shown, oldest first."""
        return tuple(row.message for row in self._rows)

    @property
    def is_settled(self) -> bool:
        """Whether what is in sight is shown as it will be."""
        return self._next() is None

    @Slot(object)
    def show_messages(self, messages: Sequence[ShownMessage]) -> None:
        """Show `messages` in place of what was shown. What is in both keeps its place."""
        old = {row.message.id: row for row in self._rows}
        rows = [old.pop(message.id, None) or self._row(message) for message in messages]
        for row in old.values():
            self._discard(row)
        is_other = len(rows) > 0 and not any(row.view for row in rows)
        self._rows = rows
        for row, message in zip(rows, messages, strict=True):
            self._give(row, message)
        self._following = self._following or is_other
        self._work()

    @Slot(object)
    def add(self, message: ShownMessage) -> None:
        """Show `message` at the end, and go there."""
        self._rows.append(self._row(message))
        self.follow()

    @Slot(object)
    def update_message(self, message: ShownMessage) -> None:
        """Show `message` in place of the one with its id; unknown ones are left out."""
        row = next((row for row in reversed(self._rows) if row.message.id == message.id), None)
        if row is None:
            return
        if message.state == "growing" and row.message.state == "growing":
            row.message = message  # seen at the next repaint
            self._throttle.request()
        else:
            self._give(row, message)
            self._work()

    @Slot(int)
    def remove(self, message_id: int) -> None:
        """Take one message away."""
        self.show_messages([m for m in self.messages if m.id != message_id])

    @Slot()
    def drop_exchange(self) -> None:
        """Take the last question and answer away."""
        self.show_messages(self.messages[:-2])

    @Slot()
    def clear(self) -> None:
        """Take all messages away."""
        self.show_messages([])

    @Slot(object)
    def tell_reading(self, progress: Progress) -> None:
        """Show how much of the prompt has been read."""
        if self._rows and self._rows[-1].view and self._rows[-1].message.state == "growing":
            self._rows[-1].view.tell(wording.progress(progress))

    def offer(self, acts: Iterable[Act]) -> None:
        """Offer these acts below each message that they suit; copying always is."""
        self._offers = frozenset(acts)
        self._offer_all()

    def _row(self, message: ShownMessage) -> _Row:
        return _Row(message, estimate(message, self._column(), self._means.look.zoom))

    def _give(self, row: _Row, message: ShownMessage) -> None:
        """Let `row` show `message`; how long it took to think is not forgotten."""
        if message.thought_s is None and row.message.thought_s is not None:
            message = replace(message, thought_s=row.message.thought_s)
        if row.view and row.view.message != message:
            row.view.show_message(message)
        row.message = message

    def _show_growing(self) -> None:
        for row in self._rows[-2:]:
            if row.message.state == "growing" and row.view:
                row.view.show_message(row.message)
        self._work()

    def _discard(self, row: _Row) -> None:
        if row.view:
            row.view.hide()
            row.view.deleteLater()
            row.view = None

    # -- colours and sizes -----------------------------------------------------------------------

    @Slot(object)
    def recolour(self, palette: Palette) -> None:
        """Use the colours of `palette`."""
        self._set_look(replace(self._means.look, palette=palette))

    @Slot(int)
    def set_zoom(self, percent: int) -> None:
        """Show text at `percent` of its size, 50 to 300."""
        self._set_look(replace(self._means.look, zoom=min(max(percent, 50), 300) / 100))
        self._estimate_all()

    def _set_look(self, look: Look) -> None:
        self._means = replace(self._means, look=look)
        for view in self.views:
            view.set_look(look)
        self._work()

    def _refresh(self) -> None:
        for view in self.views:
            view.refresh()
        self._timer.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit what is in sight; the rest is fitted when it comes into sight."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            for view in self.views:
                view.fit(self._column())
            self._estimate_all()
        self._work()

    def _estimate_all(self) -> None:
        for row in self._rows:
            if not row.view:
                row.height = estimate(row.message, self._column(), self._means.look.zoom)

    def _column(self) -> int:
        return max(200, min(COLUMN, self.width() - 2 * _MARGIN))

    # -- work in slices --------------------------------------------------------------------------

    def _work(self) -> None:
        """Bring what is in sight to the screen, for a moment; go on soon where more is to do."""
        if self._working:
            return
        self._working = True
        ends = perf_counter() + _SLICE
        self._place()
        row = self._next()
        while row:
            self._advance(row)
            self._place()
            row = self._next()
            if perf_counter() > ends:
                break
        self._working = False
        if row:
            self._timer.start()
        else:
            self._timer.stop()
            self._drop_far()
            self._order_focus()

    def _next(self) -> _Row | None:
        """Return the row whose work is most urgent: in sight, then near."""
        for beyond in (0, self.viewport().height() // 2):
            rows = [self._rows[i] for i in self._in_sight(beyond)]
            for row in reversed(rows) if self._following else rows:
                if row.view is None or not row.view.is_done:
                    return row
        return None

    def _in_sight(self, beyond: int) -> range:
        """Return which rows are in sight, or less than `beyond` px away from it."""
        top = self.verticalScrollBar().value() - beyond
        bottom = top + self.viewport().height() + 2 * beyond
        found = [i for i, (a, b) in enumerate(pairwise(self._tops)) if b > top and a < bottom]
        return range(found[0], found[-1] + 1) if found else range(0)

    def _advance(self, row: _Row) -> None:
        if row.view is None:
            row.view = self._view(row)
        row.view.advance()
        self._measure(row)
        row.view.show()

    def _view(self, row: _Row) -> MessageView:
        view = MessageView(row.message, self._means, self.viewport())
        view.fit(self._column())
        view.offer(self._offers, row is self._rows[-1])
        view.act_wanted.connect(lambda act: self._act(act, row.message.id))
        view.edit_wanted.connect(lambda text: self.edit_wanted.emit(row.message.id, text))
        view.sibling_wanted.connect(
            lambda other: self.select_sibling_wanted.emit(row.message.id, other)
        )
        view.thought.connect(lambda seconds: self._on_thought(row, seconds))
        view.reached.connect(lambda: self._bring_into_sight(row))
        view.resized.connect(lambda: self._on_resized(row))
        return view

    def _measure(self, row: _Row) -> None:
        """Take the height that a row's view needs."""
        before, row.height = row.height, row.view.height() if row.view else row.height
        if (
            self._anchor
            and self._anchor[0] is row
            and self._anchor[1] < 0
            and not self._growing(row)
        ):
            # The same share of it stays above the edge.
            self._anchor = (row, self._anchor[1] * row.height // max(1, before))

    def _growing(self, row: _Row) -> bool:
        return row.message.state == "growing"

    def _drop_far(self) -> None:
        """Turn rows far out of sight back into heights."""
        near = self._in_sight(2 * self.viewport().height())
        for i, row in enumerate(self._rows):
            if row.view and i not in near and not row.view.is_busy:
                self._discard(row)

    def _order_focus(self) -> None:
        """Let Tab go from message to message, and through each, as they stand."""
        self._offer_all()
        chain: list[QWidget] = [self]
        for view in self.views:
            chain += view.focus_chain()
        for first, second in pairwise(chain):
            QWidget.setTabOrder(first, second)

    def _offer_all(self) -> None:
        for row in self._rows:
            if row.view:
                row.view.offer(self._offers, row is self._rows[-1])

    # -- placing and scrolling -------------------------------------------------------------------

    def _place(self) -> None:
        """Put everything where it belongs, so that what the person reads does not move."""
        self._tops = list(accumulate((row.height for row in self._rows), initial=_PAD))
        room = self.viewport().height()
        most = max(0, self._tops[-1] + _PAD - room)
        bar = self.verticalScrollBar()
        self._placing = True
        bar.setPageStep(room)
        bar.setRange(0, most)
        if self._following:
            bar.setValue(most)
        elif self._anchor and self._anchor[0] in self._rows:
            bar.setValue(self._tops[self._rows.index(self._anchor[0])] - self._anchor[1])
        self._placing = False
        self._move_views()

    def _move_views(self) -> None:
        value = self.verticalScrollBar().value()
        # As much space at the left as the scroll bar takes at the right: centred in the window.
        left = (self.width() - self._column()) // 2 - SIDE
        for row, top in zip(self._rows, self._tops, strict=False):
            if row.view:
                row.view.move(left, top - value)
        self.to_end.setVisible(not self._following)
        self.to_end.adjustSize()
        self.to_end.move(
            (self.width() - self.to_end.width()) // 2, self.height() - self.to_end.height() - 12
        )
        self.to_end.raise_()

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        """Nothing: `_on_scrolled` moves the messages."""

    def _on_scrolled(self, value: int) -> None:
        if self._placing:
            return
        self._following = value >= self.verticalScrollBar().maximum() - _NEAR_END
        self._anchor = self._find_anchor(value)
        self._move_views()
        self._work()

    def _find_anchor(self, value: int) -> tuple[_Row, int] | None:
        """Return the first row in sight whose height is known, or else the first one."""
        sight = [(self._rows[i], self._tops[i] - value) for i in self._in_sight(0)]
        known = [place for place in sight if place[0].view and place[0].view.is_done]
        return next(iter(known or sight), None)

    @Slot()
    def follow(self) -> None:
        """Go to the end, and stay there."""
        self._following = True
        self._work()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scroll; with Alt go from message to message."""
        bar = self.verticalScrollBar()
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        match event.key():
            case Qt.Key.Key_Up if alt:
                self._focus_neighbour(-1)
            case Qt.Key.Key_Down if alt:
                self._focus_neighbour(1)
            case Qt.Key.Key_Home:
                bar.setValue(0)
            case Qt.Key.Key_End:
                self.follow()
            case _:
                super().keyPressEvent(event)

    # -- focus -----------------------------------------------------------------------------------

    def _focus_neighbour(self, step: int) -> None:
        """Move the focus to the message before or after the one that has it, or to the last."""
        if not self._rows:
            return
        at = next((i for i, row in enumerate(self._rows) if row.view and row.view.has_focus), None)
        place = len(self._rows) - 1 if at is None else at + step
        row = self._rows[min(max(place, 0), len(self._rows) - 1)]
        if row.view is None:
            self._advance(row)
            self._place()
        if row.view:
            row.view.setFocus(Qt.FocusReason.TabFocusReason)

    def _on_focus(self, _old: QWidget | None, _now: QWidget | None) -> None:
        for view in self.views:
            view.show_focus()

    def _bring_into_sight(self, row: _Row) -> None:
        """Scroll as little as needed to show a message, or the beginning of a tall one."""
        bar, room = self.verticalScrollBar(), self.viewport().height()
        top = self._tops[self._rows.index(row)]
        seen = min(top + row.height, bar.value() + room) - max(top, bar.value())
        if row.height > room and seen < room // 2:
            bar.setValue(top)
        elif row.height <= room and seen < row.height:
            bar.setValue(top if top < bar.value() else top + row.height - room)

    # -- what the views say ----------------------------------------------------------------------

    def _act(self, act: Act, message_id: int) -> None:
        signals = {
            Act.REGENERATE: self.regenerate_wanted,
            Act.CONTINUE: self.continue_wanted,
            Act.DELETE: self.delete_wanted,
        }
        signals[act].emit(message_id)

    def _on_thought(self, row: _Row, seconds: float) -> None:
        row.message = replace(row.message, thought_s=seconds)
        self.thought.emit(row.message.id, seconds)

    def _on_resized(self, row: _Row) -> None:
        if not self._working and row in self._rows:
            self._measure(row)
            self._place()
            self._timer.start()
