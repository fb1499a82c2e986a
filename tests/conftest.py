"""What all tests share: own TERN_HOME and model cache, and no network for the model libraries."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants
from hypothesis import settings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.hardware import isa_limits

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.update(isa_limits())  # before torch is imported: TERN_ISA=avx2 makes an AVX2 CPU
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # else IPEX's import brings processes

# A job in the background ignores Ctrl-C, and so would the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in each run, so that a failure is the change's; `make soak` tries others. How
# long one may take depends on what else the machine does.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def tern_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test's files apart, and away from the user's."""
    home = tmp_path / "tern-home"
    monkeypatch.setenv("TERN_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def model_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache in place of the user's, for child processes too."""
    cache = tmp_path / "hf-cache"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


class PatientBot(QtBot):
    """pytest-qt's, whose waits end a test that hangs, and none that is slow on a busy machine."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = 120_000) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: object, *, timeout: int = 120_000, **options: object) -> object:
        return super().waitSignal(signal, timeout=timeout, **options)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)
