"""How quick the transcript is with many messages: `python -m tests.benchmarks.transcript`.

Prints a table, and as its last line the same figures as JSON. The longest gap is the longest time
in which the window would not have answered: measured by a timer of the event loop itself.
"""

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter, process_time, thread_time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication

from desktop.theme import Theme
from desktop.transcript.shown_message import ShownMessage
from desktop.transcript.transcript import Transcript
from engine.paths import assets_folder
from tests.benchmarks.long_chat import ANSWER, texts

_STREAMED = ANSWER.format(i=7) * 4
_TOKEN = 4  # characters


def conversation(count: int) -> list[ShownMessage]:
    """Return `count` messages, each of about 1,500 characters of Markdown."""
    return [
        ShownMessage(i + 1, "assistant" if i % 2 else "user", text, caption="int4")
        for i, text in enumerate(texts(count))
    ]


class Watchdog(QObject):
    """Measures the longest time between two turns of the event loop.

    longest_s: by the clock, what a person notices. longest_cpu_s: of the processor, by this thread,
    which other programs on a busy machine do not add to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.longest_s = self.longest_cpu_s = 0.0
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._beat)
        self._last = (perf_counter(), thread_time())
        self._timer.start()

    def _beat(self) -> None:
        now = (perf_counter(), thread_time())
        self.longest_s = max(self.longest_s, now[0] - self._last[0])
        self.longest_cpu_s = max(self.longest_cpu_s, now[1] - self._last[1])
        self._last = now

    def stop(self) -> None:
        """Measure no more; the timer takes a core while it runs."""
        self._timer.stop()


@dataclass(frozen=True)
class Figures:
    """Seconds, but for the share: of one core that the window took while tokens came."""

    messages: int
    open_s: float
    open_gap_s: float
    open_gap_cpu_s: float
    stream_gap_s: float
    stream_gap_cpu_s: float
    cpu_per_token_s: float
    stream_share_of_core: float
    resize_gap_s: float
    resize_gap_cpu_s: float
    scroll_gap_s: float
    scroll_gap_cpu_s: float


def spin(app: QApplication, until: Callable[[], bool], limit_s: float = 30.0) -> None:
    """Let the window live until `until`."""
    ends = perf_counter() + limit_s
    while not until():
        app.processEvents()
        app.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        if perf_counter() > ends:
            raise TimeoutError


def spin_for(app: QApplication, seconds: float) -> None:
    """Let the window live for `seconds`."""
    ends = perf_counter() + seconds
    spin(app, lambda: perf_counter() >= ends)


def end_is_painted(transcript: Transcript) -> bool:
    """Return whether the last message is there as it will be."""
    bar = transcript.verticalScrollBar()
    last = transcript.views[-1] if transcript.views else None
    is_last = last is not None and last.message.id == transcript.messages[-1].id
    return is_last and transcript.is_settled and bar.value() == bar.maximum() > 0


def opening(
    app: QApplication, transcript: Transcript, messages: list[ShownMessage]
) -> tuple[float, Watchdog]:
    """Open `messages`; return the seconds to the painted end, and the watchdog."""
    transcript.clear()
    spin_for(app, 0.1)
    watchdog = Watchdog()
    began = perf_counter()
    QTimer.singleShot(0, transcript, lambda: transcript.show_messages(messages))
    spin(app, lambda: end_is_painted(transcript))
    transcript.viewport().repaint()
    opened = perf_counter() - began
    spin_for(app, 0.5)
    watchdog.stop()
    return opened, watchdog


def streaming(
    app: QApplication, transcript: Transcript, seconds: float, rate: float, with_watchdog: bool
) -> tuple[int, float, Watchdog]:
    """Stream tokens into a new last message; return how many, the CPU seconds, and the watchdog."""
    sent = 0
    began = perf_counter()
    answer = ShownMessage(10_000_000, "assistant", "", "growing")
    transcript.add(answer)
    spin_for(app, 0.2)
    watchdog = Watchdog()
    if not with_watchdog:
        watchdog.stop()
    timer = QTimer(interval=round(1000 / rate))

    def send() -> None:
        nonlocal sent
        due = int((perf_counter() - began) * rate)
        while sent < due:
            sent += 1
            text = _STREAMED[: sent * _TOKEN]
            transcript.update_message(ShownMessage(answer.id, "assistant", text, "growing"))

    timer.timeout.connect(send)
    began = perf_counter()
    used = process_time()
    timer.start()
    if with_watchdog:
        spin_for(app, seconds)
    else:
        loop = QEventLoop()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()
    timer.stop()
    used = process_time() - used
    watchdog.stop()
    transcript.update_message(ShownMessage(answer.id, "assistant", _STREAMED[: sent * _TOKEN]))
    transcript.remove(answer.id)
    return sent, used, watchdog


def resizing(app: QApplication, transcript: Transcript) -> Watchdog:
    """Drag the window's edge."""
    watchdog = Watchdog()
    for width in (*range(1000, 600, -20), *range(600, 1000, 20)):
        QTimer.singleShot(0, transcript, lambda width=width: transcript.resize(width, 700))
        spin_for(app, 0.03)
    watchdog.stop()
    return watchdog


def scrolling(app: QApplication, transcript: Transcript) -> Watchdog:
    """Drag the scroll bar through everything, then turn the wheel."""
    bar = transcript.verticalScrollBar()
    watchdog = Watchdog()
    places = [bar.maximum() * i // 40 for i in range(40)] + [i * 60 for i in range(60)]
    for place in places:
        QTimer.singleShot(0, bar, lambda place=place: bar.setValue(place))
        spin_for(app, 0.02)
    watchdog.stop()
    transcript.follow()
    return watchdog


def measure(messages: int, seconds: float, rate: float) -> Figures:
    """Return all figures of a transcript of `messages`."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    theme = Theme(app, assets_folder() / "styles" / "window.qss")
    transcript = Transcript(theme.palette)
    theme.choose("light")
    transcript.resize(1000, 700)
    transcript.show()
    transcript.setFocus()  # as the message field has it in the window
    opening(app, transcript, conversation(4))  # imports, fonts, lexers: once for a process
    gc.freeze()  # as the window's program does
    opened, open_dog = opening(app, transcript, conversation(messages)[4:])
    _, _, stream_dog = streaming(app, transcript, seconds, rate, with_watchdog=True)
    sent, used, _ = streaming(app, transcript, seconds, rate, with_watchdog=False)
    resize_dog = resizing(app, transcript)
    scroll_dog = scrolling(app, transcript)
    return Figures(
        messages,
        opened,
        open_dog.longest_s,
        open_dog.longest_cpu_s,
        stream_dog.longest_s,
        stream_dog.longest_cpu_s,
        used / max(1, sent),
        used / seconds,
        resize_dog.longest_s,
        resize_dog.longest_cpu_s,
        scroll_dog.longest_s,
        scroll_dog.longest_cpu_s,
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=300.0, help="tokens per second")
    choices = parser.parse_args()
    figures = asdict(measure(choices.messages, choices.seconds, choices.rate))
    for name, value in figures.items():
        shown = f"{value * 1000:.2f} ms" if name.endswith("_s") else f"{value:.4g}"
        print(f"{name:24} {shown:>12}")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
