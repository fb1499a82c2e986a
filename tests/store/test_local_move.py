"""Moving the store: the models are in one place or in the other, whatever happens."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import DamagedFile, NotEnoughDisk, TernError, UnsuitableRoot
from engine.models import resolve
from engine.paths import Paths
from engine.settings import Settings, SettingsFile
from engine.store import files, moving
from engine.store.importing import import_folder
from engine.store.local import Origin, list_models
from engine.store.moving import MovePlan, move, plan_move
from engine.store.verify import verify
from tests.integration.conftest import ROOT
from tests.store.cached import OTHER, Watch, cache_model, demo_files, demo_folder, silent


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A root with two models, one in two revisions, and a half-downloaded one."""
    root = tmp_path / "old root"
    cache_model(root, "org/one", ref="v1")
    cache_model(root, "org/one", demo_files(README__md=b"new"), OTHER)
    cache_model(root, "org/two")
    (root / "models--org--half" / "blobs").mkdir(parents=True)
    (root / "models--org--half" / "blobs" / "aa.incomplete").write_bytes(bytes(100))
    SettingsFile.of(Paths.default()).change(models=str(root))
    return root


@pytest.fixture(params=["same disk", "another disk"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "another disk":
        refuse_hard_links(monkeypatch)
    return str(request.param)


def refuse_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)


def planned(target: Path) -> MovePlan:
    paths = Paths.default()
    return plan_move(target, SettingsFile.of(paths).value, paths)


def run(target: Path, watch: Watch | None = None) -> None:
    move(planned(target), SettingsFile.of(Paths.default()), watch or silent)


def tree(root: Path) -> dict[str, bytes | str]:
    """Each file below `root` with its content, each link with where it leads."""
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def models() -> list[str]:
    paths = Paths.default()
    return [model.name for model in list_models(SettingsFile.of(paths).value, paths)]


@pytest.mark.usefixtures("disk")
def test_all_of_it_is_in_the_new_place_and_nothing_in_the_old(old: Path, tmp_path: Path) -> None:
    before, names, target = tree(old), models(), tmp_path / "new" / "root"
    times = (resolve("org/one").folder / "model.safetensors").stat().st_mtime_ns
    watch = Watch()
    run(target, watch)
    assert tree(target) == before
    assert tree(old) == {}
    assert SettingsFile.of(Paths.default()).value.models == str(target)
    assert models() == names
    model = resolve("org/one")
    assert model.folder.is_relative_to(target)
    assert verify(model, silent).damaged == ()
    # Packed weights belong to the files by their times too.
    assert (model.folder / "model.safetensors").stat().st_mtime_ns == times
    assert watch.calls[-1][1] == watch.calls[-1][2] == planned(tmp_path / "third").size


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("fail_at", [1, 2, 9, -2])
def test_what_breaks_off_leaves_all_as_it_was(old: Path, tmp_path: Path, fail_at: int) -> None:
    if fail_at < 0:
        count = Watch()
        run(tmp_path / "once", count)
        run(old)
        fail_at += len(count.calls)
    before, target = tree(old), tmp_path / "new" / "root"
    with pytest.raises(KeyboardInterrupt):
        run(target, Watch(fail_at))
    assert tree(old) == before
    assert not target.parent.exists()
    assert SettingsFile.of(Paths.default()).value.models == str(old)


def test_a_copy_that_reads_back_differently_is_refused(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_hard_links(monkeypatch)
    real = files.content_hash

    def lying(path: Path, *rest: object) -> str:
        return "0" * 64 if path.is_relative_to(tmp_path / "new") else real(path, *rest)

    monkeypatch.setattr(files, "content_hash", lying)
    before = tree(old)
    with pytest.raises(DamagedFile, match="other bytes"):
        run(tmp_path / "new")
    assert tree(old) == before
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_all_as_it_was(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_hard_links(monkeypatch)
    monkeypatch.setattr(moving, "_same_disk", lambda *_: False)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, free=10_000_000)
    )
    with pytest.raises(NotEnoughDisk, match=r"needs 0\.0. GB"):
        planned(tmp_path / "new")
    monkeypatch.undo()
    refuse_hard_links(monkeypatch)
    monkeypatch.setenv("TERN_HOME", str(tmp_path / "tern-home"))
    before, plan = tree(old), planned(tmp_path / "new")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(TernError, match="No space"):
        move(plan, SettingsFile.of(Paths.default()), silent)
    assert tree(old) == before
    assert not (tmp_path / "new").exists()


KILLED = """
import os, sys
from pathlib import Path
from engine.paths import Paths
from engine.settings import SettingsFile
from engine.store.moving import move, plan_move

def refuse(*_):
    raise OSError(18, "cross-device")

Path.hardlink_to = refuse
calls = 0

def watch(name, done, total):
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        os.kill(os.getpid(), 9)

settings = SettingsFile.of(Paths.default())
move(plan_move(Path(sys.argv[1]), settings.value, Paths.default()), settings, watch)
"""


@pytest.mark.parametrize("at", ["3", "12"])
def test_after_a_kill_the_same_move_goes_on(old: Path, tmp_path: Path, at: str) -> None:
    before, target = tree(old), tmp_path / "new"
    child = subprocess.run([sys.executable, "-c", KILLED, str(target), at], cwd=ROOT, check=False)
    assert child.returncode == -9
    assert tree(old) == before
    assert resolve("org/one").folder.is_relative_to(old)
    begun = tree(target)
    assert begun
    run(target)
    assert tree(target) == before
    assert tree(old) == {}


def test_a_disk_without_links_gets_the_files_themselves(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_hard_links(monkeypatch)

    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    target = tmp_path / "new"
    run(target)
    folder = resolve("org/two").folder
    assert not (folder / "model.safetensors").is_symlink()
    assert (folder / "model.safetensors").read_bytes() == demo_files()["model.safetensors"]
    assert list((target / "models--org--two").glob("blobs/*")) == []
    assert (target / "models--org--half" / "blobs" / "aa.incomplete").is_file()
    assert resolve("org/one@v1").folder.is_relative_to(target)


def test_of_the_shared_cache_only_chat_models_move(model_cache: Path, tmp_path: Path) -> None:
    cache_model(model_cache, "org/chat")
    other = cache_model(model_cache, "org/whisper", {"config.json": b"{}"})
    plan = planned(tmp_path / "new")
    assert "other programs" in " ".join(plan.remarks)
    run(tmp_path / "new")
    assert other.is_dir()
    assert resolve("org/chat").folder.is_relative_to(tmp_path / "new")
    run(model_cache)
    assert SettingsFile.of(Paths.default()).value == Settings()
    assert resolve("org/chat").folder.is_relative_to(model_cache)


def test_copies_of_imported_folders_move_along(tmp_path: Path) -> None:
    paths, settings = Paths.default(), SettingsFile.of(Paths.default())
    here, there = demo_folder(tmp_path / "here"), demo_folder(tmp_path / "there")
    import_folder(here, False, settings, paths, silent)
    import_folder(there, True, settings, paths, silent)
    run(tmp_path / "new")
    copy = tmp_path / "new" / "imported" / "there"
    assert SettingsFile.of(paths).value.folders == (str(here), str(copy))
    found = {m.name: m.origin for m in list_models(SettingsFile.of(paths).value, paths)}
    assert found == {"demo": Origin.SHIPPED, str(here): Origin.FOLDER, str(copy): Origin.COPY}
    assert not (paths.imported / "there").exists()


def test_an_empty_store_moves_too(tmp_path: Path) -> None:
    run(tmp_path / "new")
    assert SettingsFile.of(Paths.default()).value.models == str(tmp_path / "new")


def test_where_it_cannot_go_is_said(old: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target, reason in (
        (old, "there already"),
        (tmp_path / "file", "a file"),
        (old / "models--org--one" / "x", "within one of them"),
    ):
        with pytest.raises(UnsuitableRoot, match=reason):
            planned(target)


def test_another_model_in_the_way_is_left_alone(old: Path, tmp_path: Path) -> None:
    other = cache_model(tmp_path / "new", "org/two", {"config.json": b"{}"}, OTHER)
    before = tree(old), tree(tmp_path / "new")
    with pytest.raises(UnsuitableRoot, match="refs/main is there already"):
        run(tmp_path / "new")
    assert (tree(old), tree(tmp_path / "new")) == before
    assert other.is_dir()
