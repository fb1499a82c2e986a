"""Importing a folder: checked first, then used where it lies or copied, and nothing in between."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import (
    AlreadyThere,
    DamagedFile,
    LinkLeavesFolder,
    NotAModel,
    NotEnoughDisk,
    PickleOnly,
    TernError,
    UnsupportedArchitecture,
)
from engine.paths import Paths
from engine.settings import SettingsFile
from engine.store.importing import import_folder
from engine.store.local import Origin, StoredModel, list_models
from engine.store.verify import verify
from tests.store.cached import Watch, cache_model, change_config, demo_folder, silent


@pytest.fixture
def settings() -> SettingsFile:
    return SettingsFile.of(Paths.default())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return demo_folder(tmp_path / "elsewhere" / "a model")


def bring(path: Path, copy: bool = False, listener: Watch | None = None) -> StoredModel:
    paths = Paths.default()
    return import_folder(path, copy, SettingsFile.of(paths), paths, listener or silent)


def names(settings: SettingsFile) -> list[str]:
    settings = SettingsFile.of(Paths.default())
    return [model.name for model in list_models(settings.value, Paths.default())]


def test_in_place_the_folder_is_only_remembered(folder: Path, settings: SettingsFile) -> None:
    before = sorted(path.name for path in folder.iterdir())
    model = bring(folder)
    bring(folder)
    assert model.origin is Origin.FOLDER
    assert names(settings) == ["demo", str(folder)]
    assert sorted(path.name for path in folder.iterdir()) == before
    assert not Paths.default().imported.exists()


@pytest.mark.parametrize("root", ["", "a root"])
def test_a_copy_is_tern_s_own(
    folder: Path, settings: SettingsFile, root: str, tmp_path: Path
) -> None:
    settings.change(models=str(tmp_path / root) if root else "")
    (folder / "modeling_odd.py").write_text("print()")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "original").mkdir()
    watch = Watch()
    model = bring(folder, copy=True, listener=watch)
    shutil.rmtree(folder)
    assert model.origin is Origin.COPY
    home = tmp_path / root / "imported" if root else Paths.default().imported
    assert model.folder == home / "a model"
    kept = {path.name for path in model.folder.iterdir()}
    assert kept >= {"config.json", "tokenizer.json", "model.safetensors"}
    assert not kept & {"modeling_odd.py", "pytorch_model.bin", "original"}
    assert [path.name for path in home.iterdir()] == ["a model"]
    assert verify(model, silent).damaged == ()
    assert watch.calls[-1][1] == watch.calls[-1][2] > 10_000_000
    assert names(settings) == ["demo", str(model.folder)]


def test_a_revision_of_a_cache_is_listed_once(model_cache: Path, settings: SettingsFile) -> None:
    model = bring(cache_model(model_cache, "org/chat"))
    assert model.name == "org/chat"
    assert names(settings) == ["demo", "org/chat"]


def spoil(name: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        weights = folder / "model.safetensors"
        match name:
            case "no config":
                (folder / "config.json").unlink()
            case "no tokenizer":
                (folder / "tokenizer.json").unlink()
            case "no weights":
                weights.unlink()
            case "pickles":
                weights.rename(folder / "pytorch_model.bin")
            case "truncated":
                weights.write_bytes(weights.read_bytes()[:-1])
            case "architecture":
                change_config(folder, architectures=["MptForCausalLM"])
            case "a link out":
                (folder / "notes.json").symlink_to("/etc/passwd")
            case "a linked folder":
                (folder / "more").symlink_to("/etc")

    return act


@pytest.mark.parametrize("copy", [False, True], ids=["in place", "copy"])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("no config", NotAModel),
        ("no tokenizer", NotAModel),
        ("no weights", NotAModel),
        ("pickles", PickleOnly),
        ("truncated", DamagedFile),
        ("architecture", UnsupportedArchitecture),
        ("a link out", LinkLeavesFolder),
        ("a linked folder", LinkLeavesFolder),
    ],
)
def test_what_cannot_be_used_is_refused(
    folder: Path, settings: SettingsFile, fault: str, kind: type[TernError], copy: bool
) -> None:
    spoil(fault)(folder)
    with pytest.raises(kind):
        bring(folder, copy)
    assert names(settings) == ["demo"]
    assert not Paths.default().imported.exists()


@pytest.mark.parametrize("name", ["gone", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAModel):
        bring(tmp_path / name)


def test_a_link_within_the_folder_is_fine(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "weights.dat")
    (folder / "model.safetensors").symlink_to("weights.dat")
    copy = bring(folder, copy=True).folder / "model.safetensors"
    assert not copy.is_symlink() and copy.is_file()


def test_a_copy_never_replaces_another(folder: Path) -> None:
    bring(folder, copy=True)
    with pytest.raises(AlreadyThere, match="a model"):
        bring(folder, copy=True)


def test_the_room_is_checked_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, free=10_000_000)
    )
    with pytest.raises(NotEnoughDisk, match=r"needs 0\.01 GB .* 0\.01 GB is free"):
        bring(folder, copy=True)
    assert not Paths.default().imported.exists()


@pytest.mark.parametrize("fault", ["stopped", "disk"])
def test_a_copy_that_breaks_off_leaves_nothing(
    folder: Path, settings: SettingsFile, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "disk":
        monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises((KeyboardInterrupt, TernError)):
        bring(folder, copy=True, listener=Watch(fail_at=2))
    assert list(Paths.default().imported.iterdir()) == []
    assert names(settings) == ["demo"]
