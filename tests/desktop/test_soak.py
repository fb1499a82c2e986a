"""Turn after turn through the real window and engine: nothing is lost, nothing piles up.

The short one is among the usual tests; `make soak` has the long one, which holds memory too.
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.state import State
from engine.client import worker_command
from engine.messages import Precision
from tests.desktop.conftest import OpenWindow, wait_for
from tests.desktop.soak import Report, Soak, summary
from tests.history.conftest import is_sound

SHORT, LONG = 20, 500
MB = 1e6
WARM_UP = 0.2  # of the turns
ALLOWED = 0.05


@pytest.fixture
def real(open_window: OpenWindow, qtbot: QtBot) -> Desktop:
    made = open_window(command=worker_command())
    wait_for(qtbot, made, State.READY)
    return made


def test_a_short_soak(real: Desktop, qtbot: QtBot) -> None:
    report = Soak(real, qtbot, [Precision.BF16]).run(SHORT)  # the others would be quantised first
    check_end(real, report)
    assert sum(report.counts.values()) == SHORT
    assert {"kill", "stop", "edit", "regenerate", "switch", "temporary"} <= set(report.counts)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_long_soak(real: Desktop, qtbot: QtBot, capsys: pytest.CaptureFixture[str]) -> None:
    report = Soak(real, qtbot, list(Precision)[::-1]).run(LONG)
    warm = round(WARM_UP * LONG)
    # The last engine, in the second half of its life: in some 250 turns its heap finds the size in
    # which the blocks of every load have a place, 2 MB at a time. Precisions differ in their sizes.
    settled = (report.killed_last + LONG) // 2
    figures = [
        ("window MB", report.change(lambda sample: sample.window / MB, warm)),
        *(
            (f"engine {one} MB", report.change(lambda s: s.engine / MB, settled, one))
            for one in Precision
        ),
        ("files", report.change(lambda sample: sample.files, warm)),
        ("threads", report.change(lambda sample: sample.threads, warm)),
        ("processes", report.change(lambda sample: sample.children, warm)),
        ("widgets", report.change(lambda sample: sample.widgets, warm)),
    ]
    with capsys.disabled():
        sys.stdout.write(f"\n{summary(report, figures)}\n")
    check_end(real, report)
    for name, (first, last) in figures:
        most = first * (1 + ALLOWED) if "MB" in name else first
        assert last <= most, name


def check_end(made: Desktop, report: Report) -> None:
    """Close the window; no process is left, and the history has each answer exactly once."""
    children = psutil.Process().children(recursive=True)
    made.window.close()
    QApplication.processEvents()
    assert not [child for child in children if child.is_running()]
    assert is_sound(made.paths.chats)
    rows = answers(made.paths.chats)
    assert rows == {
        one.id: (one.content, one.state, one.finish_reason) for one in report.ended.values()
    }
    assert report.passing and report.ended


def answers(file: Path) -> dict[int, tuple[str, str, str | None]]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(
            "SELECT id, content, state, finish_reason FROM message WHERE role = 'assistant'"
        )
        return {number: (content, state, reason) for number, content, state, reason in rows}
