"""The bundle's test of itself, `tern --smoke-test`, run from the checkout."""

import json
import subprocess
import sys
import time

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop import app as desktop_app
from desktop.smoke import Report, SmokeTest
from engine.messages import Precision
from engine.paths import Paths
from tests.desktop.conftest import ROOT, fake_command


def test_the_real_window_answers_in_all_three_precisions() -> None:
    began = time.time()
    ran = subprocess.run(
        [sys.executable, "-m", "desktop", "--smoke-test", str(began)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    report = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, report["problem"]) == (0, "")
    assert 0 < report["first_paint_s"] < report["first_token_s"] < time.time() - began
    assert set(report["answers"]) == set(Precision)
    assert all("7" in answer["text"] for answer in report["answers"].values())


def test_without_a_display_it_fails_and_does_not_go_to_the_terminal() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "desktop", "--smoke-test", "1"],
        env={"PYTHONPATH": str(ROOT), "DISPLAY": ":99", "QT_QPA_PLATFORM": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 3
    assert "display :99" in ran.stderr
    assert ran.stdout == ""


def run_through(qapp: QApplication, qtbot: QtBot, *options: str, patience_s: float = 20) -> Report:
    """What the test of a window over a scripted engine saw."""
    made = desktop_app.build(qapp, Paths.default(), command=fake_command(*options))
    test = SmokeTest(made, time.time(), patience_s)
    with qtbot.waitSignal(made.window.closing):
        desktop_app.start(made)
    made.window.deleteLater()
    return test.report


def test_a_wrong_answer_is_a_problem(qapp: QApplication, qtbot: QtBot) -> None:
    report = run_through(qapp, qtbot)
    assert report.problem.startswith("In bf16 the answer was: ")
    assert set(report.answers) == {Precision.BF16}


def test_an_engine_that_says_nothing_is_a_problem(qapp: QApplication, qtbot: QtBot) -> None:
    report = run_through(qapp, qtbot, "--ready-after", "60", patience_s=1)
    assert report.problem == "Nothing more came within 1 s."
    assert report.first_paint_s is not None
    assert report.first_token_s is None
