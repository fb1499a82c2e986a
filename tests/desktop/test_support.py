"""The support archive: what is in it can be read, and nothing that a person wrote is among it."""

import logging
import zipfile
from contextlib import closing
from pathlib import Path

import keyring
import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.history import History
from desktop.support_dialog import SupportDialog
from engine.cli.main import main
from engine.errors import ExportFailed
from engine.logs import log_to
from engine.network import Connection, Ledger
from engine.paths import Paths
from engine.settings import SettingsFile
from engine.support import write
from tests.desktop.conftest import ask, click
from tests.history.conftest import exchange
from tests.store.test_token import MemoryKeyring

CHAT, ANSWER, NAME, USER = "plans-for-the-heist", "meet-at-midnight", "payroll-2031", "annabelle"
TOKENS = ("hf_fromTheEnvironment0", "odd-token-of-the-keyring", "hf_fromTheSettings000")
SECRETS = (CHAT, ANSWER, NAME, USER, *TOKENS, "letmein")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """An installation in the home folder of `USER` with a secret in every place."""
    person = tmp_path / "home" / USER
    monkeypatch.setenv("HOME", str(person))
    monkeypatch.setenv("USERPROFILE", str(person))
    monkeypatch.setenv("LOGNAME", USER)
    monkeypatch.setenv("TERN_HOME", str(person / ".tern"))
    monkeypatch.setenv("HF_TOKEN", TOKENS[0])
    monkeypatch.setenv("HTTPS_PROXY", f"http://{USER}:letmein@proxy:3128")
    monkeypatch.setenv("PYTHONPATH", str(person / NAME))
    known = MemoryKeyring()
    known.set_password("tern", "huggingface.co", TOKENS[1])
    monkeypatch.setattr(keyring, "get_password", known.get_password)
    monkeypatch.setattr("engine.cli.ipex_level.level_apart", lambda _cpu: "AVX2")  # takes seconds
    paths = Paths.default()
    _fill_settings(paths, person)
    _fill_logs(paths, person)
    with closing(History.open(paths.chats)) as history:
        exchange(history, history.chats.create(title=CHAT), CHAT, ANSWER)
    Ledger(paths.ledger).append(
        Connection(at="", host="h", address="a", port=1, why=f"Search for {NAME}", allowed=True)
    )
    return paths


def _fill_settings(paths: Paths, person: Path) -> None:
    model = person / NAME / "my model"
    model.mkdir(parents=True)
    settings = SettingsFile.of(paths)
    settings.change(
        model=str(model),
        folders=(str(model),),
        chat=CHAT,
        models=str(person / NAME),
        threads={f"int4 auto {model}": 3},
    )
    file = paths.config / "settings.toml"
    file.write_text(f'hub_token = "{TOKENS[2]}"\nnote = "{CHAT}"\n{file.read_text()}')


def _fill_logs(paths: Paths, person: Path) -> None:
    paths.logs.mkdir(parents=True)
    handler = log_to(paths.window_log)
    log = logging.getLogger("desktop")
    secret_file = person / NAME / f"{NAME} list.txt"
    for fail in (
        lambda: int(CHAT),
        secret_file.read_text,
        lambda: {}[ANSWER],
        lambda: (_ for _ in ()).throw(RuntimeError(CHAT)),
    ):
        try:
            fail()
        except Exception:
            log.exception("while testing")
    logging.getLogger("qt").warning("cannot open %s: no such file", secret_file.with_suffix(""))
    logging.getLogger("qt").warning('cannot open "%s": no such file', secret_file)
    logging.getLogger("qt").warning("Authorization: %s", TOKENS[2])
    logging.getLogger().removeHandler(handler)
    handler.close()
    # As an older version may have left it.
    paths.engine_log.write_text(
        f'not a command (bad): b\'{{"type":"Generate","prompt":"{CHAT}"\'\n'
        f"Load failed: DamagedFile {{'file': '{secret_file}', 'reason': 'cut off'}}\n"
        f'  File "{person}/venv/lib/python3.11/site-packages/some.py", line 3, in load\n'
        f"token={TOKENS[1]}\n"
    )
    (paths.logs / "window-crash-4194305.txt").write_text(f'  File "{person}/x.py", line 1 in run\n')


def contents(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_secret_is_in_the_archive_wherever_it_was(house: Paths, tmp_path: Path, capsys) -> None:
    file = tmp_path / "support.zip"
    assert main(["doctor", "--bundle", str(file)]) == 0
    held = contents(file)
    for secret in SECRETS:
        for name, text in held.items():
            assert secret not in text and secret not in name, (secret, name, text)
    assert b"".join(path.encode() for path in held)
    assert not [secret for secret in SECRETS if secret.encode() in file.read_bytes()]
    # What helps is there.
    assert "tern " in held["doctor.txt"] and "CPU " in held["doctor.txt"]
    assert "demo" in held["models.txt"] and "bytes" in held["models.txt"]
    assert 'precision = "bf16"' in held["settings.toml"] and "int4 auto: 3" in held["settings.toml"]
    assert "HF_TOKEN is set" in held["environment.txt"]
    window = held["logs/window.log"]
    assert window.count("while testing") == 4 and "FileNotFoundError" in window
    assert "in _fill_logs" in window and "test_support.py" in window
    assert "DamagedFile" in held["logs/engine.log"] and "cut off" in held["logs/engine.log"]
    assert "line 1 in run" in held["logs/crash-1.txt"]
    assert "network.jsonl" not in " ".join(held)
    # It says what is in it, on the screen and in itself.
    said = capsys.readouterr().out
    assert all(name in said and (name in held["README.txt"]) for name in held if name[0] != "R")


def test_an_archive_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "support.zip"
    (folder / "in it").mkdir(parents=True)
    with pytest.raises(ExportFailed, match="Nothing could be written to"):
        write(folder, {"README.txt": "hello"})
    with pytest.raises(ExportFailed):
        write(tmp_path / "none" / "support.zip", {"README.txt": "hello"})
    assert list(tmp_path.glob("*.part")) == []


def test_the_window_shows_the_archive_before_it_saves_it(
    ready: Desktop, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(qtbot, ready, CHAT)
    ready.menus.support_wanted.emit()
    dialog = ready.window.findChild(SupportDialog)
    qtbot.waitUntil(lambda: bool(dialog.files) and dialog.save.isEnabled())
    assert dialog.names.count() == len(dialog.files)
    for place, text in enumerate(dialog.files.values()):
        dialog.names.setCurrentRow(place)
        assert dialog.text.toPlainText().strip() == text.strip()
        assert CHAT not in text
    file = tmp_path / "given.zip"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    click(qtbot, dialog.save)
    qtbot.waitUntil(lambda: str(file) in dialog.told.text())
    assert contents(file) == dict(dialog.files)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/nonexistent/x.zip", ""))
    click(qtbot, dialog.save)
    qtbot.waitUntil(lambda: "Nothing could be written" in dialog.told.text())
