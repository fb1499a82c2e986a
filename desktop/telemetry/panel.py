"""The figures in full: curves over the answer, every figure with how it is computed, the proof.

A window of its own beside the chat. Shows the engine's own figures; computes none but the speed
between two reports (`answer_record.py`).
"""

from PySide6.QtCore import QSize, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop import wording
from desktop.telemetry import figures
from desktop.telemetry.answer_record import AnswerRecord
from desktop.telemetry.curve import Curve
from desktop.telemetry.figures_table import FiguresTable
from desktop.telemetry.samples_table import SamplesTable
from desktop.theme import Palette
from desktop.translation import tr
from desktop.widgets import check, label, styled
from engine.messages import Chunk, Done, FinishReason, Loaded, Memory, Metrics, Prefilled

_REPAINT = 250  # ms; also the distance of two samples


class TelemetryPanel(QDialog):
    """Follows the current answer, or shows the figures that were kept with an earlier one."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        styled(self, "root")
        self.setWindowTitle(tr("Figures"))
        self.record = AnswerRecord()
        self._metrics: Metrics | None = None
        self._reason: FinishReason | None = None
        self._loaded: Loaded | None = None
        self._is_past = False
        self.heading = label("", "heading", wraps=True)
        self.speed = Curve(
            tr(figures.SPEED_NOW.name), tr(figures.SPEED_NOW.how), wording.speed, palette
        )
        self.memory = Curve(
            tr("Memory"), tr(figures.MEMORY.how), lambda v: wording.size(round(v)), palette
        )
        self.as_table = check("Show the curves as a table")
        self.samples = SamplesTable(self.record)
        self.table = FiguresTable()
        self._course = QStackedWidget()
        self._timer = QTimer(self, interval=_REPAINT, singleShot=True)
        self._timer.timeout.connect(self._refresh)
        self.as_table.toggled.connect(self._choose_view)
        self._lay_out()
        self._refresh()

    def _lay_out(self) -> None:
        curves = QWidget()
        above = QVBoxLayout(curves)
        above.setContentsMargins(0, 0, 0, 0)
        above.addWidget(self.speed)
        above.addWidget(self.memory)
        self._course.addWidget(curves)
        self._course.addWidget(self._samples_view())
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(10)
        column.addWidget(self.heading)
        column.addWidget(self._course, 3)
        column.addWidget(self.as_table)
        column.addWidget(self.table, 4)

    def _samples_view(self) -> QTableView:
        view = styled(QTableView(), "figures")
        view.setModel(self.samples)
        view.setAccessibleName(tr("The course of the answer"))
        view.setTabKeyNavigation(False)
        view.setShowGrid(False)
        view.verticalHeader().hide()
        view.horizontalHeader().setHighlightSections(False)
        view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        return view

    def sizeHint(self) -> QSize:
        """Room for the curves and a dozen figures."""
        return QSize(760, 720)

    # -- what is shown ---------------------------------------------------------------------------

    @Slot()
    def begin(self) -> None:
        """Follow an answer that begins now."""
        self.record.begin()
        self._metrics = self._reason = None
        self._is_past = False
        self._later()

    @Slot(object)
    def show_model(self, loaded: Loaded | None) -> None:
        """Show what really runs."""
        self._loaded = loaded
        self._later()

    @Slot(object)
    def show_figures(self, event: Prefilled | Chunk | Done | Memory) -> None:
        """Take what the engine reports of the current answer."""
        if isinstance(event, Prefilled):
            return
        self.record.add(event)
        if isinstance(event, Done) and not self._is_past:
            self._metrics, self._reason = event.metrics, event.finish_reason
        self._later()

    @Slot(object)
    def show_answer(self, metrics: Metrics, reason: FinishReason | None = None) -> None:
        """Show the figures kept with an earlier answer, whose course is not known any more."""
        self._metrics, self._reason, self._is_past = metrics, reason, True
        self._refresh()

    @Slot()
    def come_forward(self) -> None:
        """Appear in front of the window, which stays usable."""
        self.show()
        self.raise_()
        self.activateWindow()

    @Slot(object)
    def recolour(self, palette: Palette) -> None:
        """Paint in these colours."""
        self.speed.recolour(palette)
        self.memory.recolour(palette)

    def showEvent(self, event: QShowEvent) -> None:
        """Show what came in the meantime."""
        super().showEvent(event)
        self._refresh()

    def _later(self) -> None:
        """Refresh soon; unseen, it costs nothing."""
        if self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def _choose_view(self, as_table: bool) -> None:
        self._course.setCurrentIndex(int(as_table))
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        self._course.setVisible(not self._is_past)
        self.as_table.setVisible(not self._is_past)
        self.heading.setText(self._title())
        for curve, points in ((self.speed, self.record.speed), (self.memory, self.record.memory)):
            curve.show_points(points, self.record.duration)
        if self.as_table.isChecked():
            self.samples.refresh()
        rows = list(figures.of_answer(self._metrics, self._reason)) if self._metrics else []
        if self._loaded and not self._is_past:
            rows += figures.of_model(self._loaded)
        self.table.show_rows(rows)

    def _title(self) -> str:
        if self._is_past:
            return tr("Figures kept with this answer")
        if self._metrics:
            return tr("The last answer")
        if self.record.speed:
            return tr("The answer in progress")
        return tr("No answer yet")
