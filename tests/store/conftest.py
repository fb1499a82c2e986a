"""A Hub on loopback for each test, Tern's own client for it, and nothing of the person's tokens."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.network import Ledger, Network
from engine.store.download import download
from engine.store.hub import Hub
from engine.store.phase import OnProgress
from engine.store.plan import plan
from engine.store.transfer import Patience
from tests.store.hub_repository import DEMO_MODEL, Repository
from tests.store.hub_server import HubServer

QUICK = Patience(tries=4, first_wait=0.01, longest_wait=0.05)
WEIGHTS = "model.safetensors"
WEIGHTS_SIZE = 1_000_000
Download = Callable[..., Path]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A running Hub that HF_ENDPOINT points to."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", *proxies):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def network(tmp_path: Path, hub: HubServer) -> Iterator[Network]:
    """The rules for connections, in force: what a test connects for has been declared."""
    made = Network(Ledger(tmp_path / "logs" / "network.jsonl"))
    with made.guard():
        yield made


@pytest.fixture
def client(network: Network) -> Hub:
    """Tern's client, which gives up on a silent line soon."""
    return Hub(network, read_timeout=0.5)


@pytest.fixture
def repository(hub: HubServer) -> Repository:
    """A model with weights of noise."""
    return hub.add_model("tern/noise", files=noise_model())


@pytest.fixture
def fetch(client: Hub, tmp_path: Path) -> Download:
    """A function that downloads a model into a cache of the test's own."""

    def fetch_it(
        repo: str = "tern/noise",
        revision: str | None = None,
        on_progress: OnProgress = lambda _phase, _done: None,
        **options: object,
    ) -> Path:
        planned = plan(client.describe(repo, revision))
        return download(client, planned, tmp_path / "cache", on_progress, patience=QUICK, **options)

    return fetch_it


def noise_model(seed: int = 0, size: int = WEIGHTS_SIZE) -> dict[str, bytes]:
    """The files of a model that nothing can run, and everything can download."""
    return {
        "README.md": b"---\nlicense: apache-2.0\n---\n",
        "config.json": (DEMO_MODEL / "config.json").read_bytes(),
        "tokenizer.json": b"{}",
        WEIGHTS: random.Random(seed).randbytes(size),
    }


def arrived(cache: Path) -> int:
    """The size of the largest part of a file under a cache, while a download goes on."""
    sizes = [0]
    for part in incomplete(cache):
        with suppress(FileNotFoundError):  # it has become whole
            sizes.append(part.stat().st_size)
    return max(sizes)


def incomplete(cache: Path) -> list[Path]:
    """The parts of files under a cache."""
    return sorted(cache.rglob("*.incomplete"))
