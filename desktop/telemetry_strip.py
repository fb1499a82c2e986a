"""The row of figures at the foot of the window, each with how it is computed.

Shows the engine's own figures, live during an answer; computes none.
"""

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QProgressBar, QVBoxLayout, QWidget

from desktop import wording
from desktop.widgets import label, styled
from engine.messages import Chunk, Done, Loaded, Memory, Prefilled

_LIVE = 100  # ms between two updates of the live figures
# The least width in px for each number of columns; the last figure takes a row's rest.
_COLUMNS = ((940, 7), (560, 4), (0, 3))


class Figure(QWidget):
    """A label, a value, and an explanation on hovering."""

    def __init__(self, name: str, explanation: str) -> None:
        super().__init__()
        self._name = name
        self._explanation = explanation
        self.value = label(wording.UNKNOWN, "figure")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(label(name, "label"))
        column.addWidget(self.value)
        self.setToolTip(explanation)
        self.show_value(wording.UNKNOWN)

    def show_value(self, text: str) -> None:
        """Show `text` as the value."""
        self.value.setText(text)
        spoken = "not known" if text == wording.UNKNOWN else text
        self.setAccessibleName(f"{self._name}: {spoken}")
        self.setAccessibleDescription(self._explanation)


class ContextFigure(Figure):
    """The tokens in the context, with a bar."""

    def __init__(self) -> None:
        super().__init__(
            "Context",
            "Tokens of the conversation held by the model, of those it can hold at most.",
        )
        self.bar = styled(QProgressBar(), "context")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(3)
        self.bar.setRange(0, 1)
        layout = self.layout()
        assert layout
        layout.addWidget(self.bar)

    def show_context(self, used: int, length: int) -> None:
        """Show `used` of `length` tokens."""
        self.bar.setRange(0, max(1, length))
        self.bar.setValue(min(used, length))
        self.show_value(f"{used:,} / {length:,}" if length else wording.UNKNOWN)


class TelemetryStrip(QWidget):
    """All figures in as many rows as the width asks for."""

    def __init__(self) -> None:
        super().__init__()
        styled(self, "strip")
        self.decode = Figure(
            "Decode tokens/s",
            "Speed of writing: tokens after the first, divided by the time from the first to the "
            "last. Reading the prompt is not part of it.",
        )
        self.prefill = Figure(
            "Prefill tokens/s",
            "Speed of reading: prompt tokens that were computed, divided by the time that took. "
            "Tokens kept from the turn before are not counted.",
        )
        self.ttft = Figure(
            "First token",
            "TTFT: from the engine's receipt of the question to the first token of the answer.",
        )
        self.memory = Figure(
            "Memory now",
            "Resident memory of the engine process (RSS), twice a second. The window's own is not "
            "part of it.",
        )
        self.peak = Figure(
            "Memory peak", "The most resident memory that this engine process has had."
        )
        self.context = ContextFigure()
        self.kernel = Figure("Kernel", "What really runs, as counted after loading.")
        self._figures = [
            self.decode,
            self.prefill,
            self.ttft,
            self.memory,
            self.peak,
            self.context,
            self.kernel,
        ]
        self._grid = self._make_grid()
        self._columns = 0
        self._context_length = 0
        self._chunk: Chunk | None = None
        self._live = QTimer(self, interval=_LIVE, singleShot=True)
        self._live.timeout.connect(self._show_chunk)

    def _make_grid(self) -> QGridLayout:
        grid = QGridLayout(self)
        grid.setContentsMargins(20, 10, 20, 10)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(8)
        return grid

    @Slot(object)
    def show_model(self, loaded: Loaded | None) -> None:
        """Show what was loaded, or that nothing is."""
        self.forget_answer()
        self._context_length = loaded.context_length if loaded else 0
        self.context.show_context(0, self._context_length)
        if loaded is None:
            self.kernel.show_value(wording.UNKNOWN)
            self.kernel.setToolTip("No model is loaded.")
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
        self.context.show_context(0, self._context_length)

    @Slot()
    def forget_engine(self) -> None:
        """Forget the memory of an engine that has ended."""
        self.memory.show_value(wording.UNKNOWN)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use as many columns as fit."""
        super().resizeEvent(event)
        columns = next(columns for least, columns in _COLUMNS if self.width() >= least)
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
            self._grid.setColumnStretch(column, 1)

    def _show_chunk(self) -> None:
        chunk = self._chunk
        if chunk:
            self.decode.show_value(wording.speed(chunk.decode_tokens_per_s))
            self.ttft.show_value(wording.seconds(chunk.ttft_s))
            self.context.show_context(chunk.context_used, self._context_length)

    def _show_done(self, event: Done) -> None:
        self._live.stop()
        self._chunk = None
        figures = event.metrics
        self.decode.show_value(wording.speed(figures.decode_tokens_per_s))
        self.prefill.show_value(wording.speed(figures.prefill_tokens_per_s))
        self.ttft.show_value(wording.seconds(figures.ttft_s) if figures.ttft_s else wording.UNKNOWN)
        self.peak.show_value(wording.size(figures.peak_rss_bytes))
        self.context.show_context(figures.context_used, figures.context_length)
