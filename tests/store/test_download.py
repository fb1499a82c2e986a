"""A whole repository arrives in the Hugging Face cache as one commit, or not at all."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.errors import BrokenDownload, ModelNotFound, Stopped, UnwritableFolder
from engine.models import resolve
from engine.network import Network
from engine.paths import Paths
from engine.settings import Settings
from engine.store.download import download
from engine.store.hub import Hub
from engine.store.local import list_models
from engine.store.phase import Phase
from engine.store.placing import Place
from engine.store.plan import plan
from tests.store.conftest import QUICK, WEIGHTS, WEIGHTS_SIZE, Download, incomplete, noise_model
from tests.store.hub_repository import DEMO_MODEL, Repository
from tests.store.hub_server import HubServer, Request


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache that Tern and huggingface_hub look into."""
    root = tmp_path / "cache"
    for module in ("constants", "file_download"):
        monkeypatch.setattr(f"huggingface_hub.{module}.HF_HUB_CACHE", str(root), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(root))
    return root


def _listed() -> list[str]:
    """The models that can be used."""
    found = list_models(Settings(), Paths.default())
    return [model.name for model in found if model.is_complete]


def test_a_downloaded_model_is_found_by_tern_and_by_other_programs(
    hub: HubServer, fetch: Download, cache: Path
) -> None:
    from huggingface_hub import snapshot_download

    repository = hub.add_model("tern/demo")
    folder = fetch("tern/demo")
    assert folder == cache / "models--tern--demo" / "snapshots" / repository.head
    asked = len(hub.log)
    assert resolve("tern/demo").folder == folder
    assert resolve(f"tern/demo@{repository.head}").folder == folder
    assert "tern/demo" in _listed()
    assert snapshot_download("tern/demo", cache_dir=cache, local_files_only=True) == str(folder)
    assert (folder / WEIGHTS).resolve().parent.name == "blobs"
    assert (folder / WEIGHTS).read_bytes() == (DEMO_MODEL / WEIGHTS).read_bytes()
    assert not (folder / "held-out.txt").exists()
    assert len(hub.log) == asked


def test_huggingface_hub_takes_the_blobs_that_tern_fetched(
    hub: HubServer, fetch: Download, cache: Path, network: Network
) -> None:
    from huggingface_hub import configure_http_backend, hf_hub_download

    hub.add_model("tern/demo")
    folder = fetch("tern/demo")
    (folder / WEIGHTS).unlink()
    sent = hub.sent(WEIGHTS)
    configure_http_backend(Hub(network).session)
    with network.purpose("a test"):
        path = hf_hub_download("tern/demo", WEIGHTS, endpoint=hub.url, cache_dir=cache)
    assert Path(path) == folder / WEIGHTS
    assert hub.sent(WEIGHTS) == sent


def test_half_a_model_looks_like_none(
    hub: HubServer, repository: Repository, fetch: Download, cache: Path
) -> None:
    hub.fault("break", WEIGHTS, at=500_000, times=99)
    with pytest.raises(BrokenDownload):
        fetch()
    assert incomplete(cache)
    for name in ("tern/noise", f"tern/noise@{repository.head}"):
        with pytest.raises(ModelNotFound):
            resolve(name)
    assert "tern/noise" not in _listed()


def test_a_snapshot_that_was_not_finished_looks_like_none(
    repository: Repository, client: Hub, cache: Path
) -> None:
    planned = plan(client.describe("tern/noise"))
    place = Place(cache, "tern/noise")
    for file in planned.files:
        place.blob(file).parent.mkdir(parents=True, exist_ok=True)
        if file.path != WEIGHTS:
            place.blob(file).write_bytes(repository.files()[file.path].content)
    with pytest.raises(UnwritableFolder):
        place.publish(planned)
    for name in ("tern/noise", f"tern/noise@{repository.head}"):
        with pytest.raises(ModelNotFound):
            resolve(name)


def test_a_commit_in_mid_download_changes_nothing(
    hub: HubServer, repository: Repository, fetch: Download, cache: Path
) -> None:
    before, old = repository.head, repository.files()
    old_files = {path: file.content for path, file in old.items()}

    def commit(request: Request) -> None:
        if request.path.endswith("tokenizer.json") and repository.head == before:
            repository.commit(noise_model(seed=1) | {"tokenizer.json": b'{"new": 1}'})

    hub.on_request = commit
    folder = fetch()
    assert repository.head != before
    assert folder.name == before
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == old_files
    assert (cache / "models--tern--noise/refs/main").read_text() == before


def test_an_update_leaves_the_old_revision_whole_until_the_new_one_is(
    hub: HubServer, repository: Repository, fetch: Download, cache: Path
) -> None:
    old = fetch()
    repository.commit(noise_model(seed=1))
    hub.fault("break", WEIGHTS, at=500_000, times=QUICK.tries + 1)
    with pytest.raises(BrokenDownload):
        fetch()
    assert resolve("tern/noise").folder == old
    asked = hub.sent("tokenizer.json")
    hub.faults.clear()
    new = fetch()
    assert new != old
    assert resolve("tern/noise").folder == new
    assert (old / WEIGHTS).stat().st_size == WEIGHTS_SIZE
    assert hub.sent("tokenizer.json") == asked  # unchanged, so shared


