"""A file arrives whole, whatever the line and the servers do to it, and without starting again."""

import os
import socket
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from engine.errors import (
    BrokenDownload,
    DamagedDownload,
    DiskFull,
    GatedModel,
    NotOnHub,
    RateLimited,
    Sealed,
    Stopped,
    Unreachable,
)
from engine.network import Ledger, Network
from engine.store.download import download
from engine.store.hub import Hub
from engine.store.phase import Phase
from engine.store.plan import plan
from tests.store.conftest import (
    QUICK,
    WEIGHTS,
    WEIGHTS_SIZE,
    Download,
    arrived,
    incomplete,
    noise_model,
)
from tests.store.hub_repository import Repository
from tests.store.hub_server import HubServer, Request

TENTH = WEIGHTS_SIZE // 10


def same(folder: Path, repository: Repository, commit: str = "main") -> bool:
    """Whether the folder holds what the repository has."""
    files = repository.files(commit)
    return all((folder / path).read_bytes() == file.content for path, file in files.items())


def test_a_line_that_breaks_at_every_tenth_is_resumed_each_time(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    for tenth in range(1, 10):
        hub.fault("break", WEIGHTS, at=tenth * TENTH)
    assert same(fetch(), repository)
    attempts = hub.requests(WEIGHTS)
    starts = [r.headers.get("Range", "") for r in attempts if r.host == "cdn"]
    assert len(starts) == 10
    assert all(start.startswith("bytes=") for start in starts[1:])
    assert hub.sent(WEIGHTS) == WEIGHTS_SIZE


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_download_that_was_given_up_goes_on_where_it_was(
    tenth: int, hub: HubServer, repository: Repository, fetch: Download, tmp_path: Path
) -> None:
    fault = hub.fault("break", WEIGHTS, at=tenth * TENTH, times=QUICK.tries + 1)
    with pytest.raises(BrokenDownload):
        fetch()
    assert [part.stat().st_size for part in incomplete(tmp_path)] == [tenth * TENTH]
    hub.faults.remove(fault)
    assert same(fetch(), repository)
    assert hub.sent(WEIGHTS) == WEIGHTS_SIZE


def test_a_body_that_is_cut_short_and_says_so_is_completed(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("truncate", WEIGHTS, at=300_000)
    assert same(fetch(), repository)
    assert hub.sent(WEIGHTS) == WEIGHTS_SIZE


def test_a_flipped_bit_costs_that_file_a_second_copy(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("flip", WEIGHTS, at=123_456)
    assert same(fetch(), repository)
    assert hub.sent(WEIGHTS) == 2 * WEIGHTS_SIZE
    assert hub.sent("tokenizer.json") == 2


def test_a_small_file_is_verified_too(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("flip", "tokenizer.json", at=1)
    assert same(fetch(), repository)
    assert hub.sent("tokenizer.json") == 4


def test_a_file_that_is_always_damaged_is_refused_and_the_others_kept(
    hub: HubServer, repository: Repository, fetch: Download, tmp_path: Path
) -> None:
    hub.fault("flip", WEIGHTS, at=5, times=2)
    with pytest.raises(DamagedDownload, match=WEIGHTS):
        fetch()
    assert not list(tmp_path.rglob("snapshots"))
    before = hub.sent("tokenizer.json")
    assert same(fetch(), repository)
    assert hub.sent("tokenizer.json") == before


@pytest.mark.parametrize("junk", [b"not what it was", bytes(2 * WEIGHTS_SIZE)])
def test_what_was_damaged_in_an_earlier_run_is_found_out(
    junk: bytes, hub: HubServer, repository: Repository, fetch: Download, tmp_path: Path
) -> None:
    hub.fault("break", WEIGHTS, at=500_000, times=QUICK.tries + 1)
    with pytest.raises(BrokenDownload):
        fetch()
    hub.faults.clear()
    (part,) = incomplete(tmp_path)
    with part.open("r+b") as file:
        file.write(junk)
    sent = hub.sent(WEIGHTS)
    assert same(fetch(), repository)
    assert hub.sent(WEIGHTS) - sent <= 1.5 * WEIGHTS_SIZE


def test_a_stalled_socket_is_noticed_and_the_rest_comes_over_a_new_one(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("stall", WEIGHTS, at=400_000)
    assert same(fetch(), repository)
    assert hub.sent(WEIGHTS) == WEIGHTS_SIZE


def test_a_server_that_ignores_range_sends_it_all_again_without_harm(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("break", WEIGHTS, at=400_000)
    hub.fault("ignore range", WEIGHTS, times=99)
    assert same(fetch(), repository)
    assert hub.sent(WEIGHTS) == WEIGHTS_SIZE + 400_000


@pytest.mark.parametrize("retry_after", ["1", "date"])
def test_retry_after_is_waited_for(
    retry_after: str, hub: HubServer, repository: Repository, fetch: Download
) -> None:
    text = formatdate(time.time() + 2, usegmt=True) if retry_after == "date" else retry_after
    hub.fault("status", WEIGHTS, status=429, retry_after=text)
    phases = set()
    began = time.monotonic()
    folder = fetch(on_progress=lambda phase, _done: phases.add(phase))
    assert time.monotonic() - began > 0.9
    assert Phase.RETRYING in phases
    assert same(folder, repository)


def test_a_server_that_asks_for_an_hour_gets_a_sentence(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("status", WEIGHTS, status=429, retry_after="3600")
    with pytest.raises(RateLimited, match="60 minutes"):
        fetch()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_passing_failure_of_the_server_is_tried_again(
    status: int, hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("status", WEIGHTS, status=status, times=2)
    assert same(fetch(), repository)


def test_a_server_that_stays_ill_is_given_up_with_what_it_said(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("status", WEIGHTS, status=503, times=99)
    with pytest.raises(BrokenDownload, match="HTTP 503"):
        fetch()
    assert len([r for r in hub.requests(WEIGHTS) if r.status == 503]) == QUICK.tries


def test_an_address_of_the_cdn_that_has_expired_is_asked_for_anew(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("status", WEIGHTS, status=403, host="cdn")
    assert same(fetch(), repository)


@pytest.mark.parametrize(("status", "failure"), [(404, NotOnHub), (416, BrokenDownload)])
def test_a_refusal_of_the_hub_is_explained(
    status: int, failure: type[Exception], hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("status", WEIGHTS, status=status, times=99)
    with pytest.raises(failure):
        fetch()


def test_a_gate_that_closes_in_mid_download_is_explained(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    def close(request: Request) -> None:
        repository.gated = "manual" if request.path.endswith("tokenizer.json") else False

    hub.on_request = close
    with pytest.raises(GatedModel, match=f"{hub.url}/tern/noise"):
        fetch()


def test_the_token_goes_to_the_hub_and_never_to_the_cdn(
    hub: HubServer, repository: Repository, fetch: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.gated = "auto"
    repository.granted.add("hf_secret")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert same(fetch(), repository)
    of = {r.host: r.headers for r in hub.requests(WEIGHTS)}
    assert of["hub"]["Authorization"] == "Bearer hf_secret"
    assert "hf_secret" not in str(of["cdn"])


# -- what the person does ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["stall", "slow"])
def test_stop_waits_for_no_byte_and_keeps_what_came(
    kind: str, hub: HubServer, repository: Repository, network: Network, tmp_path: Path
) -> None:
    hub.fault(kind, WEIGHTS, at=200_000)
    patient = Hub(network, read_timeout=30)
    planned = plan(patient.describe("tern/noise"))
    stop, ended = threading.Event(), []

    def run() -> None:
        with pytest.raises(Stopped):
            download(patient, planned, tmp_path, stop=stop)
        ended.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    while arrived(tmp_path) < 100_000:
        time.sleep(0.01)
    asked = time.monotonic()
    stop.set()
    thread.join(60)
    assert ended[0] - asked < 10, "it waited for a silent line"
    while any(thread.name == "line" for thread in threading.enumerate()):
        assert time.monotonic() - asked < 10, "the connection is still open"
        time.sleep(0.01)
    hub.release()
    sent = hub.sent(WEIGHTS)
    download(patient, planned, tmp_path)
    assert hub.sent(WEIGHTS) - sent < WEIGHTS_SIZE - 50_000  # what was on its way is lost


def test_sealing_ends_a_running_download_at_once(
    hub: HubServer, repository: Repository, tmp_path: Path
) -> None:
    hub.fault("slow", WEIGHTS, at=2_000_000)
    sealed = threading.Event()
    network = Network(Ledger(tmp_path / "network.jsonl"), sealed.is_set)
    client = Hub(network)
    planned = plan(client.describe("tern/noise"))

    def on_progress(_phase: Phase, done: int) -> None:
        if done > 300_000:
            sealed.set()

    with pytest.raises(Sealed):
        download(client, planned, tmp_path / "cache", on_progress)
    asked = len(hub.log)
    with pytest.raises(Sealed):
        download(client, planned, tmp_path / "cache", on_progress)
    assert len(hub.log) == asked


def test_a_failure_of_the_one_who_is_told_is_not_taken_for_the_lines(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    def closed(_phase: Phase, _done: int) -> None:
        raise BrokenPipeError("the terminal is gone")

    with pytest.raises(BrokenPipeError):
        fetch(on_progress=closed)


def test_without_a_network_a_resumed_download_fails_at_once(
    repository: Repository, client: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(client.describe("tern/noise"))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
    phases = set()
    with pytest.raises(Unreachable, match="refused"):
        download(client, planned, tmp_path, lambda phase, _done: phases.add(phase))
    assert Phase.RETRYING not in phases


# -- the disk ------------------------------------------------------------------------------------


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    hub: HubServer, fetch: Download
) -> None:
    model = hub.add_model("tern/huge", files=noise_model())
    entry = model.files()[WEIGHTS].sibling(blobs=True)
    del model.commits[model.head][WEIGHTS]
    entry["size"] = entry["lfs"]["size"] = 10**18
    model.extra_siblings.append(entry)
    with pytest.raises(DiskFull, match=r"needs 1000000000\.\d\d GB more in .*GB is free"):
        fetch("tern/huge")
    assert not hub.requests(WEIGHTS)


_LIMITED = """
import resource, sys
from pathlib import Path
from engine.errors import DiskFull
from engine.network import Ledger, Network
from engine.store.download import download
from engine.store.hub import Hub
from engine.store.plan import plan
client = Hub(Network(Ledger(Path(sys.argv[1]) / "network.jsonl")))
planned = plan(client.describe("tern/noise"))
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    download(client, planned, Path(sys.argv[1]) / "cache")
except DiskFull as error:
    print(error)
    sys.exit(3)
"""


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name == "nt", reason="no quotas there")
def test_a_disk_that_fills_up_keeps_what_came_and_goes_on_later(
    hub: HubServer, repository: Repository, fetch: Download, tmp_path: Path
) -> None:
    full = child(_LIMITED, tmp_path, 600_000)
    said, _ = full.communicate(timeout=60)
    assert full.returncode == 3
    assert "needs 0.00 GB more" in said
    (part,) = incomplete(tmp_path)
    assert part.stat().st_size == 600_000
    sent = hub.sent(WEIGHTS)
    assert same(fetch(), repository)
    assert hub.sent(WEIGHTS) - sent == 400_000


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs mount")
def test_a_full_file_system_is_a_sentence(
    hub: HubServer, client: Hub, repository: Repository, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    try:
        hub.fault("slow", WEIGHTS, at=2_000_000)
        planned = plan(client.describe("tern/noise"))
        filler = disk / "filler"

        def fill(_phase: Phase, done: int) -> None:
            if done > 300_000 and not filler.exists():
                filler.write_bytes(b"x" * 500_000)

        with pytest.raises(DiskFull, match=str(disk)):
            download(client, planned, disk, fill)
        filler.unlink()
        assert same(download(client, planned, disk), repository)
        assert hub.sent(WEIGHTS) < 2 * WEIGHTS_SIZE
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# -- kill -9 -------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_killed_downloader_goes_on_where_it_was(
    hub: HubServer, repository: Repository, fetch: Download, tmp_path: Path
) -> None:
    hub.fault("slow", WEIGHTS, at=2_000_000)
    killed = child(_LIMITED, tmp_path, 0)
    deadline = time.monotonic() + 60
    while arrived(tmp_path) < 400_000:
        assert time.monotonic() < deadline and killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    (part,) = incomplete(tmp_path)
    size = part.stat().st_size
    assert not list(tmp_path.rglob("snapshots"))
    assert same(fetch(), repository)
    resumed = [r for r in hub.requests(WEIGHTS) if r.host == "cdn"][-1]
    assert resumed.headers["Range"] == f"bytes={size}-"
    assert resumed.sent == WEIGHTS_SIZE - size
