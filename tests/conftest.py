"""What all tests share: an own TERN_HOME, and no network for the model libraries."""

import os
from pathlib import Path

import pytest

from engine.hardware import isa_limits

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.update(isa_limits())  # before torch is imported: TERN_ISA=avx2 makes an AVX2 CPU
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(autouse=True)
def tern_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test's files apart, and away from the user's."""
    home = tmp_path / "tern-home"
    monkeypatch.setenv("TERN_HOME", str(home))
    return home
