"""Repaints in batches: many requests, few calls. Throttles the repaint, never the stream."""

from collections.abc import Callable
from time import perf_counter

from PySide6.QtCore import QObject, Qt, QTimer

_SHORTEST = 30  # ms; about what the eye follows
_LONGEST = 400
_SHARE = 0.03  # of one core that repainting may take while an answer streams


class RepaintThrottle(QObject):
    """Calls `repaint` soon after `request`, and less often the more a call costs."""

    def __init__(self, repaint: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._repaint = repaint
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.flush)
        self._timer.setInterval(_SHORTEST)

    def request(self) -> None:
        """Ask for a repaint."""
        if not self._timer.isActive():
            self._timer.start()

    def flush(self) -> None:
        """Repaint now."""
        self._timer.stop()
        began = perf_counter()
        self._repaint()
        cost = (perf_counter() - began) * 1000
        self._timer.setInterval(round(min(max(_SHORTEST, cost / _SHARE), _LONGEST)))
