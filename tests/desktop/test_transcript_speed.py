"""The transcript with 500 messages of Markdown stays quick.

The bounds are those that a person notices (50 ms), but of the processor's time on the window's
thread: by the clock they would fail whenever other programs keep the machine busy. The benchmark
tests/benchmarks/transcript.py measures both.
"""

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.theme import LIGHT
from desktop.transcript.transcript import Transcript
from tests.benchmarks import transcript as benchmark

_GAP = 0.05  # seconds
_OPENING = 0.3
_SHARE = 0.12  # of one core; the benchmark shows about 0.04, coverage and debuggers take more


@pytest.fixture(scope="module")
def transcript(qapp: QApplication) -> Iterator[Transcript]:
    """One with 500 messages open; fonts and lexers are loaded."""
    made = Transcript(LIGHT)
    made.resize(1000, 700)
    made.show()
    made.setFocus()
    benchmark.opening(qapp, made, benchmark.conversation(4))
    gc.freeze()  # as the window's program does
    made.show_messages(benchmark.conversation(500))
    benchmark.spin(qapp, lambda: benchmark.end_is_painted(made))
    yield made
    gc.unfreeze()
    made.deleteLater()
    qapp.processEvents()


def test_a_long_chat_opens_at_its_end_at_once(
    transcript: Transcript, qapp: QApplication, qtbot: QtBot
) -> None:
    opened, watchdog = benchmark.opening(qapp, transcript, benchmark.conversation(500))
    assert watchdog.longest_cpu_s < _GAP
    assert opened < _OPENING or watchdog.longest_s > _GAP  # else the machine was busy


def test_streaming_into_it_blocks_nothing_and_costs_little(
    transcript: Transcript, qapp: QApplication, qtbot: QtBot
) -> None:
    _, _, watchdog = benchmark.streaming(qapp, transcript, 2.0, 300.0, with_watchdog=True)
    assert watchdog.longest_cpu_s < _GAP
    sent, used, _ = benchmark.streaming(qapp, transcript, 2.0, 300.0, with_watchdog=False)
    assert sent > 300 and used / 2.0 < _SHARE


def test_resizing_and_scrolling_block_nothing(
    transcript: Transcript, qapp: QApplication, qtbot: QtBot
) -> None:
    assert benchmark.resizing(qapp, transcript).longest_cpu_s < _GAP
    assert benchmark.scrolling(qapp, transcript).longest_cpu_s < _GAP
