"""The person's access token for the Hub: HF_TOKEN, the system's keyring, the Hub's own login.

Nothing that the keyring does is a failure of ours while reading: without it there is no token.
"""

import contextlib
import os

from engine.errors import NoKeyring

_SERVICE, _ACCOUNT = "tern", "huggingface.co"
_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def read_token() -> str | None:
    """Return the access token, or None."""
    for variable in _VARIABLES:
        if token := _clean(os.environ.get(variable)):
            return token
    return _from_keyring() or _from_login()


def known_tokens() -> set[str]:
    """Return all that there are, so that none of them gets into what is given away."""
    found = (*map(os.environ.get, _VARIABLES), _from_keyring(), _from_login())
    return {token for token in map(_clean, found) if token}


def save_token(token: str) -> None:
    """Keep the token in the system's keyring. Raises NoKeyring."""
    try:
        import keyring

        keyring.set_password(_SERVICE, _ACCOUNT, token.strip())
    except Exception as error:  # each system's keyring fails in its own way
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NoKeyring(reason=reason.rstrip(".")) from error


def forget_token() -> None:
    """Remove the token from the keyring, if it is there."""
    with contextlib.suppress(Exception):
        import keyring

        keyring.delete_password(_SERVICE, _ACCOUNT)


def _from_keyring() -> str | None:
    with contextlib.suppress(Exception):
        import keyring

        return _clean(keyring.get_password(_SERVICE, _ACCOUNT))
    return None


def _from_login() -> str | None:
    from huggingface_hub import get_token

    with contextlib.suppress(OSError, ValueError):
        return _clean(get_token())
    return None


def _clean(token: str | None) -> str | None:
    """The token without line ends; what no header can carry is no token."""
    token = (token or "").strip()
    return token if token and token.isascii() and token.isprintable() else None
