"""The row of figures at the foot of the window, each with how it is computed.

Shows the engine's own figures, live during an answer; computes none.
"""

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from desktop import wording
from desktop.telemetry import figures
from desktop.telemetry.figures import Figure
from desktop.translation import tr
from desktop.widgets import ElidedLabel, button, plain_label, styled
from engine.messages import Chunk, Done, Loaded, Memory, Prefilled

_LIVE = 100  # ms between two updates of the live figures
# The least width in px for each number of columns; the last figure takes a row's rest.
_COLUMNS = ((800, 6), (0, 3))


class Shown(QWidget):
    """A figure's name and value, and on hovering how it is computed."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        self._name = tr(figure.name)
        self._how = tr(figure.how)
        self.value = ElidedLabel(wording.UNKNOWN, "figure")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(plain_label(self._name, "label"))
        column.addWidget(self.value)
        self.setToolTip(self._how)
        self.show_value(wording.UNKNOWN)

    def show_value(self, text: str) -> None:
        """Show `text` as the value."""
        self.value.show_text(text)
        spoken = tr("not known") if text == wording.UNKNOWN else text
        self.setAccessibleName(f"{self._name}: {spoken}")
        self.setAccessibleDescription(self._how)


class TelemetryStrip(QWidget):
    """The most telling figures in as many rows as the width asks for, and the way to all."""

    details_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "strip")
        self.decode = Shown(figures.DECODE)
        self.prefill = Shown(figures.PREFILL)
        self.ttft = Shown(figures.TTFT)
        self.memory = Shown(figures.MEMORY)
        self.peak = Shown(figures.PEAK)
        self.kernel = Shown(figures.KERNEL)
        self.details = button(
            "Details",
            "quiet",
            "All figures, their course, and how they are computed (Ctrl+T)",
            "Details of the figures",
        )
        self.details.clicked.connect(self.details_wanted)
        self._figures = [
            self.decode,
            self.prefill,
            self.ttft,
            self.memory,
            self.peak,
            self.kernel,
        ]
        self._grid = self._make_grid()
        self._columns = 0
        self._zoom = 1.0
        self._chunk: Chunk | None = None
        self._live = QTimer(self, interval=_LIVE, singleShot=True)
        self._live.timeout.connect(self._show_chunk)

    def _make_grid(self) -> QGridLayout:
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 10, 12, 10)
        grid = QGridLayout()
        row.addLayout(grid, 1)
        row.addWidget(self.details, 0, Qt.AlignmentFlag.AlignTop)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(8)
        return grid

    @Slot(object)
    def show_model(self, loaded: Loaded | None) -> None:
        """Show what was loaded, or that nothing is."""
        self.forget_answer()
        if loaded is None:
            self.kernel.show_value(wording.UNKNOWN)
            self.kernel.setToolTip(tr("No model is loaded."))
            return
        self.kernel.show_value(f"{loaded.precision} · {loaded.kernel} · {loaded.isa}")
        self.kernel.setToolTip(wording.proof(loaded))
        self.kernel.setAccessibleDescription(wording.proof(loaded))

    @Slot(object)
    def show_figures(self, event: Prefilled | Chunk | Done | Memory) -> None:
        """Show the figures that `event` carries."""
        match event:
            case Memory():
                self.memory.show_value(wording.size(event.rss_bytes))
                self.peak.show_value(wording.size(event.peak_rss_bytes))
            case Prefilled():
                self.prefill.show_value(wording.speed(event.prefill_tokens_per_s))
            case Chunk():
                self._chunk = event
                if not self._live.isActive():
                    self._live.start()
            case Done():
                self._show_done(event)

    @Slot()
    def forget_answer(self) -> None:
        """Forget the figures of the last answer."""
        self._live.stop()
        self._chunk = None
        for figure in (self.decode, self.prefill, self.ttft):
            figure.show_value(wording.UNKNOWN)

    @Slot()
    def forget_engine(self) -> None:
        """Forget the memory of an engine that has ended."""
        self.memory.show_value(wording.UNKNOWN)

    def minimumSizeHint(self) -> QSize:
        """As narrow as the fewest columns, whichever there are now."""
        least = sum(figure.minimumSizeHint().width() for figure in self._figures[:3])
        return QSize(least + self.details.sizeHint().width(), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use as many columns as fit."""
        super().resizeEvent(event)
        self._suit_width()

    @Slot(int)
    def set_zoom(self, percent: int) -> None:
        """Use as many columns as fit at this size of letters."""
        self._zoom = percent / 100
        self._suit_width()

    def _suit_width(self) -> None:
        width = self.width() / self._zoom
        columns = next(columns for least, columns in _COLUMNS if width >= least)
        if columns != self._columns:
            self._columns = columns
            self._place(columns)

    def _place(self, columns: int) -> None:
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 0)
        for i, figure in enumerate(self._figures):
            last = figure is self.kernel
            span = columns - i % columns if last else 1
            self._grid.addWidget(
                figure, i // columns, i % columns, 1, span, Qt.AlignmentFlag.AlignTop
            )
        for column in range(columns):
            # The last one holds the kernel's name, which is long.
            self._grid.setColumnStretch(column, 2 if column == columns - 1 else 1)

    def _show_chunk(self) -> None:
        chunk = self._chunk
        if chunk:
            self.decode.show_value(wording.speed(chunk.decode_tokens_per_s))
            self.ttft.show_value(wording.seconds(chunk.ttft_s))

    def _show_done(self, event: Done) -> None:
        self._live.stop()
        self._chunk = None
        answer = event.metrics
        self.decode.show_value(wording.speed(answer.decode_tokens_per_s))
        self.prefill.show_value(wording.speed(answer.prefill_tokens_per_s))
        self.ttft.show_value(wording.seconds(answer.ttft_s) if answer.ttft_s else wording.UNKNOWN)
        self.peak.show_value(wording.size(answer.peak_rss_bytes))
