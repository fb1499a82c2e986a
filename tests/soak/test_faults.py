"""Each fault again and again in one real window over real engines: counted, and nothing is lost.

TERN_SOAK says how often each is injected.
"""

import os
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.history import History
from desktop.state import State, WayOut
from engine.client import worker_command
from engine.messages import Precision
from engine.paths import Paths
from tests.desktop.conftest import OpenWindow, click, said, shown
from tests.desktop.test_real_engine import slowed
from tests.history.conftest import is_sound

pytestmark = pytest.mark.soak
ROUNDS = int(os.environ.get("TERN_SOAK", "5"))
STORY = "Tell me a long story about a fox."


@dataclass
class Count:
    """What was done and what it cost."""

    injected: dict[str, int] = field(default_factory=dict)
    lost_messages: int = 0
    chats: list[list[str]] = field(default_factory=list)  # the messages of each


@dataclass
class Soak:
    """One window; a fault at a time is injected into its engine."""

    made: Desktop
    qtbot: QtBot
    count: Count = field(default_factory=Count)

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition)

    def wait_for(self, state: State) -> None:
        self.wait(lambda: self.made.controller.state is state)

    def engine(self) -> psutil.Process:
        children = psutil.Process().children()
        return next(child for child in children if "engine.worker" in child.cmdline())

    @property
    def length(self) -> int:
        """How many messages the chat has; the window shows the last ones."""
        return len(self.made.desk.talk.path)

    def begin_answer(self) -> None:
        before = self.length
        assert self.made.controller.ask(STORY)
        self.wait(lambda: self.length == before + 2 and said(self.made) != "")

    def next_chat(self) -> None:
        """Begin another one: the demo model's context is short."""
        path = self.made.desk.talk.path
        self.count.chats.append([message.content.strip() for message in path])
        self.made.desk.new()
        self.wait(lambda: self.length == 0)

    def note(self, name: str) -> None:
        self.count.injected[name] = self.count.injected.get(name, 0) + 1

    def in_mid_answer(self, name: str, inject: Callable[[psutil.Process], None]) -> str:
        """Inject a fault that ends the engine; return what was said of it."""
        process = self.engine()
        with slowed(process):
            self.begin_answer()
            seen = said(self.made)
            inject(process)
            self.note(name)
        self.wait_for(State.CRASHED)
        self.count.lost_messages += shown(self.made)[-2] != STORY
        self.count.lost_messages += not said(self.made).startswith(seen.rstrip())
        return self.made.window.chat.notice.sentence.text()

    def restart(self) -> None:
        click(self.qtbot, self.made.window.chat.notice.buttons[WayOut.RESTART])
        self.wait_for(State.READY)

    def answers_still(self) -> None:
        before = self.length
        assert self.made.controller.ask("What is 3 plus 4?")
        self.wait(lambda: self.length == before + 2)
        self.wait_for(State.READY)
        assert "7" in said(self.made).removeprefix("3 plus 4")

    def load(self, precision: Precision) -> None:
        if self.made.controller.selection.precision is not precision:
            self.made.controller.select(precision=precision)
        self.wait_for(State.READY)


SIGNALS = {
    signal.SIGKILL: "Another program killed the engine",
    signal.SIGTERM: "asked the engine to end",
    signal.SIGSEGV: "a fault of its own (SIGSEGV)",
    signal.SIGABRT: "a fault of its own (SIGABRT)",
    signal.SIGILL: "an instruction that this CPU lacks",
    signal.SIGBUS: "lost a file",
}


