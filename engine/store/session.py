"""One HTTP session as Tern wants it: through the network's rules, bounded, trusting what the
system trusts; and requests' failures as sentences.

Proxies are requests' business: the environment's HTTP(S)_PROXY and NO_PROXY, on Windows and macOS
the system's.
"""

import errno
import os
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import truststore
import urllib3
from requests.adapters import HTTPAdapter

from engine.errors import HubTrouble, TernError, Unreachable, UntrustedCertificate
from engine.network import Network

ANSWER_LIMIT = 50_000_000  # bytes of an answer that is read at once
_ANSWER_S = 60.0  # and how long it may take
_USER_AGENT = "tern"  # no versions, no system: nothing that tells one person from another


def make_session(network: Network, timeout: tuple[float, float]) -> requests.Session:
    """Return a session; timeout: seconds to connect, seconds without a byte.

    Used by one thread only.
    """
    session = requests.Session()
    session.headers["User-Agent"] = _USER_AGENT
    adapter = _Adapter(network, timeout)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Adapter(HTTPAdapter):
    def __init__(self, network: Network, timeout: tuple[float, float]) -> None:
        self._network = network
        self._timeout = timeout
        # The system's certificates, and beside them what requests names: REQUESTS_CA_BUNDLE.
        self._trust = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._trust, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **options)

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        **options: Any,
    ) -> requests.Response:
        self._network.check()  # a kept connection opens no socket that the guard would see
        response = super().send(request, stream, timeout or self._timeout, **options)
        if not stream or response.is_redirect or not response.ok:  # those are read whole
            response.raw = _Bounded(response.raw)
        return response


class _Bounded:
    """An answer's body that ends with a failure where it is too large or takes too long."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amount: int, decode_content: bool = True) -> Iterator[bytes]:
        total, deadline = 0, time.monotonic() + _ANSWER_S
        for chunk in self._raw.stream(min(amount, 65_536), decode_content=decode_content):
            total += len(chunk)
            if total > ANSWER_LIMIT or time.monotonic() > deadline:
                self._raw.close()
                raise requests.exceptions.ContentDecodingError("the answer is too large")
            yield chunk


def read_bounded(response: requests.Response, limit: int) -> bytes | None:
    """Return the body of a streamed response, or None where it is larger than `limit` bytes."""
    body = b""
    for chunk in response.iter_content(65_536):
        body += chunk
        if len(body) > limit:
            return None
    return body


def explained(error: Exception, url: str) -> TernError:
    """Return the failure of a request to `url` in Tern's words."""
    host = urlsplit(url).hostname or url
    if isinstance(error, requests.exceptions.SSLError):
        return UntrustedCertificate(host=host, reason=_certificate_reason(error))
    if isinstance(error, requests.exceptions.ProxyError):
        return Unreachable(host=host, reason="the proxy does not let Tern through")
    if isinstance(error, requests.exceptions.Timeout):
        return Unreachable(host=host, reason="it does not answer")
    if isinstance(error, requests.exceptions.ConnectionError):
        return Unreachable(host=host, reason=_connection_reason(error))
    return HubTrouble(what="the answer", reason=plain(error))


def is_unreachable(error: Exception) -> bool:
    """Return whether no connection came about at all: there is no network, or it refuses."""
    kinds = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.ProxyError,
        ssl.SSLCertVerificationError,
    )
    return any(isinstance(cause, kinds) for cause in _chain(error))


def plain(error: BaseException) -> str:
    """Return the first line of what an exception says."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        inner = [a for a in error.args if isinstance(a, BaseException)]
        reason = getattr(error, "reason", None)
        error = (
            reason
            if isinstance(reason, BaseException)
            else (inner[0] if inner else error.__cause__ or error.__context__)
        )


def _connection_reason(error: BaseException) -> str:
    for cause in _chain(error):
        if isinstance(cause, urllib3.exceptions.NameResolutionError | socket.gaierror):
            return "its name could not be looked up"
        if isinstance(cause, OSError) and cause.errno in errno.errorcode:
            return os.strerror(cause.errno or 0).lower()
    return "the connection broke off"


def _certificate_reason(error: BaseException) -> str:
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return str(cause.verify_message) or plain(cause)
    return plain(error)
