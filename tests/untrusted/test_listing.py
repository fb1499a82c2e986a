"""A hostile folder in the model cache neither slows nor breaks the list of models."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.paths import Paths
from engine.settings import Settings
from engine.store.local import list_models
from tests.store.cached import COMMIT, cache_model
from tests.untrusted.corpus import FOLDERS, make


def listed() -> dict[str, object]:
    return {m.name: m for m in list_models(Settings(), Paths.default())}


def _pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _huge(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.touch()
    os.truncate(path, 2**36)


def _deep(folder: Path) -> None:
    """Folders in folders, more than a path has room for."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(2500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


# Each gets the folder of a revision and that of its repository.
SPOILT: dict[str, Callable[[Path, Path], object]] = {
    "config is a pipe": lambda s, _: _pipe(s / "config.json"),
    "config is huge": lambda s, _: _huge(s / "config.json"),
    "config is an endless device": lambda s, _: (
        (s / "config.json").unlink(),
        (s / "config.json").symlink_to("/dev/zero"),
    ),
    "config is deep": lambda s, _: (
        (s / "config.json").unlink(),
        (s / "config.json").write_text("[" * 10**6),
    ),
    "ref is a pipe": lambda _, r: _pipe(r / "refs" / "main"),
    "ref is huge": lambda _, r: _huge(r / "refs" / "main"),
    "ref is an endless device": lambda _, r: (r / "refs" / "x").symlink_to("/dev/zero"),
    "a pipe as weights": lambda s, _: _pipe(s / "model.safetensors"),
    "a loop of links": lambda s, _: (s / "loop").symlink_to(s),
    "shards without end": lambda s, _: [
        (s / f"{n}-00001-of-99999.safetensors").touch() for n in range(300)
    ],
    "names that are no text": lambda s, _: Path(
        os.fsdecode(bytes(s) + b"/\xff.safetensors")
    ).touch(),
}


def _spoilt(cache: Path, name: str) -> None:
    snapshot = cache_model(cache, "org/bad")
    SPOILT[name](snapshot, snapshot.parent.parent)


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.timeout(60)  # a pipe is waited for, and a device read, for ever
def test_a_hostile_revision_hides_no_other(name: str, model_cache: Path) -> None:
    _spoilt(model_cache, name)
    cache_model(model_cache, "org/good")
    models = listed()
    assert models["org/good"].can_run
    json.dumps({m.name: m.problem for m in models.values()}).encode("ascii")
    for model in models.values():
        assert model.problem.isprintable()


@pytest.mark.timeout(60)
def test_folders_deeper_than_a_path_hide_no_other(model_cache: Path) -> None:
    snapshot = cache_model(model_cache, "org/bad")
    cache_model(model_cache, "org/good")
    _deep(snapshot)
    try:
        assert listed()["org/good"].can_run
    finally:
        subprocess.run(["rm", "-rf", snapshot / "d"], check=True)  # Python goes no deeper


def test_a_repository_whose_name_is_no_text_is_left_out(model_cache: Path) -> None:
    cache_model(model_cache, "org/good")
    for name in (b"models--org--\xff", b"models--org--a\nb", b"models--", b"models--\x1b[31m"):
        folder = Path(os.fsdecode(bytes(model_cache) + b"/" + name)) / "snapshots" / COMMIT
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    for name in listed():
        assert name.isprintable() and name


def test_no_folder_of_the_corpus_breaks_the_list(tmp_path: Path) -> None:
    folders = []
    for number, name in enumerate(FOLDERS):
        if "million" not in name and " MB" not in name:
            folders.append(make(tmp_path / str(number), name))
    models = list_models(Settings(folders=tuple(map(str, folders))), Paths.default())
    assert len(models) > len(folders) / 2
    assert all(model.problem.isprintable() for model in models)
