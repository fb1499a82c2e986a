"""Settings: kept over a restart, and a damaged file is explained and kept aside."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.messages import Precision
from engine.settings import Settings, SettingsFile, to_toml
from tests.desktop.conftest import OpenWindow


def test_what_is_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "config" / "settings.toml"
    changes = {
        "model": "org/name",
        "precision": Precision.INT4,
        "kernel": "native",
        "theme": "dark",
        "geometry": (-5, 10, 800, 600),
        "folders": ("/models/a b", 'C:\\mödels\\"x" 🐦'),
        "models": "/mnt/disk/models",
        "sealed": True,
    }
    SettingsFile(path).change(**changes)
    again = SettingsFile(path)
    assert again.value == Settings(**changes)
    assert again.trouble == ""


@given(st.text())
def test_any_name_survives_the_file(name: str) -> None:
    assert tomllib.loads(to_toml(Settings(model=name)))["model"] == name


def test_what_a_newer_version_wrote_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('tint = "blue"\nmodel = "a/b"\n\n[chats]\nfolders = ["x"]\n')
    SettingsFile(path).change(theme="dark")
    written = tomllib.loads(path.read_text())
    assert written["tint"] == "blue"
    assert written["chats"] == {"folders": ["x"]}
    assert (written["model"], written["theme"]) == ("a/b", "dark")


def test_the_window_and_the_terminal_do_not_undo_each_other(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    window, terminal = SettingsFile(path), SettingsFile(path)
    terminal.change(sealed=True)
    window.change(theme="dark")
    assert SettingsFile(path).value == Settings(sealed=True, theme="dark")


@pytest.mark.parametrize("content", [b"precision = int4", b'precision = "fp64"', b"\xff\xfe", b"x"])
def test_a_damaged_file_is_kept_aside_and_explained(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    settings = SettingsFile(path)
    assert settings.value == Settings()
    assert "damaged" in settings.trouble
    assert (tmp_path / "settings.damaged.toml").read_bytes() == content
    assert not path.exists()


def test_the_window_says_that_its_settings_were_damaged(
    open_window: OpenWindow, home: Path
) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text("theme = 3")
    made = open_window()
    assert made.window.chat.notice.isVisible()
    assert "settings file was damaged" in made.window.chat.notice.sentence.text()


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = SettingsFile(tmp_path / "file" / "settings.toml")
    settings.change(theme="dark")
    assert settings.value.theme == "dark"
    assert "could not be saved" in settings.trouble
