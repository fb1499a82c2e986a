"""Repaints in batches: many requests, few calls. Throttles the repaint, never the stream."""

from collections.abc import Callable
from time import process_time

from PySide6.QtCore import QObject, Qt, QTimer

_SHORTEST = 50  # ms; 20 repaints a second
_LONGEST = 400
_SHARE = 0.03  # of one core that the window may take while an answer streams


class RepaintThrottle(QObject):
    """Calls `repaint` soon after `request`, and less often the more a call costs."""

    def __init__(self, repaint: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._repaint = repaint
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.flush)
        self._timer.setInterval(_SHORTEST)
        self._used = process_time()

    def request(self) -> None:
        """Ask for a repaint."""
        if not self._timer.isActive():
            self._timer.start()

    def flush(self) -> None:
        """Repaint now.

        The next one comes the later the more the window cost since the last: not this call alone
        but painting, laying out and the threads beside it, which a clock around the call misses.
        """
        self._timer.stop()
        self._repaint()
        now = process_time()
        cost = (now - self._used) * 1000
        self._used = now
        self._timer.setInterval(round(min(max(_SHORTEST, cost / _SHARE), _LONGEST)))