def test_a_branch_and_a_commit_are_found_by_their_names(
    hub: HubServer, repository: Repository, fetch: Download, cache: Path
) -> None:
    dev = repository.change("refs/pr/1", tokenizer__json=b'{"dev": 1}')
    folder = fetch("tern/noise", "refs/pr/1")
    assert resolve("tern/noise@refs/pr/1").folder == folder
    with pytest.raises(ModelNotFound):
        resolve("tern/noise")
    fetch("tern/noise", dev)
    assert [path.name for path in (cache / "models--tern--noise/refs").iterdir()] == ["refs"]


def test_progress_counts_all_files_and_ends_at_the_total(
    hub: HubServer, repository: Repository, client: Hub, tmp_path: Path
) -> None:
    planned = plan(client.describe("tern/noise"))
    place = Place(tmp_path, "tern/noise")
    assert place.arrived(planned) == 0
    told: list[tuple[Phase, int]] = []
    download(client, planned, tmp_path, lambda phase, done: told.append((phase, done)))
    counts = [done for _phase, done in told]
    assert counts == sorted(counts)
    assert counts[-1] == planned.size
    assert place.arrived(planned) == planned.size
    asked = len(hub.log)
    download(client, planned, tmp_path)
    assert len(hub.log) == asked


def test_a_resumed_download_says_that_it_checks_what_is_there(
    hub: HubServer, repository: Repository, fetch: Download
) -> None:
    hub.fault("break", WEIGHTS, at=500_000, times=QUICK.tries + 1)
    with pytest.raises(BrokenDownload):
        fetch()
    hub.faults.clear()
    phases: list[Phase] = []
    fetch(on_progress=lambda phase, _done: phases.append(phase))
    assert Phase.CHECKING in phases


_OTHER_TERN = """
import sys
from pathlib import Path
from engine.network import Ledger, Network
from engine.store.download import download
from engine.store.hub import Hub
from engine.store.local import list_models
from engine.store.plan import plan
root = Path(sys.argv[1])
client = Hub(Network(Ledger(root / "network.jsonl")))
print(download(client, plan(client.describe("tern/noise")), root / "cache"))
"""


def test_two_programs_that_want_the_same_model_fetch_it_once(
    hub: HubServer, repository: Repository, fetch: Download, tmp_path: Path
) -> None:
    hub.fault("stall", WEIGHTS, at=500_000)

    def on_progress(phase: Phase, _done: int) -> None:
        if phase is Phase.LOCKED:
            hub.release()

    command = [sys.executable, "-c", _OTHER_TERN, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert hub.stalled.wait(30)
        folder = fetch(on_progress=on_progress)
        said, _ = other.communicate(timeout=60)
    assert Path(said.strip()) == folder
    assert hub.sent(WEIGHTS) == WEIGHTS_SIZE


def test_waiting_for_another_program_can_be_stopped(
    repository: Repository, client: Hub, tmp_path: Path
) -> None:
    from filelock import FileLock

    planned = plan(client.describe("tern/noise"))
    lock = Place(tmp_path, "tern/noise").lock(planned.files[0])
    lock.parent.mkdir(parents=True)
    stop = threading.Event()

    def on_progress(phase: Phase, _done: int) -> None:
        if phase is Phase.LOCKED:
            stop.set()

    with FileLock(lock), pytest.raises(Stopped):
        download(client, planned, tmp_path, on_progress, stop)


def test_without_links_the_files_themselves_are_placed(
    hub: HubServer,
    repository: Repository,
    fetch: Download,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_links(*_arguments: object, **_options: object) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    folder = fetch()
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert resolve("tern/noise").folder == folder
    asked = hub.sent()
    assert fetch() == folder
    assert hub.sent() - asked == hub.requests("config.json")[-1].sent  # read by describe


def test_discarding_frees_what_no_other_revision_uses(
    hub: HubServer, repository: Repository, fetch: Download, client: Hub, cache: Path
) -> None:
    old = fetch()
    repository.commit(noise_model(seed=1))
    hub.fault("break", WEIGHTS, at=500_000, times=99)
    with pytest.raises(BrokenDownload):
        fetch()
    planned = plan(client.describe("tern/noise"))
    Place(cache, "tern/noise").discard(planned)
    assert not incomplete(cache)
    assert (old / WEIGHTS).stat().st_size == WEIGHTS_SIZE
    assert (old / "tokenizer.json").read_bytes() == b"{}"
    hub.add_model("tern/second", files=noise_model(seed=2))
    with pytest.raises(BrokenDownload):
        fetch("tern/second")
    Place(cache, "tern/second").discard(plan(client.describe("tern/second")))
    assert not (cache / "models--tern--second").exists()
