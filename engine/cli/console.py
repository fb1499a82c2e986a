"""What the commands write: untrusted text made safe, figures, progress, errors, JSON."""

import json
import os
import sys
from typing import TextIO

import msgspec

from engine.messages import Done, Loaded, Memory, Progress

# Text of a model can hold escape sequences that move the cursor, rename the window or fill the
# clipboard. Without C0 (but \n and \t), DEL and C1 none of them starts.
_CONTROLS = dict.fromkeys(
    code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"
)

# How an answer ended, where the reader may take it for whole.
_ENDINGS = {
    "stopped": ("stopped",),
    "length": ("cut off at the most tokens allowed",),
    "context": ("cut off, the context is full",),
}


def printable(text: str) -> str:
    """Return `text` without the characters that a terminal obeys instead of showing."""
    return text.translate(_CONTROLS)


def one_line(text: str) -> str:
    """Return `text` as one printable line."""
    return printable(" ".join(text.split()))


def use_forgiving_streams() -> None:
    """Let a character that the terminal's encoding lacks become "?" instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")


def note(text: str) -> None:
    """Write one discreet line to stderr."""
    line = one_line(text)
    print(f"\x1b[2m{line}\x1b[0m" if _has_colours(sys.stderr) else line, file=sys.stderr)


def error(sentence: str, way_out: str) -> None:
    """Write a failure and its way out to stderr, as one line."""
    print(f"error: {one_line(f'{sentence} {way_out}')}", file=sys.stderr)


def print_json(value: object) -> None:
    """Write `value` to stdout as one line of ASCII, which every encoding carries unharmed.

    What JSON has no form for (a path) becomes its text.
    """
    print(json.dumps(msgspec.to_builtins(value, enc_hook=str)), flush=True)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a person reads (or types) at the other end of `stream`."""
    return stream is not None and not stream.closed and stream.isatty()


def _has_colours(stream: TextIO) -> bool:
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return is_terminal(stream) and not plain


def size(count: float) -> str:
    """Return a number of bytes as a person reads it: "812 MiB", "1.24 GiB"."""
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def rate(per_second: float) -> str:
    """Return tokens a second with the digits that mean something: "7.42", "42.4", "113"."""
    digits = 2 if per_second < 10 else 1 if per_second < 100 else 0
    return f"{per_second:.{digits}f}"


def describe(loaded: Loaded) -> str:
    """Return what was loaded and what it runs on."""
    return (
        f"{loaded.title} · {loaded.precision} · {loaded.kernel} kernels on {loaded.isa} "
        f"({loaded.why}) · {loaded.threads} threads · {size(loaded.weight_bytes)} of weights · "
        f"context {loaded.context_length:,} tokens · loaded in {loaded.load_s:.1f} s"
    )


def figures(loaded: Loaded, done: Done, memory: Memory | None) -> str:
    """Return the figures of one reply as one line."""
    metrics = done.metrics
    now = f"{size(memory.rss_bytes)} now, " if memory else ""
    reused = f" ({metrics.cached_tokens} reused)" if metrics.cached_tokens else ""
    dropped = metrics.dropped_messages
    return " · ".join(
        (
            f"{rate(metrics.decode_tokens_per_s)} tokens/s",
            f"{metrics.completion_tokens} tokens",
            f"first after {metrics.ttft_s:.2f} s",
            f"prefill {rate(metrics.prefill_tokens_per_s)} tokens/s of {metrics.prompt_tokens}"
            f"{reused}",
            f"memory {now}{size(metrics.peak_rss_bytes)} peak",
            f"context {metrics.context_used:,}/{metrics.context_length:,}",
            f"{loaded.precision}, {loaded.kernel}, {loaded.isa}",
            *([f"the oldest {dropped} messages were left out"] if dropped else []),
            *_ENDINGS.get(done.finish_reason, ()),
        )
    )


class ProgressLine:
    """The last line of a terminal's stderr, rewritten in place; nothing where there is none."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._active = is_terminal(self._stream)
        self._shown = ""

    def show(self, progress: Progress) -> None:
        """Show how far a stage has come."""
        share = f" {progress.done / progress.total:.0%}" if progress.total > 0 else ""
        self.say(f"{one_line(progress.stage)}{share}")

    def say(self, text: str) -> None:
        """Show `text` in place of what is shown."""
        if self._active and text != self._shown:
            self._stream.write(f"\r\x1b[K{text} …")
            self._stream.flush()
            self._shown = text

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = ""
