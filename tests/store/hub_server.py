"""A Hub on loopback: a real HTTP server for the real huggingface_hub client and for Tern's own.

    with HubServer() as hub:
        repository = hub.add_model("tern/demo")        # from assets/demo-model, or folder=...
        monkeypatch.setenv("HF_ENDPOINT", hub.url)     # `hub` the fixture does both of these
        monkeypatch.delenv("HF_HUB_OFFLINE")
        hub.fault("break", path="model.safetensors", at=1_000_000)
        ...
        assert hub.sent("model.safetensors") < 2 * size

Large files (LFS) are redirected to a second server on another port, `hub.cdn_url`, as the Hub
redirects to its CDN. `hub.log` lists each request with its headers and the bytes really sent.
Repositories are plain objects: `repository.commit(...)`, `.gated = "manual"`, `.granted.add(..)`,
`.extra_siblings.append(...)` take effect with the next request. `hub.on_request` is called before
each request is served, to change something in mid-download.

It answers absolute request lines too, so that it can be set as HTTP_PROXY.
"""

import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from types import TracebackType
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from tests.store.hub_repository import DEMO_MODEL, Repository, StoredFile, files_in

FaultKind = Literal["break", "truncate", "flip", "stall", "ignore range", "status", "slow"]
_CHUNK = 16_384


@dataclass
class Fault:
    """What goes wrong with the contents of files whose path matches `path`, `times` times.

    break: the connection is reset after `at` bytes of the file. truncate: the file ends after
    `at` bytes, and Content-Length says so. flip: one bit of byte `at` is wrong. stall: after `at`
    bytes nothing comes any more. ignore range: the whole file is sent (200), whatever was asked.
    status: the answer is `status`, with Retry-After where `retry_after` is given. slow: at most
    `at` bytes a second. All but status strike where the bytes come from; status on `host`.
    """

    kind: FaultKind
    path: str = "*"
    at: int = 0
    times: float = 1
    status: int = 503
    retry_after: str = ""
    host: Literal["hub", "cdn"] = "hub"


@dataclass
class Request:
    """A request as it came, and how many bytes of body were sent for it."""

    host: str
    method: str
    path: str
    headers: dict[str, str]
    sent: int = 0
    status: int = 0


