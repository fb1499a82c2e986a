"""The figures of a reply, and the process's memory."""

import contextlib
import itertools
import math
import statistics
import sys
import time
from pathlib import Path

import psutil

from engine.messages import Metrics


class Stopwatch:
    """Times one request, from its receipt to its last token. Seconds of `time.perf_counter`."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._prefill_start = self._start
        self._prefill_end = self._start
        self._tokens: list[float] = []

    def prefill_begins(self) -> None:
        """The prompt is about to be computed."""
        self._prefill_start = time.perf_counter()

    def prefill_ends(self) -> None:
        """The prompt's logits are there."""
        self._prefill_end = time.perf_counter()

    def token(self) -> None:
        """One more token has been drawn."""
        self._tokens.append(time.perf_counter())

    @property
    def count(self) -> int:
        """Tokens so far."""
        return len(self._tokens)

    @property
    def prefill_s(self) -> float:
        """Time spent computing the prompt."""
        return self._prefill_end - self._prefill_start

    @property
    def ttft_s(self) -> float:
        """Time from the receipt of the request to the first token; 0 before it."""
        return self._tokens[0] - self._start if self._tokens else 0.0

    @property
    def decode_tokens_per_s(self) -> float:
        """Tokens after the first, over the time they took; 0 before there are any."""
        if self.count < 2:
            return 0.0
        return (self.count - 1) / max(self._tokens[-1] - self._tokens[0], 1e-9)

    def metrics(
        self,
        prompt_tokens: int,
        cached_tokens: int,
        computed: int,
        context_used: int,
        context_length: int,
    ) -> Metrics:
        """Return the figures of the finished reply; `computed` prompt tokens were really read."""
        pairs = itertools.pairwise(self._tokens)
        gaps = sorted((b - a) * 1e3 for a, b in pairs)
        return Metrics(
            prompt_tokens=prompt_tokens,
            cached_tokens=cached_tokens,
            completion_tokens=self.count,
            ttft_s=self.ttft_s,
            prefill_s=self.prefill_s,
            prefill_tokens_per_s=computed / max(self.prefill_s, 1e-9),
            decode_tokens_per_s=self.decode_tokens_per_s,
            token_ms_p50=statistics.median(gaps) if gaps else 0.0,
            token_ms_p95=gaps[math.ceil(0.95 * len(gaps)) - 1] if gaps else 0.0,
            context_used=context_used,
            context_length=context_length,
            peak_rss_bytes=memory()[1],
        )


def forget_peak() -> None:
    """Let the peak of `memory` begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory() -> tuple[int, int]:
    """Return this process's resident memory now and at its peak, in bytes."""
    process = psutil.Process()
    now = int(process.memory_info().rss)
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return now, max(now, int(line.split()[1]) * 1024)
    peak = int(getattr(process.memory_info(), "peak_wset", now))
    return now, max(now, peak)
