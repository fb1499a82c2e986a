"""What is on this computer: found without a network, measured, and judged from its config."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from engine.errors import ModelNotFound
from engine.kernels.base import core_layout
from engine.messages import Precision
from engine.models import demo_model, resolve
from engine.paths import Paths
from engine.settings import Settings, SettingsFile
from engine.store.hub_cache import identity
from engine.store.local import Origin, StoredModel, find, list_models, reclaimable
from engine.store.packed import NATIVE_FORMAT, packed_folders, sweep, write_manifest
from engine.store.verify import verify
from tests.store.cached import COMMIT, OTHER, cache_model, demo_files, demo_folder, silent

LLAMA = json.loads((demo_model().folder / "config.json").read_text())


def listed(settings: Settings | None = None) -> dict[str, StoredModel]:
    return {m.name: m for m in list_models(settings or Settings(), Paths.default())}


def config(**values: object) -> bytes:
    return json.dumps(LLAMA | values).encode()


def pack(model: Path, layout: str, number: int = NATIVE_FORMAT, size: int = 1000) -> Path:
    """A folder of packed weights as `engine.packing` would leave it."""
    hashed = sha256(f"{model}{number}".encode()).hexdigest()[:12]
    folder = Paths.default().packed / f"{model.name}-{hashed}-{layout}"
    folder.mkdir(parents=True)
    write_manifest(folder, model, number)
    (folder / "layer-000.safetensors").write_bytes(bytes(size))
    return folder


def native(precision: Precision) -> str:
    core = pytest.importorskip("engine.kernels.native._core")
    return core_layout(precision, core.layout_name())


def test_the_demo_and_what_is_in_the_shared_cache_are_listed(model_cache: Path) -> None:
    folder = cache_model(model_cache, "org/chat")
    models = listed()
    assert list(models) == ["demo", "org/chat"]
    chat = models["org/chat"]
    assert (chat.title, chat.revision, chat.folder) == ("chat", COMMIT, folder)
    assert chat.origin is Origin.SHARED
    assert chat.size == (demo_model().folder / "model.safetensors").stat().st_size
    assert chat.disk == sum(len(content) for content in demo_files().values())
    assert chat.can_run and chat.is_complete
    assert chat.config is not None and chat.config.parameters > 1_000_000
    assert resolve("org/chat").folder == folder


def test_the_stores_own_root_comes_before_the_shared_cache(
    model_cache: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    cache_model(model_cache, "org/both")
    folder = cache_model(own, "org/both", commit=OTHER)
    cache_model(own, "org/mine")
    cache_model(model_cache, "org/theirs")
    SettingsFile.of(Paths.default()).change(models=str(own))
    models = listed(Settings(models=str(own)))
    assert set(models) == {"demo", "org/both", "org/mine", "org/theirs"}
    assert models["org/both"].folder == folder == resolve("org/both").folder
    assert models["org/mine"].origin is Origin.STORE
    assert models["org/theirs"].origin is Origin.SHARED


def test_each_revision_has_a_name_of_its_own(model_cache: Path) -> None:
    old = cache_model(model_cache, "org/chat", ref="v1")
    new = cache_model(model_cache, "org/chat", commit=OTHER)
    loose = cache_model(model_cache, "org/chat", commit="3" * 40, ref="")
    folders = {name: model.folder for name, model in listed().items() if name != "demo"}
    assert folders == {"org/chat": new, "org/chat@v1": old, f"org/chat@{'3' * 40}": loose}
    assert all(resolve(name).folder == folder for name, folder in folders.items())


@pytest.mark.parametrize(
    "name", ["org/chat@v2", "org/other", "../no such", "org/../../x", "@", "a@b"]
)
def test_what_is_not_there_is_said(model_cache: Path, name: str) -> None:
    cache_model(model_cache, "org/chat")
    with pytest.raises(ModelNotFound, match="tern models download"):
        resolve(name)


@pytest.mark.parametrize(
    ("files", "complete", "words"),
    [
        ({"config.json": config(architectures=["MptForCausalLM"])}, True, "MptForCausalLM"),
        ({"config.json": config(architectures=["GPT2LMHeadModel"])}, True, "GPT2LMHeadModel"),
        ({"config.json": config(hidden_act="gelu")}, True, "gelu"),
        ({"config.json": config(hidden_size=0)}, True, "hidden_size"),
        ({"config.json": config(), "pytorch_model.bin": b"x"}, True, "pickle"),
        (
            {"config.json": config(), "model-00002-of-00003.safetensors": b"x"},
            False,
            "model-00001-of-00003.safetensors",
        ),
        (
            {
                "config.json": config(),
                "model-a.safetensors": b"x",
                "model.safetensors.index.json": b'{"weight_map": {"a": "model-a.safetensors", '
                b'"b": "model-b.safetensors"}}',
            },
            False,
            "model-b.safetensors",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_run_says_why(
    model_cache: Path, files: dict[str, bytes], complete: bool, words: str
) -> None:
    cache_model(model_cache, "org/odd", files)
    model = listed()["org/odd"]
    assert not model.can_run
    assert words in model.problem
    assert model.is_complete is complete


def test_a_download_that_has_only_begun_is_marked(model_cache: Path) -> None:
    blobs = model_cache / "models--org--begun" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{'a' * 64}.incomplete").write_bytes(bytes(700))
    model = listed()["org/begun"]
    assert not model.is_complete and not model.can_run
    assert "not finished" in model.problem
    assert model.disk == 700


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_link_to_nothing_is_a_half_downloaded_model(model_cache: Path, name: str) -> None:
    folder = cache_model(model_cache, "org/half")
    (folder / name).resolve().unlink()
    half = listed()["org/half"]
    assert not half.can_run
    assert not half.is_complete


@pytest.mark.skipif(not Path("/proc/1").is_dir(), reason="needs Linux's /proc")
@pytest.mark.parametrize("name", ["more.json", "more.safetensors"])
def test_what_may_not_be_looked_at_hides_no_other(model_cache: Path, name: str) -> None:
    folder = cache_model(model_cache, "org/odd")
    (folder / name).symlink_to("/proc/1/cwd/x")
    cache_model(model_cache, "org/chat")
    models = listed()
    assert models["org/chat"].can_run
    assert not models["org/odd"].is_complete
    assert [file.name for file in verify(models["org/odd"], silent).damaged] == [name]


def test_what_is_no_chat_model_is_left_out(model_cache: Path) -> None:
    cache_model(model_cache, "org/t5", {"config.json": config(architectures=["T5Model"])})
    cache_model(model_cache, "org/text", {"readme.md": b"x"})
    cache_model(model_cache, "org/broken", {"config.json": b"{"})
    (model_cache / "datasets--org--x").mkdir()
    (model_cache / "a file").write_text("")
    assert list(listed()) == ["demo"]


def test_imported_folders_are_listed_and_a_missing_one_is_no_trouble(tmp_path: Path) -> None:
    here = demo_folder(tmp_path / "here")
    models = listed(Settings(folders=(str(here), str(tmp_path / "gone"))))
    assert list(models) == ["demo", str(here)]
    assert models[str(here)].origin is Origin.FOLDER
    assert models[str(here)].revision == ""
    assert find(str(here), Settings(), Paths.default()).folder == here


def test_the_size_of_packed_weights_is_told_per_precision(model_cache: Path) -> None:
    folder = cache_model(model_cache, "org/chat")
    pack(folder, native(Precision.INT8), size=5000)
    pack(folder, "ipex-int8", 2, size=3000)
    pack(folder, native(Precision.INT4), size=1000)
    packed = listed()["org/chat"].packed
    assert set(packed) == {Precision.INT8, Precision.INT4}
    assert 8000 < packed[Precision.INT8] < 9000
    assert 1000 < packed[Precision.INT4] < 2000
    assert listed()["demo"].packed == {}


def test_a_moved_cache_is_the_same_model(tmp_path: Path) -> None:
    here = cache_model(tmp_path / "a", "org/chat")
    there = cache_model(tmp_path / "b", "org/chat")
    assert identity(here) == identity(there)
    assert identity(here) != identity(cache_model(tmp_path / "b", "org/chat", commit=OTHER))
    folder = demo_folder(tmp_path / "plain")
    assert identity(folder) != identity(demo_folder(tmp_path / "other" / "plain"))


def test_what_no_model_can_use_is_reclaimable(model_cache: Path, tmp_path: Path) -> None:
    folder = cache_model(model_cache, "org/chat")
    plain = demo_folder(tmp_path / "plain")
    kept = [pack(folder, native(Precision.INT8)), pack(plain, native(Precision.INT4))]
    kept.append(pack(folder, "torch-int4-g32-avx512-2"))
    useless = [
        pack(folder, "int4-tern-panel16-0"),
        pack(folder, native(Precision.INT8).removesuffix("-rough-head")),
        pack(folder, native(Precision.INT4), NATIVE_FORMAT - 1),
        pack(folder, "torch-int8-0"),
        pack(folder, "ipex-int4", 1),
        pack(cache_model(tmp_path / "elsewhere", "org/gone"), native(Precision.INT8)),
        pack(tmp_path / "deleted", native(Precision.INT8)),
    ]
    unknown = Paths.default().packed / "something"
    unknown.mkdir()
    partial = Paths.default().packed / f".{os.getpid()}-1234.partial"
    partial.mkdir()
    found = reclaimable(Settings(), Paths.default())
    assert {packed.folder for packed in found} == {*useless, unknown}
    assert sweep(found) == sum(packed.size for packed in found) > 5000
    assert {packed.folder for packed in packed_folders(Paths.default().packed)} == set(kept)
    assert partial.is_dir()


def test_the_packed_weights_of_a_disk_that_is_away_are_kept(tmp_path: Path) -> None:
    away = tmp_path / "usb" / "model"
    pack(away, native(Precision.INT8))
    assert reclaimable(Settings(folders=(str(away),)), Paths.default()) == []
