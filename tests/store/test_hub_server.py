"""The Hub on loopback serves the real huggingface_hub client: the other tests stand on that."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.hub_repository import DEMO_MODEL
from tests.store.hub_server import HubServer


@pytest.fixture(autouse=True)
def online() -> Iterator[None]:
    """huggingface_hub reads HF_HUB_OFFLINE once, and tests/conftest.py sets it."""
    import requests
    from huggingface_hub import configure_http_backend

    configure_http_backend(requests.Session)
    yield
    configure_http_backend()


def test_the_real_client_downloads_a_model(hub: HubServer, tmp_path: Path) -> None:
    from huggingface_hub import snapshot_download

    repository = hub.add_model("tern/demo")
    folder = Path(
        snapshot_download("tern/demo", endpoint=hub.url, cache_dir=tmp_path, max_workers=1)
    )
    assert folder.name == repository.head
    for file in DEMO_MODEL.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    (weights,) = [r for r in hub.requests("model.safetensors") if r.status == 200]
    assert weights.host == "cdn"


def test_the_real_client_searches_and_reads_metadata(hub: HubServer) -> None:
    from huggingface_hub import HfApi

    hub.add_model("tern/demo", likes=3)
    hub.add_model("tern/other", likes=5)
    api = HfApi(hub.url)
    found = api.list_models(search="tern", filter="safetensors", sort="likes", limit=5)
    assert [model.id for model in found] == ["tern/other", "tern/demo"]
    info = api.model_info("tern/demo", files_metadata=True)
    (weights,) = [file for file in info.siblings or () if file.rfilename == "model.safetensors"]
    assert weights.lfs is not None
    tree = {entry.path: entry for entry in api.list_repo_tree("tern/demo")}
    assert weights.lfs.sha256 == tree["model.safetensors"].lfs.sha256


def test_the_real_client_meets_a_gate(hub: HubServer, tmp_path: Path) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError

    hub.add_model("tern/gated", gated="manual", granted={"hf_good"})
    place = {"endpoint": hub.url, "cache_dir": tmp_path}
    with pytest.raises(GatedRepoError):
        hf_hub_download("tern/gated", "config.json", token="hf_other", **place)
    assert hf_hub_download("tern/gated", "config.json", token="hf_good", **place)