class HubServer:
    """The two servers and what they serve. A context manager.

    certificate: a trustme.LeafCert makes them speak HTTPS.
    """

    def __init__(self, certificate: Any = None) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults: list[Fault] = []
        self.log: list[Request] = []
        self.on_request: Callable[[Request], None] = lambda _request: None
        self.stalled = threading.Event()
        self._release = threading.Event()
        self._lock = threading.Lock()
        self._servers = [_start(self, "hub"), _start(self, "cdn")]
        if certificate is not None:
            for server in self._servers:
                server.socket = _with_tls(server.socket, certificate)
        self.url, self.cdn_url = (
            f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
            for server in self._servers
        )

    def __enter__(self) -> "HubServer":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; what is stalled ends."""
        self._release.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    # -- what is served --------------------------------------------------------------------------

    def add(self, repository: Repository) -> Repository:
        """Serve `repository` from now on."""
        self.repositories[repository.name] = repository
        return repository

    def add_model(
        self,
        name: str,
        folder: Path = DEMO_MODEL,
        files: dict[str, bytes] | None = None,
        **facts: Any,
    ) -> Repository:
        """Serve the model in `folder`, or `files`, as the repository `name`; facts: its fields."""
        contents = files_in(folder) if files is None else files
        repository = Repository(name, **facts)
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            config = json.loads(contents["config.json"])
            shown = ("architectures", "model_type", "quantization_config", "auto_map")
            repository.config = {key: config[key] for key in shown if key in config}
        repository.commit(contents)
        return self.add(repository)

    def fault(self, kind: FaultKind, path: str = "*", **details: Any) -> Fault:
        """Switch a fault on; see Fault."""
        self.faults.append(Fault(kind, path, **details))
        return self.faults[-1]

    def take_fault(self, kinds: tuple[FaultKind, ...], path: str, host: str) -> Fault | None:
        """Return the first fault of `kinds` that strikes now, and count it."""
        with self._lock:
            for fault in self.faults:
                placed = fault.kind != "status" or fault.host == host
                if fault.times > 0 and fault.kind in kinds and placed and fnmatch(path, fault.path):
                    fault.times -= 1
                    return fault
        return None

    # -- what was asked --------------------------------------------------------------------------

    def requests(self, path: str = "*", method: str = "GET") -> list[Request]:
        """Return the requests for the file `path`, on both hosts."""
        return [r for r in self.log if r.method == method and fnmatch(r.path, f"*/{path}")]

    def sent(self, path: str = "*") -> int:
        """Return how many bytes of the file `path` went over the line."""
        return sum(request.sent for request in self.requests(path) if request.status in (200, 206))

    def wait_until_released(self) -> None:
        """Be a stalled line, until the server is closed or `release` is called."""
        self.stalled.set()
        self._release.wait(60)

    def release(self) -> None:
        """Let the stalled lines end."""
        self._release.set()


def _start(hub: HubServer, host: str) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"hub": hub, "host": host})
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def _with_tls(listener: socket.socket, certificate: Any) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    # Not in accept(): a client that stays silent there would keep all others out.
    return context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up, which a sealed process may not.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, *_args: Any) -> None:
        """A client that goes away is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[HubServer]
    host: ClassVar[str]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        address = urlsplit(self.path)
        self.query = parse_qs(address.query)
        path = unquote(address.path)
        self.asked = Request(self.host, self.command, path, dict(self.headers))
        self.hub.log.append(self.asked)
        self.hub.on_request(self.asked)
        if self.host == "cdn":
            self._serve_lfs(path)
        elif path == "/api/models":
            self._search()
        elif path == "/api/whoami-v2":
            self._whoami()
        elif found := re.fullmatch(
            r"/api/models/([^/]+/[^/]+?)(?:/(revision|tree)/([^/]+|refs/.*))?", address.path
        ):
            self._describe(found[1], found[2] or "revision", unquote(found[3] or "main"))
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", address.path):
            self._resolve(found[1], unquote(found[2]), unquote(found[3]))
        else:
            self._refuse(404, "", "Not found")

    # -- the api ---------------------------------------------------------------------------------

    def _search(self) -> None:
        words = [word.lower() for text in self.query.get("search", []) for word in text.split()]
        filters = set(self.query.get("filter", [])) | set(self.query.get("pipeline_tag", []))
        found = [
            repository
            for repository in self.hub.repositories.values()
            if all(word in repository.name.lower() for word in words)
            and filters <= set(repository.tags)
        ]
        sort = self.query.get("sort", ["downloads"])[0]
        found.sort(key=lambda repository: -getattr(repository, sort))
        limit = int(self.query.get("limit", ["1000"])[0])
        self._json([repository.listing() for repository in found[:limit]])

    def _describe(self, name: str, what: str, revision: str) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and self._token() not in repository.granted):
            # The Hub does not tell strangers whether a private repository exists.
            self._refuse(404 if self._token() else 401, "RepoNotFound", "Repository not found")
            return
        sha = repository.find(revision)
        if sha is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif what == "tree":
            self._json([file.tree_entry() for file in repository.commits[sha].values()])
        else:
            self._json(repository.info(sha, "blobs" in self.query))

    def _whoami(self) -> None:
        known = {token for r in self.hub.repositories.values() for token in r.granted}
        if self._token() in known:
            self._json({"name": "someone", "type": "user"})
        else:
            self._refuse(401, "", "Invalid credentials in Authorization header")

    # -- the files -------------------------------------------------------------------------------

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repository = self.hub.repositories.get(name)
        if fault := self.hub.take_fault(("status",), path, self.host):
            self._fail(fault)
        elif repository is None:
            self._refuse(404, "RepoNotFound", "Repository not found")
        elif repository.gated and self._token() not in repository.granted:
            self._refuse(403 if self._token() else 401, "GatedRepo", f"{name} is gated")
        elif (sha := repository.find(revision)) is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif (file := repository.commits[sha].get(path)) is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
        elif file.is_lfs:
            self._redirect(name, sha, file)
        else:
            self._send_file(file, {"X-Repo-Commit": sha, "ETag": f'"{file.etag}"'})

    def _redirect(self, name: str, sha: str, file: StoredFile) -> None:
        self._head(
            302,
            {
                "Location": f"{self.hub.cdn_url}/{name}/{sha}/{file.path}?signature=of-today",
                "X-Repo-Commit": sha,
                "X-Linked-Etag": f'"{file.etag}"',
                "X-Linked-Size": str(len(file.content)),
                "ETag": f'"{file.blob_id}"',
                "Content-Length": "0",
            },
        )

    def _serve_lfs(self, path: str) -> None:
        organisation, name, sha, path = path[1:].split("/", 3)
        file = self.hub.repositories[f"{organisation}/{name}"].commits[sha][path]
        if fault := self.hub.take_fault(("status",), path, self.host):
            self._fail(fault)
        else:
            self._send_file(file, {"ETag": f'"{file.sha256[:32]}"'})

    def _send_file(self, file: StoredFile, headers: dict[str, str]) -> None:
        get = self.command == "GET"
        content, size = file.content, len(file.content)
        if get and (fault := self.hub.take_fault(("truncate",), file.path, self.host)):
            content = content[: fault.at]
        if get and (fault := self.hub.take_fault(("flip",), file.path, self.host)):
            at = fault.at
            content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        start = self._start_of_range(file) if get else 0
        headers |= {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if start and start >= len(content):
            self._head(416, headers | {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
            return
        headers["Content-Length"] = str(len(content) - start)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{size}"
        self._head(206 if start else 200, headers)
        if get:
            self._send_body(file.path, content, start)

    def _start_of_range(self, file: StoredFile) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not found or self.hub.take_fault(("ignore range",), file.path, self.host):
            return 0
        return int(found[1])

    def _send_body(self, path: str, content: bytes, start: int) -> None:
        fault = self.hub.take_fault(("break", "stall", "slow"), path, self.host)
        end = len(content)
        if fault and fault.kind != "slow":
            end = max(start, min(end, fault.at))
        chunk = max(1, fault.at // 20) if fault and fault.kind == "slow" else _CHUNK
        for at in range(start, end, chunk):
            piece = content[at : min(at + chunk, end)]
            self.asked.sent += len(piece)  # before the client can be done with it
            self.wfile.write(piece)
            if fault and fault.kind == "slow":
                time.sleep(0.05)
        if fault and fault.kind == "stall":
            self.hub.wait_until_released()
        if fault and fault.kind != "slow":
            self._break_off()

    def _break_off(self) -> None:
        """Leave without a goodbye once the client has what was sent."""
        self.wfile.flush()
        time.sleep(0.05)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    # -- answers ---------------------------------------------------------------------------------

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.asked.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _json(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        head = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._head(status, head | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self._json({"error": message}, status, headers)

    def _fail(self, fault: Fault) -> None:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        self._json({"error": "a fault"}, fault.status, headers)
