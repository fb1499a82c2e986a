"""The best number of threads: a sweep, its curve, and the choice that is remembered."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop import wording
from desktop.chat_page.pickers import PrecisionPicker
from desktop.flow import Flow
from desktop.models_page.parts import Scroller
from desktop.telemetry.curve import Curve
from desktop.telemetry.figures import Figure
from desktop.theme import Palette
from desktop.translation import isolated, mark, number, tr, trn
from desktop.widgets import button, label, plain_label, styled
from engine.lab.records import Estimate
from engine.lab.threads import Curve as Sweep
from engine.lab.threads import Point
from engine.messages import Precision

_SPEED = Figure(
    mark("Decode tokens/s by threads"),
    mark(
        "Median over a few answers with each number of threads: tokens after the first, divided "
        "by the time from the first to the last."
    ),
)
_INTRODUCTION = mark(
    "More threads are not always faster: the memory is soon busy, and slow cores hold fast ones "
    "back. Each number is measured on this computer with the chosen model; close what else works "
    "hard here."
)


class ThreadsView(Scroller):
    """Emits what is wanted of the model that the page has chosen."""

    tune_wanted = Signal(object)  # Precision
    keep_wanted = Signal(object)  # int, or None for the usual number
    precision_chosen = Signal()

    def __init__(self, palette: Palette) -> None:
        super().__init__(tr("Threads"))
        self._palette = palette
        self.points: list[Point] = []
        self._best: Point | None = None
        self.precision = Precision.BF16
        self.precisions = PrecisionPicker()
        self.precisions.show_selected(self.precision)
        self.tune = button("Find the best number of threads", "primary")
        self.state = label("", "strong", wraps=True)
        self.curve = Curve(
            tr(_SPEED.name), tr(_SPEED.how), wording.speed, palette, _threads, _whole_threads
        )
        self.table = _table()
        self.use = button("Use it for this model", "outlined", "From its next loading on.")
        self.forget = button("Use the usual number again", "link")
        self.kept = label("", "muted", wraps=True)
        self._lay_out()
        self.precisions.precision_chosen.connect(self._choose)
        self.tune.clicked.connect(lambda: self.tune_wanted.emit(self.precision))
        self.use.clicked.connect(
            lambda: self.keep_wanted.emit(self._best.threads if self._best else None)
        )
        self.forget.clicked.connect(lambda: self.keep_wanted.emit(None))
        self.show_kept(None)
        self._clear()

    def _lay_out(self) -> None:
        top, foot = QWidget(), QWidget()
        ways = Flow(top, gap=12)
        ways.addWidget(self.precisions)
        ways.addWidget(self.tune)
        ends = Flow(foot, gap=8)
        ends.addWidget(self.use)
        ends.addWidget(self.forget)
        card = styled(QWidget(), "card")
        column = QVBoxLayout(card)
        column.setContentsMargins(18, 14, 18, 16)
        column.setSpacing(12)
        title = label("How many threads are best?", "heading", wraps=True)
        introduction = plain_label(tr(_INTRODUCTION), "muted", wraps=True)
        for part in (title, introduction, top, self.state, self.curve, self.table, foot, self.kept):
            column.addWidget(part)
        self.column.addWidget(card)
        self.column.addStretch()

    # -- a sweep ---------------------------------------------------------------------------------

    @Slot()
    def begin(self) -> None:
        """Make room for a curve."""
        self._clear()
        self.state.setText(tr("Loading the model…"))

    @Slot(object)
    def show_point(self, point: Point) -> None:
        """Show a number of threads that was measured."""
        self.points.append(point)
        self.state.setText(
            trn("{count} thread measured…", "{count} threads measured…", point.threads)
        )
        self._show_points()

    @Slot(object)
    def show_sweep(self, sweep: Sweep) -> None:
        """Show which number is best."""
        self._best = sweep.best
        self.use.setVisible(self._best is not None)
        self._show_points()
        if self._best is None:
            spoiled = next((point.spoiled for point in sweep.points if point.spoiled), "")
            said = tr("No number of threads could be measured: {reason}.", reason=isolated(spoiled))
            self.state.setText(said if spoiled else tr("Nothing was measured."))
            return
        self.state.setText(
            trn(
                "{count} thread is best: {speed} tokens/s. The usual number is {usual}.",
                "{count} threads are best: {speed} tokens/s. The usual number is {usual}.",
                self._best.threads,
                speed=wording.speed(self._best.decode_tokens_per_s.value),
                usual=number(str(sweep.usual)),
            )
        )

    def show_busy(self, is_busy: bool) -> None:
        """Let nothing be begun while something runs."""
        self.tune.setEnabled(not is_busy)
        self.precisions.setEnabled(not is_busy)
        self.use.setEnabled(not is_busy)

    @Slot(object)
    def show_kept(self, threads: int | None) -> None:
        """Tell what is remembered for the model."""
        self.forget.setVisible(threads is not None)
        self.kept.setVisible(threads is not None)
        if threads is not None:
            self.kept.setText(
                tr(
                    "The model in this precision is loaded with {threads}.",
                    threads=_threads(threads),
                )
            )

    def forget_sweep(self) -> None:
        """Show nothing of a model that is not chosen any more."""
        self._clear()

    def recolour(self, palette: Palette) -> None:
        """Paint in these colours."""
        self._palette = palette
        self.curve.recolour(palette)
        self._show_points()

    # -- painting --------------------------------------------------------------------------------

    def _choose(self, precision: Precision) -> None:
        self.precision = precision
        self._clear()
        self.precision_chosen.emit()

    def _clear(self) -> None:
        self.points, self._best = [], None
        self.state.setText("")
        self.use.hide()
        self._show_points()

    def _show_points(self) -> None:
        points = [(float(p.threads), p.decode_tokens_per_s.value) for p in self.points]
        self.curve.show_points(points)
        threads = [point.threads for point in self.points]
        self.curve.mark_point(threads.index(self._best.threads) if self._best else None)
        for part in (self.curve, self.table):
            part.setVisible(bool(points))
        self.table.setRowCount(len(self.points))
        for row, point in enumerate(self.points):
            remark = self._remark(point)
            colour = QColor(self._palette.muted if point.spoiled else self._palette.text)
            texts = (
                number(str(point.threads)),
                _estimate(point.decode_tokens_per_s),
                _estimate(point.prefill_tokens_per_s),
                remark,
            )
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setForeground(colour)
                self.table.setItem(row, column, item)
        self.table.resizeRowsToContents()
        rows = sum(self.table.rowHeight(row) for row in range(self.table.rowCount()))
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + rows + 16)

    def _remark(self, point: Point) -> str:
        if point.spoiled:
            return tr("invalid: {reason}", reason=isolated(point.spoiled))
        return tr("the best") if self._best and point.threads == self._best.threads else ""


def _table() -> QTableWidget:
    made = styled(QTableWidget(0, 4), "figures")
    made.setAccessibleName(tr("Speed by number of threads"))
    made.setHorizontalHeaderLabels(
        [tr("Threads"), tr("Decode tokens/s"), tr("Prefill tokens/s"), tr("Remark")]
    )
    made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    made.setTabKeyNavigation(False)
    made.setShowGrid(False)
    made.verticalHeader().hide()
    header = made.horizontalHeader()
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
    return made


def _estimate(figure: Estimate) -> str:
    interval = "\n" + isolated(f"({wording.speed(figure.low)} – {wording.speed(figure.high)})")
    return wording.speed(figure.value) + (interval if figure.over != "none" else "")


def _threads(count: float) -> str:
    return trn("{count} thread", "{count} threads", round(count))


def _whole_threads(count: float) -> str:
    """Mark whole numbers alone: half a thread is none."""
    return number(f"{count:g}") if count == int(count) else ""
