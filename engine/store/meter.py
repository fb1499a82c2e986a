"""How fast bytes arrive now: a figure that falls to nothing while the line stalls."""

import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 5.0


class Meter:
    """The speed over the last seconds. clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()

    def reset(self) -> None:
        """Forget what was: the next bytes come from elsewhere."""
        self._samples.clear()

    def add(self, done: int) -> float:
        """Note that `done` bytes are there; return the speed in bytes/s."""
        now = self._clock()
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()  # a file began again
        self._samples.append((now, done))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _WINDOW_S:
            self._samples.popleft()
        since, then = self._samples[0]
        return (done - then) / (now - since) if now > since else 0.0
