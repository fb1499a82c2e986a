"""One quantity over time as a painted curve, with a read-out under the pointer or by arrow keys."""

import math
from bisect import bisect_left
from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from desktop import wording
from desktop.telemetry.answer_record import Points
from desktop.theme import Palette
from desktop.translation import number, tr
from desktop.widgets import styled

_DOT = 4.0  # px
_TICKS = 4  # at most this many above zero


def _seconds(time: float) -> str:
    return number(f"{time:g} s")


class Curve(QWidget):
    """A curve from zero to the largest value. words: puts a value and its unit into words.

    along, marks: the same for what the curve runs over, and for the marks of that axis.
    """

    def __init__(
        self,
        name: str,
        how: str,
        words: Callable[[float], str],
        colours: Palette,
        along: Callable[[float], str] = wording.seconds,
        marks: Callable[[float], str] = _seconds,
    ) -> None:
        super().__init__()
        self._along, self._marks = along, marks
        styled(self, "curve")
        self._name, self._words, self._colours = name, words, colours
        self._points: Points = []
        self._until = 1.0
        self._chosen: int | None = None
        self._marked: int | None = None
        self.setToolTip(how)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._tell()

    @property
    def reading(self) -> str:
        """What the read-out says: the chosen sample, or the marked one, or the last."""
        if not self._points:
            return wording.UNKNOWN
        place = self._marked if self._chosen is None else self._chosen
        time, value = self._points[-1 if place is None else place]
        said = self._words(value)
        return said if place is None else f"{self._along(time)}: {said}"

    @Slot(object)
    def show_points(self, points: Points, until: float = 0.0) -> None:
        """Show `points`, in the order of their times, on an axis of at least `until` seconds."""
        self._points = points
        self._until = max(1.0, until, points[-1][0] if points else 0.0)
        if self._chosen is not None and self._chosen >= len(points):
            self._chosen = None
        if self._marked is not None and self._marked >= len(points):
            self._marked = None
        self._tell()

    def mark_point(self, place: int | None) -> None:
        """Draw a ring around the point at `place`, and read it out where none is chosen."""
        self._marked = place
        self._tell()

    @Slot(object)
    def recolour(self, colours: Palette) -> None:
        """Paint in these colours."""
        self._colours = colours
        self.update()

    def sizeHint(self) -> QSize:
        """Wide and flat."""
        line = self.fontMetrics().lineSpacing()
        return QSize(line * 22, line * 9)

    def minimumSizeHint(self) -> QSize:
        """Enough for a few marks on each axis."""
        line = self.fontMetrics().lineSpacing()
        return QSize(line * 12, line * 7)

    # -- the read-out ----------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read out the sample nearest to the pointer."""
        if self._points:
            plot = self._plot()
            time = (event.position().x() - plot.left()) / max(1.0, plot.width()) * self._until
            after = bisect_left(self._points, time, key=lambda point: point[0])
            near = [i for i in (after - 1, after) if 0 <= i < len(self._points)]
            self._choose(min(near, key=lambda i: abs(self._points[i][0] - time)))

    def leaveEvent(self, event: QEvent) -> None:
        """Read out the last sample again."""
        super().leaveEvent(event)
        if not self.hasFocus():
            self._choose(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Read out the last sample again."""
        super().focusOutEvent(event)
        self._choose(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from sample to sample."""
        last = len(self._points) - 1
        at = last if self._chosen is None else self._chosen
        match event.key():
            case _ if last < 0:
                super().keyPressEvent(event)
            case Qt.Key.Key_Left:
                self._choose(max(0, at - 1))
            case Qt.Key.Key_Right:
                self._choose(min(last, at + 1))
            case Qt.Key.Key_Home:
                self._choose(0)
            case Qt.Key.Key_End:
                self._choose(last)
            case _:
                super().keyPressEvent(event)

    def _choose(self, place: int | None) -> None:
        if place != self._chosen:
            self._chosen = place
            self._tell()

    def _tell(self) -> None:
        """Say what is read out, to the eye and to screen readers."""
        self.setAccessibleDescription(
            tr(
                "{reading}. Curve of {count} samples; the arrow keys read them out.",
                reading=self.reading,
                count=len(self._points),
            )
        )
        if self.hasFocus():
            QAccessible.updateAccessibility(
                QAccessibleEvent(self, QAccessible.Event.DescriptionChanged)
            )
        self.update()

    # -- painting --------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint heading, axes, curve and the chosen sample."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot = self._plot()
        self._paint_heading(painter)
        self._paint_axes(painter, plot)
        places = [self._place(plot, point) for point in self._points]
        painter.setPen(QPen(QColor(self._colours.accent), 2))
        painter.setBrush(QColor(self._colours.accent))
        if len(places) == 1:
            painter.drawEllipse(places[0], _DOT / 2, _DOT / 2)
        painter.drawPolyline(places)
        if self._marked is not None:
            painter.setBrush(QColor(self._colours.surface))
            painter.drawEllipse(places[self._marked], 2 * _DOT, 2 * _DOT)
            painter.setBrush(QColor(self._colours.accent))
            painter.drawEllipse(places[self._marked], _DOT, _DOT)
        if self._chosen is not None:
            painter.drawEllipse(places[self._chosen], _DOT, _DOT)
            painter.setPen(QPen(QColor(self._colours.outline), 1))
            x = places[self._chosen].x()
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(self._colours.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)

    def _paint_heading(self, painter: QPainter) -> None:
        side = self.fontMetrics().averageCharWidth()
        line = QRectF(side, 2, self.width() - 2 * side, self.fontMetrics().lineSpacing())
        painter.setPen(QColor(self._colours.muted))
        painter.drawText(line, _START, self._name)
        painter.setPen(QColor(self._colours.text))
        painter.drawText(line, _END, self.reading)

    def _paint_axes(self, painter: QPainter, plot: QRectF) -> None:
        line = self.fontMetrics().lineSpacing()
        for value in ticks(self._largest()):
            y = self._place(plot, (0.0, value)).y()
            painter.setPen(QPen(QColor(self._colours.border), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(self._colours.muted))
            beside = QRectF(0, y - line / 2, plot.left() - 6, line)
            painter.drawText(beside, _RIGHT, self._words(value) if value else "0")
        for time in ticks(self._until):
            x = self._place(plot, (time, 0.0)).x()
            below = QRectF(x - 3 * line, plot.bottom() + 6, 6 * line, line)
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, self._marks(time))

    def _plot(self) -> QRectF:
        """Return where the curve itself is, within its axes."""
        line = self.fontMetrics().lineSpacing()
        # As wide as any mark, so that curves one above the other share their axis of time.
        marks = self.fontMetrics().horizontalAdvance("0.000 MB")
        return QRectF(self.rect()).adjusted(marks + 8, line + 12, -line - 6, -line - 10)

    def _place(self, plot: QRectF, point: tuple[float, float]) -> QPointF:
        time, value = point
        return QPointF(
            plot.left() + time / self._until * plot.width(),
            plot.bottom() - value / self._largest() * plot.height(),
        )

    def _largest(self) -> float:
        return max((value for _, value in self._points), default=0.0) or 1.0


_MIDDLE = Qt.AlignmentFlag.AlignVCenter
_START = Qt.AlignmentFlag.AlignLeading | _MIDDLE
_END = Qt.AlignmentFlag.AlignTrailing | _MIDDLE
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute | _MIDDLE


def ticks(largest: float) -> list[float]:
    """Return round values from 0 to at most `largest`, a few of them."""
    rough = largest / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    return [i * step for i in range(int(largest / step + 1e-9) + 1)]