def test_faults_cost_no_message_and_leave_no_process(
    open_window: OpenWindow, qtbot: QtBot, capsys: pytest.CaptureFixture[str]
) -> None:
    made = open_window(command=worker_command(), precision=Precision.INT4)
    soak = Soak(made, qtbot)
    soak.wait_for(State.READY)
    for _ in range(ROUNDS):
        for number, words in SIGNALS.items():
            _by_signal(soak, number, words)
            soak.next_chat()
        for hang in (_stopped_and_restarted, _stopped_and_continued):
            hang(soak)
            soak.next_chat()
        for name, damage in DAMAGES.items():
            _damaged_cache(soak, name, damage)
            soak.next_chat()
        _refused_memory(soak)
        soak.next_chat()
    count = soak.count
    made.window.close()
    history = History.open(Paths.default().chats)
    saved = [
        [message.content.strip() for message in history.messages.path(chat.id)]
        for chat in history.chats.all()
    ]
    history.close()
    assert is_sound(Paths.default().chats)
    assert sorted(saved) == sorted(count.chats)
    total = sum(len(chat) for chat in count.chats)
    count.lost_messages += total - sum(len(chat) for chat in saved)
    left = [p for p in psutil.Process().children(recursive=True) if "engine" in str(p.cmdline())]
    with capsys.disabled():
        faults = ", ".join(f"{name} {n}" for name, n in count.injected.items())
        print(  # noqa: T201
            f"\n{sum(count.injected.values())} faults injected ({faults}); {total} messages, "
            f"{count.lost_messages} lost, {len(left)} processes left"
        )
    assert count.lost_messages == 0 and left == []


def _by_signal(soak: Soak, number: signal.Signals, words: str) -> None:
    sentence = soak.in_mid_answer(number.name, lambda process: process.send_signal(number))
    assert words in sentence
    soak.restart()
    soak.answers_still()


def _stopped_and_restarted(soak: Soak) -> None:
    with slowed(soak.engine()):
        soak.begin_answer()
    soak.engine().suspend()
    soak.note("SIGSTOP, started again")
    notice = soak.made.window.chat.notice
    soak.wait(lambda: notice.isVisible() or soak.made.controller.state is State.READY)
    if notice.isVisible():
        soak.restart()
    else:  # the answer was over before
        soak.engine().resume()
    soak.answers_still()


def _stopped_and_continued(soak: Soak) -> None:
    with slowed(soak.engine()):
        soak.begin_answer()
    soak.engine().suspend()
    soak.note("SIGSTOP, continued")
    notice = soak.made.window.chat.notice
    soak.wait(lambda: notice.isVisible() or soak.made.controller.state is State.READY)
    soak.engine().resume()
    soak.wait_for(State.READY)
    soak.wait(lambda: not notice.isVisible())
    soak.answers_still()


def _flip(folder: Path) -> None:
    file = folder / "head.safetensors"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)


def _cut(folder: Path) -> None:
    file = folder / "layer-000.safetensors"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-100])


DAMAGES: dict[str, Callable[[Path], None]] = {
    "flipped bit": _flip,
    "cut file": _cut,
    "missing file": lambda folder: (folder / "layer-001.safetensors").unlink(),
    "deleted folder": shutil.rmtree,
}


def _damaged_cache(soak: Soak, name: str, damage: Callable[[Path], None]) -> None:
    """The packed weights are damaged while they are mapped; the next load mends them."""
    soak.load(Precision.INT4)
    [folder] = Paths.default().packed.glob("*int4*")
    damage(folder)
    soak.note(name)
    soak.answers_still()
    soak.load(Precision.BF16)
    soak.load(Precision.INT4)
    if name != "deleted folder":
        assert "were damaged" in soak.made.window.chat.notice.sentence.text()
    soak.answers_still()


def _refused_memory(soak: Soak) -> None:
    """A load that memory is refused to; the engine itself goes on."""
    soak.load(Precision.INT4)
    process = soak.engine()
    limit = process.memory_info().vms
    process.rlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    soak.note("refused memory")
    soak.made.controller.select(precision=Precision.BF16)
    soak.wait(lambda: soak.made.controller.state not in (State.LOADING, State.STARTING))
    if process.is_running():
        process.rlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if soak.made.controller.state is State.CRASHED:
        soak.restart()
    elif soak.made.controller.state is State.IDLE:
        soak.made.controller.load()
    soak.wait_for(State.READY)
    soak.load(Precision.INT4)
    soak.answers_still()
