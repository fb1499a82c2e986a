"""What all tests share: an own TERN_HOME, and no network for the model libraries."""

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(autouse=True)
def tern_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test's files apart, and away from the user's."""
    home = tmp_path / "tern-home"
    monkeypatch.setenv("TERN_HOME", str(home))
    return home
