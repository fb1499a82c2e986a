"""The course of one answer: speed and memory over time, from the engine's events. No Qt.

At most four samples a second are kept, so an answer of ten minutes takes some hundred kilobytes.
"""

from bisect import bisect_right
from collections.abc import Callable
from time import monotonic
from typing import TypeAlias

from engine.messages import Chunk, Done, Memory

_APART = 0.25  # seconds at least between two samples of the speed

Points: TypeAlias = list[tuple[float, float]]  # (seconds since the question was sent, value)


class AnswerRecord:
    """`speed` in tokens/s on the engine's own clock, `memory` in bytes by that of the window."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.speed: Points = []
        self.memory: Points = []
        self._clock = clock
        self._begun: float | None = None
        self._resident = 0
        self._last = (0.0, 0)  # when a sample ended, and the tokens until then

    def begin(self) -> None:
        """Forget the answer before; a question has been sent."""
        self._begun = self._clock()
        self.speed = []
        self.memory = [(0.0, float(self._resident))] if self._resident else []
        self._last = (0.0, 0)

    def add(self, event: Chunk | Done | Memory) -> None:
        """Take what `event` tells; of an answer only between `begin` and its `Done`."""
        match event:
            case Memory():
                self._remember(event.rss_bytes)
            case Chunk() if self._begun is not None:
                self._sample(
                    event.ttft_s, event.completion_tokens, event.decode_tokens_per_s, _APART
                )
            case Done() if self._begun is not None:
                figures = event.metrics
                self._sample(
                    figures.ttft_s, figures.completion_tokens, figures.decode_tokens_per_s, 0.0
                )
                self._remember(self._resident)
                self._begun = None

    @property
    def duration(self) -> float:
        """Seconds that the samples span."""
        return max((points[-1][0] for points in (self.speed, self.memory) if points), default=0.0)

    def memory_at(self, time: float) -> float | None:
        """Return the memory that was known at `time`, in bytes."""
        place = bisect_right(self.memory, time, key=lambda point: point[0])
        return self.memory[place - 1][1] if place else None

    def _remember(self, resident: int) -> None:
        self._resident = resident
        if self._begun is not None and resident:
            self.memory.append((self._clock() - self._begun, float(resident)))

    def _sample(self, ttft: float, tokens: int, speed: float, apart: float) -> None:
        """Add the speed since the sample before, if that is long enough ago.

        The mean speed tells how long the tokens after the first took, which no clock of the
        window's can tell as exactly.
        """
        now = ttft + (tokens - 1) / speed if speed > 0 else ttft
        since, before = self._last
        if not before:  # the first token: from here on time is counted
            self._last = (ttft, 1)
            since, before = self._last
        if tokens > before and now - since > max(apart - 1e-6, 1e-6):
            self.speed.append((now, (tokens - before) / (now - since)))
            self._last = (now, tokens)
