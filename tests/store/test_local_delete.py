"""Deleting: what is freed is said before, and nothing goes that something else needs."""

from pathlib import Path

import pytest
from filelock import FileLock

from engine.errors import DownloadRunning
from engine.paths import Paths
from engine.settings import Settings, SettingsFile
from engine.store.importing import import_folder
from engine.store.local import find
from engine.store.packed import NATIVE_FORMAT, write_manifest
from engine.store.removal import DeletePlan, delete, plan_delete
from tests.store.cached import COMMIT, OTHER, cache_model, demo_files, demo_folder, silent

SIZE = sum(len(content) for content in demo_files().values())


def plan(name: str) -> DeletePlan:
    paths = Paths.default()
    return plan_delete(find(name, SettingsFile.of(paths).value, paths), paths)


def run(plan: DeletePlan) -> None:
    delete(plan, SettingsFile.of(Paths.default()))


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def pack(model: Path, size: int) -> Path:
    folder = Paths.default().packed / "chat-0123456789ab-int8-tern-panel16-1"
    folder.mkdir(parents=True)
    write_manifest(folder, model, NATIVE_FORMAT)
    (folder / "head.safetensors").write_bytes(bytes(size))
    return folder


def test_the_last_revision_takes_its_repository_and_packed_weights_along(
    model_cache: Path,
) -> None:
    folder = cache_model(model_cache, "org/chat")
    (folder.parent.parent / "blobs" / "dead.incomplete").write_bytes(bytes(500))
    packed = pack(folder, 900)
    kept = cache_model(model_cache, "org/other")
    planned = plan("org/chat")
    assert planned.model_bytes == SIZE + 500 + len(COMMIT)
    assert 900 < planned.packed_bytes < 1200
    assert planned.freed_bytes == planned.model_bytes + planned.packed_bytes
    assert "other programs" in " ".join(planned.remarks)
    assert folder.exists() and packed.exists(), "planning only reads"
    run(planned)
    assert not (model_cache / "models--org--chat").exists()
    assert not packed.exists()
    assert (kept / "model.safetensors").is_file()


def test_content_that_another_revision_uses_stays(model_cache: Path) -> None:
    cache_model(model_cache, "org/chat", ref="v1")
    config = b'{"architectures": ["LlamaForCausalLM"]}'
    other = cache_model(model_cache, "org/chat", demo_files(config__json=config), OTHER)
    own = len(demo_files()["config.json"])
    planned = plan("org/chat@v1")
    assert planned.model_bytes == own
    assert planned.shared_bytes == SIZE - own
    assert any("another revision" in remark for remark in planned.remarks)
    run(planned)
    assert {path.name for path in (other.parent).iterdir()} == {OTHER}
    assert all((other / name).read_bytes() for name in demo_files())
    assert (other / "config.json").read_bytes() == config
    assert not (other.parent.parent / "refs" / "v1").exists()
    assert len(list((other.parent.parent / "blobs").iterdir())) == len(demo_files())


def test_a_link_out_of_the_cache_is_not_followed(model_cache: Path, tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("dear diary")
    folder = cache_model(model_cache, "org/chat", ref="v1")
    cache_model(model_cache, "org/chat", {"config.json": b"{}"}, OTHER)
    (folder / "notes.json").symlink_to(diary)
    (folder / "more").symlink_to(tmp_path)
    run(plan("org/chat@v1"))
    assert not folder.exists()
    assert diary.read_text() == "dear diary"


def test_a_model_of_the_own_root_is_not_called_shared(tmp_path: Path) -> None:
    own = tmp_path / "own"
    cache_model(own, "org/chat")
    SettingsFile.of(Paths.default()).change(models=str(own))
    assert plan("org/chat").remarks == ()


def test_an_imported_folder_is_only_forgotten(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path / "here")
    paths, settings = Paths.default(), SettingsFile.of(Paths.default())
    import_folder(folder, False, settings, paths, silent)
    packed, before = pack(folder, 900), below(folder)
    planned = plan(str(folder))
    assert planned.model_bytes == 0 and planned.packed_bytes > 900
    assert any("stays" in remark for remark in planned.remarks)
    run(planned)
    assert below(folder) == before
    assert not packed.exists()
    assert SettingsFile.of(paths).value.folders == ()


def test_a_copy_is_deleted(tmp_path: Path) -> None:
    paths, settings = Paths.default(), SettingsFile.of(Paths.default())
    folder = demo_folder(tmp_path / "here")
    model = import_folder(folder, True, settings, paths, silent)
    planned = plan(model.name)
    assert planned.model_bytes > 10_000_000
    run(planned)
    assert not model.folder.exists()
    assert folder.exists()
    assert SettingsFile.of(paths).value == Settings()


def test_the_demo_stays(tmp_path: Path) -> None:
    planned = plan("demo")
    assert planned.freed_bytes == 0
    assert any("ships with Tern" in remark for remark in planned.remarks)
    run(planned)
    assert plan("demo").model.can_run


def test_what_has_only_begun_is_deleted(model_cache: Path) -> None:
    blobs = model_cache / "models--org--begun" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "aa.incomplete").write_bytes(bytes(700))
    planned = plan("org/begun")
    assert planned.freed_bytes == 700
    run(planned)
    assert not blobs.parent.exists()


def test_nothing_is_deleted_under_a_running_download(model_cache: Path) -> None:
    folder = cache_model(model_cache, "org/chat")
    lock = model_cache / ".locks" / "models--org--chat" / "aa.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(DownloadRunning):
        run(plan("org/chat"))
    assert folder.exists()
    run(plan("org/chat"))
    assert not folder.exists()
