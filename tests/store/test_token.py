"""The access token: where it is looked for, and in which order."""

import sys
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from engine.errors import NoKeyring
from engine.store.token import forget_token, read_token, save_token


class MemoryKeyring(KeyringBackend):
    """A system's keyring that holds what it is given."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


class LockedKeyring(KeyringBackend):
    """A keyring that its owner does not open."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("the person said no")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("the person said no")

    def delete_password(self, service: str, username: str) -> None:
        raise KeyringLocked("the person said no")


@pytest.fixture(autouse=True)
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Hub's own login file, and no token in the environment."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "token"
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(file))
    monkeypatch.setattr(keyring.core, "_keyring_backend", MemoryKeyring())
    return file


def test_the_environment_comes_first_then_the_keyring_then_the_login(
    login: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_token() is None
    login.write_text("hf_login\n")
    assert read_token() == "hf_login"
    save_token(" hf_keyring\n")
    assert read_token() == "hf_keyring"
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    assert read_token() == "hf_environment"
    monkeypatch.delenv("HF_TOKEN")
    forget_token()
    forget_token()
    assert read_token() == "hf_login"


def test_a_keyring_that_fails_is_no_keyring(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", LockedKeyring())
    login.write_text("hf_login")
    assert read_token() == "hf_login"
    forget_token()
    with pytest.raises(NoKeyring, match="the person said no"):
        save_token("hf_new")


def test_a_system_without_the_library_has_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert read_token() is None
    with pytest.raises(NoKeyring):
        save_token("hf_new")


@pytest.mark.parametrize("token", ["", "  ", "hf_ü", "hf_\x07"])
def test_what_no_header_can_carry_is_no_token(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    assert read_token() is None
