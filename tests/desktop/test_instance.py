"""One window a person: what a second start does, against real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.shell.instance import Instance, Wish
from desktop.state import State
from desktop.wiring.habits import connect_instance
from engine.messages import Precision
from engine.paths import Paths
from tests.desktop.conftest import ROOT, wait_for

CHILD = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from desktop.shell.instance import Instance, Wish
from engine.messages import Precision
from engine.paths import Paths
app = QCoreApplication([])
instance = Instance(Paths.default(), Path(sys.argv[1]))
if sys.argv[2] == "first":
    print(instance.claim(), flush=True)
    app.exec()
else:
    first = instance.claim()
    taken = False if first else instance.hand_over(Wish.of("demo", Precision.INT4))
    print(first, taken, flush=True)
"""


def child(folder: Path, part: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, str(folder), part]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ)


@pytest.fixture
def first(home: Path, qapp: object) -> Iterator[Instance]:
    made = Instance(Paths.default(), home)
    assert made.claim()
    yield made
    made.release()


def test_a_second_start_hands_its_wish_to_the_first(
    first: Instance, home: Path, qtbot: QtBot
) -> None:
    second = child(home, "second")
    with qtbot.waitSignal(first.wished) as caught:
        pass
    assert second.communicate(timeout=60)[0].split() == ["False", "True"]
    wish = caught.args[0]
    assert (wish.model, wish.precision) == ("demo", Precision.INT4)


def test_the_first_window_comes_forward_and_loads_what_was_wished(
    ready: Desktop, first: Instance, qtbot: QtBot
) -> None:
    connect_instance(ready.window, first, ready.controller)
    ready.window.showMinimized()
    first.wished.emit(Wish(precision=Precision.INT8))
    assert ready.window.isVisible() and not ready.window.isMinimized()
    wait_for(qtbot, ready, State.READY)
    assert ready.controller.selection.precision is Precision.INT8
    assert ready.controller.selection.model == "demo", "what was not wished stays"


def test_what_a_crashed_window_left_behind_is_no_obstacle(home: Path, qtbot: QtBot) -> None:
    crashed = child(home, "first")
    assert crashed.stdout and crashed.stdout.readline().strip() == "True"
    made = Instance(Paths.default(), home)
    assert not made.claim(), "it is still there"
    os.kill(crashed.pid, signal.SIGKILL)
    crashed.communicate(timeout=60)
    assert list(home.glob("*.sock")), "its socket is left behind"
    assert made.claim()
    second = child(home, "second")
    with qtbot.waitSignal(made.wished):
        pass
    second.communicate(timeout=60)
    made.release()


def test_a_window_that_hangs_does_not_take_the_wish(
    home: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop.shell.instance._PATIENCE", 300)
    hanging = child(home, "first")
    assert hanging.stdout and hanging.stdout.readline().strip() == "True"
    os.kill(hanging.pid, signal.SIGSTOP)
    made = Instance(Paths.default(), home)
    assert not made.claim() and not made.hand_over(Wish())
    os.kill(hanging.pid, signal.SIGKILL)
    hanging.communicate(timeout=60)


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"precision": "int5"}\n', b"\xff\xfe\n"])
def test_a_stranger_on_the_socket_is_sent_away(first: Instance, qtbot: QtBot, line: bytes) -> None:
    stranger = QLocalSocket()
    stranger.connectToServer(str(first._socket_path))
    stranger.write(line)
    with qtbot.assertNotEmitted(first.wished):
        qtbot.waitUntil(lambda: stranger.state() is QLocalSocket.LocalSocketState.UnconnectedState)


def test_another_home_is_another_tern(first: Instance, home: Path, tmp_path: Path) -> None:
    other = Instance(Paths(*[tmp_path / "other"] * 4), home)
    assert other.claim()
    other.release()


def test_a_folder_is_wished_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Wish.of("model", None).model == str(tmp_path / "model")
    assert Wish.of("org/name", None).model == "org/name"
