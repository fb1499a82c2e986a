"""Starting: quickly, without torch, and never by an abort where there is no display."""

import os
import subprocess
import sys
from time import time

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop import __main__ as start
from desktop import app as desktop_app
from desktop.state import State
from engine.paths import Paths
from tests.desktop.conftest import ROOT, OpenWindow, wait_for


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_window_imports_neither_torch_nor_the_engines_heavy_half() -> None:
    code = "import sys, desktop.app; print(sorted(m for m in sys.modules if m in "
    code += "('torch', 'transformers', 'numpy', 'engine.worker', 'engine.loader')))"
    assert python(code).stdout.strip() == "[]"


def test_the_window_is_painted_before_the_engine_is_ready(
    open_window: OpenWindow, qapp: QApplication
) -> None:
    made = open_window("--ready-after", "60")
    made.window.grab()
    assert made.controller.state is State.STARTING
    assert made.window.chat.composer.edit.isEnabled()


def test_what_is_typed_at_once_is_a_message(open_window: OpenWindow, qtbot: QtBot) -> None:
    made = open_window("--ready-after", "60")
    made.window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
    qtbot.keyClicks(QApplication.focusWidget(), "Hello")
    assert made.window.chat.composer.edit.toPlainText() == "Hello"


FIRST_PAINT = """
import os, sys, time
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication
from desktop import app
from engine.paths import Paths

class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            print(time.time() - float(os.environ["BEGAN"]))
            app.QTimer.singleShot(0, desktop.window, desktop.window.close)
        return False

qt = QApplication([])
asleep = [sys.executable, "-c", "import time; time.sleep(30)"]
desktop = app.build(qt, Paths.default(), command=asleep)
watch = Watch()
desktop.window.chat.strip.installEventFilter(watch)
app.start(desktop)
sys.exit(qt.exec())
"""


def test_the_first_paint_waits_for_no_engine() -> None:
    ran = python(FIRST_PAINT, BEGAN=str(time()))
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) < 10  # the engine sleeps for 30; a quiet machine takes about one


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"DISPLAY": ":99"}, "The display :99 cannot be reached"),
        ({"QT_QPA_PLATFORM": "nonsense"}, "No window can be opened on this display"),
        ({"QT_QPA_PLATFORM": ""}, "There is no display here"),
        ({"QT_QPA_PLATFORM": "offscreen"}, ""),
    ],
)
def test_the_display_is_probed_without_risk(environment: dict[str, str], sentence: str) -> None:
    unset = {"QT_QPA_PLATFORM": ""} | environment
    code = (
        "import os; from desktop.shell.display import why_no_window; "
        "print(why_no_window(os.environ))"
    )
    ran = python(code, **unset)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == sentence


def test_without_a_display_tern_says_so_and_works_in_the_terminal() -> None:
    code = "import sys, types; import desktop.__main__ as m; "
    code += "fake = types.ModuleType('engine.cli.headless'); fake.run = lambda: 7; "
    code += "sys.modules['engine.cli.headless'] = fake; sys.argv = ['tern']; sys.exit(m.main())"
    ran = python(code, DISPLAY=":99", QT_QPA_PLATFORM="")
    assert ran.returncode == 7, ran.stderr
    assert ran.stderr == "The display :99 cannot be reached, so Tern works in the terminal.\n"


def test_a_display_that_can_be_used_is_found_quickly() -> None:
    code = "import os, time; from PySide6 import QtWidgets; "
    code += "from desktop.shell.display import why_no_window; began = time.perf_counter(); "
    code += "why_no_window(os.environ); print(time.perf_counter() - began)"
    ran = python(code, QT_QPA_PLATFORM="offscreen")
    assert float(ran.stdout) < 4, "no longer than it takes to give up a display"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], False),
        (["--model", "demo", "--precision", "int4"], False),
        (["chat"], True),
        (["generate", "--model", "demo"], True),
        (["--help"], True),
        (["--version"], True),
    ],
)
def test_only_options_mean_the_window(arguments: list[str], expected: bool) -> None:
    assert start._is_command(arguments) is expected


def test_options_choose_what_is_loaded(open_window: OpenWindow, qtbot: QtBot) -> None:
    options = start._parse(["--model", "demo", "--precision", "int8"])
    made = open_window(model=options.model, precision=options.precision)
    wait_for(qtbot, made, State.READY)
    assert made.window.chat.strip.kernel.value.whole.startswith("int8")


def test_the_place_of_the_window_is_remembered(open_window: OpenWindow, qapp: QApplication) -> None:
    made = open_window()
    made.window.setGeometry(40, 50, 700, 600)
    made.window.close()
    again = desktop_app.build(qapp, Paths.default())
    assert again.window.placed() == (40, 50, 700, 600)
