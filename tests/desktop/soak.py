"""Many short turns through the real window, of every kind that a person makes, and what they cost.

`Soak.run` makes the turns and takes samples; `Report` says what they come to. Used by
`test_soak.py`: twenty turns among the usual tests, five hundred by `make soak`.
"""

import ctypes
import gc
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil
from PySide6.QtGui import QPixmapCache
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.history import ChatSettings, Message
from desktop.state import State, WayOut
from engine.messages import Precision
from tests.desktop.conftest import click

STORY = "Tell me a long story about a fox."
# One round; after each, a new chat begins, so that no context and no transcript grows without end.
ROUND = ("ask", "regenerate", "edit", "stop", "precision", "ask", "temporary", "switch")
KILL_EVERY, KILL_AT = 12, 11
LAST_KILL = 60  # from then on one engine lives, so that it can be seen to stay as it is
EVERY = 4  # turns from one sample to the next


@dataclass(frozen=True)
class Sample:
    """What the two processes hold after a turn. Memory in bytes."""

    turn: int
    window: int
    engine: int
    precision: Precision
    files: int
    threads: int
    children: int
    widgets: int


@dataclass
class Report:
    """What was done and seen. ended: the answers that are to be in the history, by their id."""

    counts: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    ended: dict[int, Message] = field(default_factory=dict)
    passing: list[Message] = field(default_factory=list)  # those of temporary chats
    killed_last: int = 0
    seconds: float = 0.0

    def change(
        self, of: Callable[[Sample], float], begin: int, precision: Precision | None = None
    ) -> tuple[float, float]:
        """Return the medians of the first and of the last quarter of the samples after `begin`."""
        seen = [
            of(sample)
            for sample in self.samples
            if sample.turn >= begin and precision in (None, sample.precision)
        ]
        quarter = max(1, len(seen) // 4)
        return statistics.median(seen[:quarter]), statistics.median(seen[-quarter:])


class Soak:
    """Drives the window of `made`, over the real engine, which loads `precisions` in turn."""

    def __init__(self, made: Desktop, qtbot: QtBot, precisions: Sequence[Precision]) -> None:
        self.made, self._qtbot, self._precisions = made, qtbot, precisions
        self.report = Report()
        self._answered = 0
        self._turns = 0
        made.controller.answer_ended.connect(self._on_ended)

    def run(self, turns: int) -> Report:
        """Make `turns` turns."""
        began = time.monotonic()
        self._begin_chat()
        while self._turns < turns:
            number = self._turns
            kind = ROUND[number % len(ROUND)]
            if kind == ROUND[0] and number:
                self._begin_chat()
            if number % KILL_EVERY == KILL_AT and number < LAST_KILL:
                kind = "kill"
            getattr(self, f"_{kind}")()
            self.report.counts[kind] += 1
            self._turns += 1
            if self._turns % EVERY == 0:
                self._sample()
        self.report.seconds = time.monotonic() - began
        return self.report

    # -- turns -----------------------------------------------------------------------------------

    def _ask(self) -> None:
        self._write(f"What is {self._turns % 9} plus 4? ({self._turns})")
        self._wait_for_end()

    def _regenerate(self) -> None:
        self.made.window.chat.transcript.regenerate_wanted.emit(self.made.desk.talk.path[-1].id)
        self._wait_for_end()

    def _edit(self) -> None:
        question = self.made.desk.talk.path[-2].id
        text = f"Who are you? ({self._turns})"
        self.made.window.chat.transcript.edit_wanted.emit(question, text)
        self._wait_for_end()

    def _stop(self) -> None:
        self._begin_story()
        click(self._qtbot, self.made.window.chat.composer.button)
        self._wait_for_end()

    def _precision(self) -> None:
        buttons = self.made.window.chat.header.precisions.buttons
        done = self.report.counts["precision"]
        click(self._qtbot, buttons[self._precisions[done % len(self._precisions)]])
        self.made.controller.select(threads=1 + done % 2)  # another load before that one's end
        self._until(lambda: self.made.controller.state is State.READY)
        self._ask()

    def _switch(self) -> None:
        """To another chat of the list and back; a question in each but the first."""
        here = self.made.desk.talk.chat
        listed = [chat for chat in self.made.shelf.listing.chats if here and chat.id != here.id]
        for chat in [*listed[:1], here]:
            if chat:
                self.made.window.chat.sidebar.chat_wanted.emit(chat.id, None)
                self._until(lambda chat=chat: self._shows(chat.id))
        self._ask()

    def _temporary(self) -> None:
        here = self.made.desk.talk.chat
        self.made.menus.temporary_chat_wanted.emit()
        self._ask()
        assert here
        self.made.window.chat.sidebar.chat_wanted.emit(here.id, None)
        [box] = self.made.window.findChildren(QMessageBox)
        box.accept()
        self._until(lambda: self._shows(here.id))

    def _kill(self) -> None:
        self._begin_story()
        self._engine().kill()
        self._until(lambda: self.made.controller.state is State.CRASHED)
        click(self._qtbot, self.made.window.chat.notice.buttons[WayOut.RESTART])
        self._wait_for_end()
        self.report.killed_last = self._turns

    # -- steps -----------------------------------------------------------------------------------

    def _begin_chat(self) -> None:
        self.made.menus.new_chat_wanted.emit()
        self.made.desk.configure(ChatSettings(overflow="drop_oldest"))

    def _write(self, text: str) -> None:
        composer = self.made.window.chat.composer
        composer.edit.setPlainText(text)
        click(self._qtbot, composer.button)

    def _begin_story(self) -> None:
        self._write(f"{STORY} ({self._turns})")
        self._until(lambda: self._grown() or self._answered > self._turns)

    def _grown(self) -> bool:
        path = self.made.desk.talk.path
        return bool(path) and path[-1].state == "growing" and len(path[-1].content) > 5

    def _wait_for_end(self) -> None:
        self._until(
            lambda: self._answered == self._turns + 1 and self.made.controller.state is State.READY
        )

    def _on_ended(self, message: Message) -> None:
        self._answered += 1
        if self.made.desk.talk.is_temporary:
            self.report.passing.append(message)
        else:
            assert message.id not in self.report.ended
            self.report.ended[message.id] = message

    def _shows(self, chat: int) -> bool:
        talk = self.made.desk.talk
        return bool(talk.chat and talk.chat.id == chat and talk.path and not talk.is_temporary)

    def _until(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition)

    @staticmethod
    def _engine() -> psutil.Process:
        children = psutil.Process().children()
        return next(child for child in children if "engine.worker" in child.cmdline())

    def _sample(self) -> None:
        """Measure what is held: of the window without what is garbage already.

        Qt's cache of pixmaps fills up to its limit of 10 MB in the first hundreds of turns, which
        would look like a leak. The engine is measured as it is.
        """
        gc.collect()
        QPixmapCache.clear()
        _give_back_freed_memory()
        process = psutil.Process()
        self.report.samples.append(
            Sample(
                turn=self._turns,
                window=process.memory_info().rss,
                engine=self._engine().memory_info().rss,
                precision=self.made.controller.selection.precision,
                files=process.num_fds(),
                threads=process.num_threads(),
                children=len(process.children(recursive=True)),
                widgets=len(QApplication.allWidgets()),
            )
        )


def summary(report: Report, figures: Sequence[tuple[str, tuple[float, float]]]) -> str:
    """Return what was done and seen in one line."""
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    kept = f"{len(report.ended)} answers kept, {len(report.passing)} in temporary chats"
    changes = "; ".join(f"{name} {a:,.1f} -> {b:,.1f}" for name, (a, b) in figures)
    turns = sum(report.counts.values())
    return f"soak: {turns} turns in {report.seconds:.0f} s ({counts}); {kept}; {changes}"


def _give_back_freed_memory() -> None:
    """glibc keeps freed pages for a while; without them it can be told from what is held."""
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
