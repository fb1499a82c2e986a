"""The bundle's test of itself: `tern --smoke-test STARTED` drives the real window.

It asks the demo model one question in each precision, as a person does who does not wait for the
engine, prints one line of JSON and quits. packaging/smoke.sh gives it a TERN_HOME of its own.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
from PySide6.QtCore import QEvent, QObject, QTimer

from desktop import app
from desktop.app import Desktop
from desktop.history import Message
from desktop.state import Notice
from engine.messages import Chunk, Precision

QUESTION, EXPECTED = "What is 3 plus 4?", "7"
PATIENCE_S = 300.0  # for everything together; quantising twice on a busy machine takes a while


class Answer(msgspec.Struct, frozen=True):
    """What came back in one precision, and from which kernels."""

    text: str
    kernel: str
    decode_tokens_per_s: float


class Report(msgspec.Struct):
    """What the test saw; times in seconds since the process was started. problem: "" for none."""

    first_paint_s: float | None = None
    first_token_s: float | None = None
    answers: dict[str, Answer] = {}
    problem: str = ""


class SmokeTest(QObject):
    """Works the window of `desktop` once it is painted, and closes it at the end.

    started: when the process was started, in seconds since the epoch.
    """

    def __init__(self, desktop: Desktop, started: float, patience_s: float = PATIENCE_S) -> None:
        super().__init__(desktop.window)
        self.report = Report()
        self._window = desktop.window
        self._started = started
        # What is loaded at the start comes first, so that its first token counts from there.
        chosen = desktop.controller.selection.precision
        self._to_ask = sorted(Precision, key=lambda precision: precision is not chosen)
        self._window.chat.strip.installEventFilter(self)
        desktop.controller.figures_arrived.connect(self._on_figures)
        desktop.controller.answer_ended.connect(self._on_answer)
        desktop.controller.noticed.connect(self._on_notice)
        late = f"Nothing more came within {patience_s:.0f} s."
        QTimer.singleShot(round(patience_s * 1000), self, lambda: self._end(late))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Begin with the first paint of the window's last row."""
        if event.type() == QEvent.Type.Paint and self.report.first_paint_s is None:
            self.report.first_paint_s = self._elapsed()
            self._soon(self._ask)
        return False

    def _ask(self) -> None:
        chat = self._window.chat
        chat.header.precisions.buttons[self._to_ask.pop(0)].click()
        chat.composer.edit.setPlainText(QUESTION)
        chat.composer.button.click()

    def _on_figures(self, event: Any) -> None:
        if isinstance(event, Chunk) and self.report.first_token_s is None:
            self.report.first_token_s = self._elapsed()

    def _on_answer(self, message: Message) -> None:
        speed = message.metrics.decode_tokens_per_s if message.metrics else 0.0
        answer = Answer(message.content, str(message.kernel), round(speed, 1))
        self.report.answers[str(message.precision)] = answer
        if EXPECTED not in message.content:
            self._end(f"In {message.precision} the answer was: {message.content}")
        elif self._to_ask:
            self._soon(self._ask)
        else:
            self._end()

    def _on_notice(self, notice: Notice | None) -> None:
        if notice:
            self._end(notice.sentence)

    def _end(self, problem: str = "") -> None:
        self.report.problem = self.report.problem or problem
        self._soon(self._window.quit)

    def _soon(self, act: Callable[[], object]) -> None:
        QTimer.singleShot(0, self, act)

    def _elapsed(self) -> float:
        return round(time.time() - self._started, 3)


def run(started: float) -> int:
    """Show the window, test it, print the report; return 0 where every answer was right, else 1."""
    tests: list[SmokeTest] = []
    app.run("demo", new_window=True, prepare=lambda made: tests.append(SmokeTest(made, started)))
    [test] = tests
    sys.stdout.write(msgspec.json.encode(test.report).decode() + "\n")
    is_complete = set(test.report.answers) == set(Precision) and not test.report.problem
    return 0 if is_complete else 1
