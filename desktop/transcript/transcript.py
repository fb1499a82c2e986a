"""The conversation in one scrolling column, kept at its end while the person is there.

Only messages in sight and their neighbours are widgets; the others are a height, estimated until
they were in sight. All work is done in slices, so that a long conversation never blocks the window.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from itertools import pairwise
from time import perf_counter

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QWidget

from desktop import wording
from desktop.document.look import Look
from desktop.document.typesetter import Typesetter
from desktop.markdown.parser import make_parser
from desktop.theme import Palette
from desktop.transcript.answer_view import AnswerView
from desktop.transcript.message_rows import Row, Rows
from desktop.transcript.message_view import SIDE, Means, MessageView, estimate
from desktop.transcript.question_view import QuestionView
from desktop.transcript.shown_message import Act, ShownMessage
from desktop.transcript.throttle import RepaintThrottle
from desktop.translation import mark, tr
from desktop.widgets import button, styled
from engine.messages import Progress

COLUMN = 760  # px: about 90 letters, what is pleasant to read
_MARGIN = 24  # px beside the column in a narrow window
_SLICE = 0.012  # seconds of work at a time
_NEAR_END = 24  # px that still count as being at the end
_STEP = 60  # px that an arrow key scrolls


class Transcript(QAbstractScrollArea):
    """The list of messages. What is wanted of one comes with its id."""

    regenerate_wanted = Signal(int)
    continue_wanted = Signal(int)
    delete_wanted = Signal(int)
    edit_wanted = Signal(int, str)  # the question's new text
    select_sibling_wanted = Signal(int, int)  # the other version's id
    KEYS = (
        ("Ctrl+Up", mark("Go to the message above")),
        ("Ctrl+Down", mark("Go to the message below")),
        ("Home", mark("Go to the first message")),
        ("End", mark("Go to the newest message")),
    )
    thought = Signal(int, float)  # seconds that the reasoning of an answer took

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._rows = Rows()
        self._following = True
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
        styled(self, "transcript")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("Conversation"))
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
        return self._rows.views

    @property
    def messages(self) -> tuple[ShownMessage, ...]:
        """The messages shown, oldest first."""
        return tuple(row.message for row in self._rows.all)

    @property
    def is_settled(self) -> bool:
        """Whether what is in sight is shown as it will be."""
        return self._next() is None

    @Slot(object)
    def show_messages(self, messages: Sequence[ShownMessage]) -> None:
        """Show `messages` in place of what was shown. What is in both keeps its place."""
        old = {row.message.id: row for row in self._rows.all}
        self._rows.all = []
        for message in messages:
            row = old.pop(message.id, None) or self._row(message)
            self._give(row, message)
            self._rows.all.append(row)
        for row in old.values():
            row.discard()
        self._following |= not self._rows.views  # another chat is shown from its end
        self._work()

    @Slot(object)
    def add(self, message: ShownMessage) -> None:
        """Show `message` at the end, and go there."""
        self._rows.all.append(self._row(message))
        self.follow()

    @Slot(object)
    def update_message(self, message: ShownMessage) -> None:
        """Show `message` in place of the one with its id; unknown ones are left out."""
        row = self._rows.find(message.id)
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
        self.show_messages([message for message in self.messages if message.id != message_id])

    @Slot()
    def clear(self) -> None:
        """Take all messages away."""
        self.show_messages([])

    @Slot(object)
    def tell_reading(self, progress: Progress) -> None:
        """Show how much of the prompt has been read."""
        last = self._rows.all[-1] if self._rows.all else None
        if last and last.view and last.message.state == "growing":
            last.view.tell(wording.progress(progress))

    def offer(self, acts: Iterable[Act]) -> None:
        """Offer these acts below each message that they suit; copying always is."""
        self._offers = frozenset(acts)
        self._offer_all()

    def _row(self, message: ShownMessage) -> Row:
        return Row(message, estimate(message, self._column(), self._means.look.zoom))

    def _give(self, row: Row, message: ShownMessage) -> None:
        """Let `row` show `message`; how long it took to think is not forgotten."""
        if message.thought_s is None and row.message.thought_s is not None:
            message = replace(message, thought_s=row.message.thought_s)
        if row.view and row.view.message != message:
            row.view.show_message(message)
        row.message = message

    def _show_growing(self) -> None:
        for row in self._rows.all[-2:]:
            if row.message.state == "growing" and row.view:
                row.view.show_message(row.message)
        self._work()

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit what is in sight; the rest is fitted when it comes into sight."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            for view in self.views:
                view.fit(self._column())
            self._estimate_all()
        self._work()

    def _set_look(self, look: Look) -> None:
        self._means = replace(self._means, look=look)
        for view in self.views:
            view.set_look(look)
        self._work()

    def _refresh(self) -> None:
        for view in self.views:
            view.refresh()
        self._timer.start()

    def _estimate_all(self) -> None:
        for row in self._rows.all:
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
            self._tidy()

    def _next(self) -> Row | None:
        """Return the row whose work is most urgent: in sight, then near."""
        for beyond in (0, self.viewport().height() // 2):
            rows = self._in_sight(beyond)
            for row in reversed(rows) if self._following else rows:
                if not row.is_done:
                    return row
        return None

    def _in_sight(self, beyond: int = 0) -> list[Row]:
        """Return the rows in sight, or less than `beyond` px away from it."""
        top = self.verticalScrollBar().value()
        return self._rows.between(top - beyond, top + self.viewport().height() + beyond)

    def _advance(self, row: Row) -> None:
        if row.view is None:
            row.view = self._view(row)
        row.view.advance()
        self._rows.measure(row)
        row.view.show()

    def _view(self, row: Row) -> MessageView:
        kind = QuestionView if row.message.role == "user" else AnswerView
        view = kind(row.message, self._means, self.viewport())
        view.fit(self._column())
        view.offer(self._offers, row is self._rows.all[-1])
        view.act_wanted.connect(lambda act: self._act(act, row.message.id))
        view.edit_wanted.connect(lambda text: self.edit_wanted.emit(row.message.id, text))
        view.sibling_wanted.connect(
            lambda other: self.select_sibling_wanted.emit(row.message.id, other)
        )
        view.thought.connect(lambda seconds: self._on_thought(row, seconds))
        view.reached.connect(lambda: self._bring_into_sight(row))
        view.resized.connect(lambda: self._on_resized(row))
        return view

    def _tidy(self) -> None:
        """Turn rows far out of sight back into heights, and let Tab go through the others."""
        near = self._in_sight(2 * self.viewport().height())
        for row in self._rows.all:
            if row.view and row not in near and not row.view.is_busy:
                row.discard()
        self._offer_all()
        chain: list[QWidget] = [self]
        for view in self.views:
            chain += view.focus_chain()
        for first, second in pairwise(chain):
            QWidget.setTabOrder(first, second)

    def _offer_all(self) -> None:
        for row in self._rows.all:
            if row.view:
                row.view.offer(self._offers, row is self._rows.all[-1])

    # -- placing and scrolling -------------------------------------------------------------------

    def _place(self) -> None:
        """Put everything where it belongs, so that what the person reads does not move."""
        self._rows.lay_out()
        room = self.viewport().height()
        most = max(0, self._rows.bottom - room)
        bar = self.verticalScrollBar()
        self._placing = True
        bar.setPageStep(room)
        bar.setRange(0, most)
        top = most if self._following else self._rows.anchored_top()
        if top is not None:
            bar.setValue(top)
        self._placing = False
        self._move_views()

    def _move_views(self) -> None:
        value = self.verticalScrollBar().value()
        # As much space at the left as the scroll bar takes at its end: centred in the window.
        left = (self.width() - self._column()) // 2 - SIDE - self.viewport().x()
        for view, top in self._rows.live():
            view.move(left, top - value)
        self.to_end.setVisible(not self._following)
        self.to_end.adjustSize()
        centre = (self.width() - self.to_end.width()) // 2
        self.to_end.move(centre, self.height() - self.to_end.height() - 12)
        self.to_end.raise_()

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:
        """Nothing: `_on_scrolled` moves the messages."""

    def _on_scrolled(self, value: int) -> None:
        if self._placing:
            return
        self._following = value >= self.verticalScrollBar().maximum() - _NEAR_END
        self._rows.anchor_at(value, value + self.viewport().height())
        self._move_views()
        self._work()

    @Slot()
    def follow(self) -> None:
        """Go to the end, and stay there."""
        self._following = True
        self._work()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scroll; with Ctrl go from message to message."""
        ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        match event.key():
            case Qt.Key.Key_Up if ctrl:
                self._focus_neighbour(-1)
            case Qt.Key.Key_Down if ctrl:
                self._focus_neighbour(1)
            case Qt.Key.Key_Home:
                self.verticalScrollBar().setValue(0)
            case Qt.Key.Key_End:
                self.follow()
            case _:
                super().keyPressEvent(event)

    # -- focus -----------------------------------------------------------------------------------

    @Slot(int)
    def go_to(self, message_id: int) -> None:
        """Go to a message that was searched for, at the top of what is in sight."""
        row = self._rows.find(message_id)
        if row:
            self._following = False
            self._rows.hold(row)
            self._work()
            self._focus(row)

    def _focus_neighbour(self, step: int) -> None:
        """Move the focus to the message before or after the one that has it, or to the last."""
        rows = self._rows.all
        if not rows:
            return
        at = next((i for i, row in enumerate(rows) if row.view and row.view.has_focus), len(rows))
        self._focus(rows[min(max(at + step, 0), len(rows) - 1)])

    def _focus(self, row: Row) -> None:
        if row.view is None:
            self._advance(row)
            self._place()
        if row.view:
            row.view.setFocus(Qt.FocusReason.TabFocusReason)

    def _on_focus(self, _old: QWidget | None, _now: QWidget | None) -> None:
        for view in self.views:
            view.show_focus()

    def _bring_into_sight(self, row: Row) -> None:
        """Scroll as little as needed to show a message, or the beginning of a tall one."""
        if row not in self._rows.all:
            return  # it had the focus last, on its way out
        bar, room = self.verticalScrollBar(), self.viewport().height()
        top = self._rows.top(row)
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

    def _on_thought(self, row: Row, seconds: float) -> None:
        row.message = replace(row.message, thought_s=seconds)
        self.thought.emit(row.message.id, seconds)

    def _on_resized(self, row: Row) -> None:
        if not self._working and row in self._rows.all:
            self._rows.measure(row)
            self._place()
            self._timer.start()
