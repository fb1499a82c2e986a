"""The whole program: the real window over the real engine process, on the demo model."""

import contextlib
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.state import State, WayOut
from engine.client import worker_command
from engine.messages import Precision
from tests.desktop.conftest import OpenWindow, choose_precision, click, shown, wait_for, write


def engine_process() -> psutil.Process:
    children = psutil.Process().children()
    return next(child for child in children if "engine.worker" in child.cmdline())


@pytest.fixture
def real(open_window: OpenWindow, qtbot: QtBot) -> Desktop:
    made = open_window(command=worker_command())
    wait_for(qtbot, made, State.READY)
    return made


def test_a_chat_in_all_three_precisions(real: Desktop, qtbot: QtBot) -> None:
    strip = real.window.chat.strip
    assert real.window.chat.demo.isVisible(), "the demo model is named a toy"
    for number, precision in enumerate(Precision):
        choose_precision(qtbot, real, precision)
        wait_for(qtbot, real, State.READY)
        write(qtbot, real, "What is 3 plus 4?")
        qtbot.waitUntil(lambda n=number: len(shown(real)) == 2 * n + 2)
        wait_for(qtbot, real, State.READY)
        assert "7" in shown(real)[-1].removeprefix("3 plus 4")
        assert strip.kernel.value.whole.startswith(precision)
        assert precision in real.window.chat.transcript.views[-1].caption.text()
        for figure in (strip.decode, strip.prefill, strip.ttft, strip.memory, strip.peak):
            assert figure.value.text()[0].isdigit(), figure.value.text()
    assert shown(real)[0] == "What is 3 plus 4?", "switching the precision keeps the conversation"


def test_killing_the_engine_in_mid_answer_keeps_the_partial_answer(
    real: Desktop, qtbot: QtBot
) -> None:
    write(qtbot, real, "Tell me a long story about a fox.")
    qtbot.waitUntil(lambda: len(shown(real)) == 2 and len(shown(real)[1]) > 5)
    engine_process().kill()
    wait_for(qtbot, real, State.CRASHED)
    partial = shown(real)[1]
    assert len(partial) > 5
    assert real.window.chat.notice.isVisible()
    assert "killed the engine" in real.window.chat.notice.sentence.text()
    click(qtbot, real.window.chat.notice.buttons[WayOut.RESTART])
    wait_for(qtbot, real, State.READY)
    assert shown(real)[1] == partial
    real.controller.resume(real.desk.talk.path[1].id)
    qtbot.waitUntil(lambda: real.desk.talk.path[1].state == "whole")
    assert shown(real)[1].startswith(partial) and len(shown(real)[1]) > len(partial)
    write(qtbot, real, "What is 3 plus 4?")
    qtbot.waitUntil(lambda: len(shown(real)) == 4)
    wait_for(qtbot, real, State.READY)
    assert "7" in shown(real)[3]


@contextlib.contextmanager
def slowed(process: psutil.Process) -> Iterator[None]:
    """Let `process` run a fiftieth of the time: it would answer before a button can be clicked."""
    over = threading.Event()

    def pace() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            while not over.is_set():
                process.suspend()
                time.sleep(0.05)
                process.resume()
                time.sleep(0.001)

    pacer = threading.Thread(target=pace)
    pacer.start()
    try:
        yield
    finally:
        over.set()
        pacer.join()


def test_stop_ends_the_answer_and_keeps_it(real: Desktop, qtbot: QtBot) -> None:
    with slowed(engine_process()):
        write(qtbot, real, "Count from 1 to 50.")
        qtbot.waitUntil(lambda: len(shown(real)) == 2 and shown(real)[1] != "")
        click(qtbot, real.window.chat.composer.button)
        wait_for(qtbot, real, State.READY)
    assert "50" not in shown(real)[1]
    assert "stopped" in real.window.chat.transcript.views[1].caption.text()
