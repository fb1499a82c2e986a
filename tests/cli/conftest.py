"""Fixtures: a home of its own for each test, the command line with a fake engine, no orphans."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.cli.main import main
from engine.client import EngineClient
from engine.paths import Paths
from tests.cli.tern import FAKE

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def home(tern_home, monkeypatch):
    """The TERN_HOME, and after the test a check that no engine process is left."""
    tern_home.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(HERE.parent.parent))
    yield tern_home
    file = tern_home / "pids"
    pids = [int(pid) for pid in file.read_text().split()] if file.is_file() else []
    assert gone(pids), "an engine process is left over"


def gone(pids, patience_s=60.0):
    """Whether all of `pids` have ended within the time."""
    end = time.monotonic() + patience_s
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Result:
    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self):
        return json.loads(self.out.splitlines()[-1])


@pytest.fixture
def make_client(home):
    return lambda: EngineClient(Paths.default(), command=FAKE)


@pytest.fixture
def tern(capsys, make_client):
    """Run a command in this process, the engine faked in a real child."""

    def run(*argv, client=make_client):
        code = main([str(word) for word in argv], client)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def spawn():
    """Start a command as a program of its own."""
    children = []

    def start(*argv, **options):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        child = subprocess.Popen(
            [sys.executable, str(HERE / "tern.py"), *argv], **(pipes | options), env=os.environ
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()
