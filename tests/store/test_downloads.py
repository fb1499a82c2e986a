"""The queue of downloads, as the window sees it: through its listener and its methods."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.network import Ledger, Network
from engine.store.downloads import Downloads, DownloadState
from engine.store.hub import Hub
from engine.store.meter import Meter
from engine.store.phase import Phase
from engine.store.reference import Reference
from tests.store.conftest import QUICK, WEIGHTS, WEIGHTS_SIZE, incomplete, noise_model
from tests.store.hub_repository import Repository
from tests.store.hub_server import HubServer

NOISE = Reference("tern/noise")
Told = Callable[[Callable[[tuple[DownloadState, ...]], bool]], tuple[DownloadState, ...]]


class Listener:
    """Keeps what the queue tells, and waits for what a test expects."""

    def __init__(self) -> None:
        self.told: list[tuple[DownloadState, ...]] = []
        self.threads: set[str] = set()
        self._more = threading.Condition()

    def __call__(self, states: tuple[DownloadState, ...]) -> None:
        with self._more:
            self.told.append(states)
            self.threads.add(threading.current_thread().name)
            self._more.notify_all()

    def wait(
        self, wanted: Callable[[tuple[DownloadState, ...]], bool]
    ) -> tuple[DownloadState, ...]:
        """Return the first states, from now on, that are as `wanted`."""
        with self._more:
            assert self._more.wait_for(lambda: self.told and wanted(self.told[-1]), timeout=60)
            return self.told[-1]

    def wait_for(self, phase: Phase, at: int = 0) -> DownloadState:
        """Return the download at a place once it is in `phase`."""
        return self.wait(lambda states: len(states) > at and states[at].phase is phase)[at]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def open_queue(
    client: Hub, tmp_path: Path, listener: Listener
) -> Iterator[Callable[[], Downloads]]:
    """A function that opens the queue anew, as a program that starts again."""
    opened: list[Downloads] = []

    def open_it() -> Downloads:
        file = tmp_path / "data" / "downloads.json"
        opened.append(Downloads(client, lambda: tmp_path / "cache", file, listener, QUICK))
        return opened[-1]

    yield open_it
    for queue in opened:
        queue.close()


@pytest.fixture
def queue(open_queue: Callable[[], Downloads]) -> Downloads:
    return open_queue()


def test_downloads_come_one_after_another(
    hub: HubServer, repository: Repository, queue: Downloads, listener: Listener
) -> None:
    hub.add_model("tern/second", files=noise_model(seed=1))
    queue.add(NOISE)
    queue.add(Reference("tern/second"))
    states = listener.wait(lambda states: [s.phase for s in states] == [Phase.DONE, Phase.DONE])
    assert [state.repo for state in states] == ["tern/noise", "tern/second"]
    for state in states:
        assert state.done == state.total > WEIGHTS_SIZE
        assert state.folder is not None
        assert (state.folder / WEIGHTS).stat().st_size == WEIGHTS_SIZE
    running = [sum(s.phase is Phase.RECEIVING for s in states) for states in listener.told]
    assert max(running) == 1
    assert listener.threads == {"downloads"}


def test_pause_keeps_what_came_and_resume_goes_on(
    hub: HubServer, repository: Repository, queue: Downloads, listener: Listener, tmp_path: Path
) -> None:
    hub.fault("slow", WEIGHTS, at=2_000_000)
    added = queue.add(NOISE)
    listener.wait(lambda states: states[0].done > 200_000)
    queue.pause(added)
    paused = listener.wait_for(Phase.PAUSED)
    assert paused.speed == 0
    (part,) = incomplete(tmp_path)
    queue.resume(added)
    done = listener.wait_for(Phase.DONE)
    assert done.folder is not None
    assert hub.sent(WEIGHTS) < 1.5 * WEIGHTS_SIZE
    assert hub.requests(WEIGHTS)[-1].headers["Range"] >= f"bytes={200_000}-"
    assert not part.exists()


def test_a_paused_download_lets_the_next_one_through(
    hub: HubServer, repository: Repository, queue: Downloads, listener: Listener
) -> None:
    hub.fault("stall", WEIGHTS, at=300_000)
    hub.add_model("tern/second", files=noise_model(seed=1))
    first = queue.add(NOISE)
    queue.add(Reference("tern/second"))
    assert hub.stalled.wait(10)
    queue.pause(first)
    listener.wait_for(Phase.DONE, at=1)
    assert queue.states()[0].phase is Phase.PAUSED


def test_cancel_removes_what_came(
    hub: HubServer, repository: Repository, queue: Downloads, listener: Listener, tmp_path: Path
) -> None:
    hub.fault("stall", WEIGHTS, at=300_000)
    added = queue.add(NOISE)
    assert hub.stalled.wait(10)
    queue.cancel(added)
    listener.wait(lambda states: states == ())
    assert not (tmp_path / "cache" / "models--tern--noise").exists()


def test_a_finished_one_can_be_taken_off_the_list_and_stays_on_the_disk(
    repository: Repository, queue: Downloads, listener: Listener
) -> None:
    added = queue.add(NOISE)
    folder = listener.wait_for(Phase.DONE).folder
    queue.cancel(added)
    listener.wait(lambda states: states == ())
    assert folder is not None
    assert (folder / WEIGHTS).is_file()


def test_a_failure_has_a_sentence_and_can_be_tried_again(
    hub: HubServer, repository: Repository, queue: Downloads, listener: Listener
) -> None:
    hub.fault("status", WEIGHTS, status=500, times=QUICK.tries)
    added = queue.add(NOISE)
    failed = listener.wait_for(Phase.FAILED)
    assert "HTTP 500" in failed.sentence
    assert failed.way_out
    assert queue.add(NOISE) == added  # asking for it again is trying again
    done = listener.wait_for(Phase.DONE)
    assert (done.sentence, done.way_out) == ("", "")


def test_what_must_not_be_downloaded_fails_before_a_byte(
    hub: HubServer, queue: Downloads, listener: Listener
) -> None:
    hub.add_model("org/pickle", files={"config.json": b"{}", "model.bin": b"x"})
    queue.add(Reference("org/pickle"))
    assert listener.wait_for(Phase.FAILED).sentence
    queue.add(Reference("org/nothing"))
    assert "no org/nothing" in listener.wait_for(Phase.FAILED, at=1).sentence


def test_the_queue_is_there_again_after_a_restart_paused_and_at_its_commit(
    hub: HubServer,
    repository: Repository,
    open_queue: Callable[[], Downloads],
    listener: Listener,
    tmp_path: Path,
) -> None:
    commit = repository.head
    hub.fault("stall", WEIGHTS, at=600_000)
    first = open_queue()
    first.add(NOISE)
    first.add(Reference("tern/second", "dev"))
    assert hub.stalled.wait(10)
    listener.wait(lambda states: states[0].done > 500_000)
    first.close()
    repository.commit(noise_model(seed=9))
    again = open_queue()
    one, two = again.states()
    assert (one.repo, one.phase, one.total > WEIGHTS_SIZE) == ("tern/noise", Phase.PAUSED, True)
    assert one.done >= 600_000
    assert (two.reference, two.phase) == (Reference("tern/second", "dev"), Phase.PAUSED)
    again.resume(one.id)
    done = listener.wait_for(Phase.DONE)
    assert done.folder is not None
    assert done.folder.name == commit
    assert hub.sent(WEIGHTS) == WEIGHTS_SIZE


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'[{"repo": 3}]'])
def test_a_damaged_queue_is_an_empty_one(
    content: bytes,
    repository: Repository,
    open_queue: Callable[[], Downloads],
    listener: Listener,
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "downloads.json").write_bytes(content)
    queue = open_queue()
    assert queue.states() == ()
    queue.add(NOISE)
    listener.wait_for(Phase.DONE)


def test_sealing_ends_the_running_one_with_a_sentence(
    hub: HubServer, repository: Repository, listener: Listener, tmp_path: Path
) -> None:
    sealed = threading.Event()
    network = Network(Ledger(tmp_path / "network.jsonl"), sealed.is_set)
    hub.fault("stall", WEIGHTS, at=300_000)
    queue = Downloads(Hub(network), lambda: tmp_path, tmp_path / "queue.json", listener, QUICK)
    queue.add(NOISE)
    assert hub.stalled.wait(10)
    began = time.monotonic()
    sealed.set()
    assert "Sealed" in listener.wait_for(Phase.FAILED).sentence
    assert time.monotonic() - began < 10, "it waited for a silent line"
    queue.close()


def test_a_fault_of_ours_is_told_and_ends_nothing_else(
    hub: HubServer,
    repository: Repository,
    queue: Downloads,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Hub, "describe", lambda *_: 1 / 0)
        queue.add(NOISE)
        assert "ZeroDivisionError" in listener.wait_for(Phase.FAILED).sentence
    queue.add(NOISE)
    listener.wait_for(Phase.DONE)


def test_a_listener_that_fails_ends_no_download(
    client: Hub, repository: Repository, tmp_path: Path
) -> None:
    def fail(_states: object) -> None:
        raise RuntimeError("the window's fault")

    queue = Downloads(client, lambda: tmp_path, tmp_path / "queue.json", fail, QUICK)
    queue.add(NOISE)
    deadline = time.monotonic() + 60
    while queue.states()[0].phase is not Phase.DONE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    queue.close()


def test_the_speed_is_of_the_last_seconds_and_falls_when_nothing_comes() -> None:
    now = 0.0
    meter = Meter(lambda: now)
    for second in range(11):
        now = float(second)
        speed = meter.add(second * 1_000_000)
    assert speed == 1_000_000
    speeds = []
    for second in range(11, 18):
        now = float(second)
        speeds.append(meter.add(10_000_000))
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] == 800_000
    assert speeds[-1] == 0
    meter.reset()
    assert meter.add(12_000_000) == 0
