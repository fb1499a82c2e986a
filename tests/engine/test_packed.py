"""The cache of quantised weights: made once, used as long as it is right, never in the way."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from engine.errors import Stopped, UnwritableFolder
from engine.hardware import read_cpu
from engine.language_model import Logits
from engine.loader import LoadedModel, LoadRequest, load
from engine.messages import Precision
from engine.models import demo_model
from engine.paths import Paths
from engine.store.packed import damage
from engine.whole_folder import whole_folder
from tests.engine.conftest import load_folder
from tests.engine.random_models import save_random_model

PROMPT = list(range(20, 40))
QUANTISED = [Precision.INT8, Precision.INT4]
both = pytest.mark.parametrize("precision", QUANTISED)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_model(tmp_path_factory.mktemp("models") / "original", "qwen2")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    target = tmp_path / "a model"
    shutil.copytree(original, target)
    return target


@dataclass
class Loading:
    """Loads and remembers the progress that was told."""

    precision: Precision
    stop_at: str = ""
    stages: list[str] = field(default_factory=list)

    def __call__(self, folder: Path, paths: Paths | None = None) -> LoadedModel:
        request = LoadRequest(
            folder, self.precision, "native", None, paths or Paths.default(), read_cpu()
        )
        return load(request, self._note)

    def _note(self, stage: str, done: int, total: int) -> None:
        assert 0 <= done < total
        self.stages.append(stage)
        if self.stop_at and stage.startswith(self.stop_at) and done == 1:
            raise Stopped

    @property
    def quantised(self) -> bool:
        return any(stage == f"Quantising to {self.precision}" for stage in self.stages)


def logits(loaded: LoadedModel) -> Logits:
    return loaded.model.extend(PROMPT)


def packed_root() -> Path:
    return Paths.default().packed


def packed_folders() -> list[Path]:
    return [path for path in packed_root().iterdir() if not path.name.startswith(".")]


@both
def test_a_model_is_quantised_once(folder: Path, precision: Precision) -> None:
    first, second = Loading(precision), Loading(precision)
    expected = logits(first(folder))
    assert first.quantised
    assert np.array_equal(logits(second(folder)), expected)
    assert not second.quantised
    assert len(packed_folders()) == 1
    assert not list(packed_root().glob(".*"))


def test_each_precision_is_kept_beside_the_other(folder: Path) -> None:
    for precision in QUANTISED:
        Loading(precision)(folder)
    for precision in QUANTISED:
        again = Loading(precision)
        assert again(folder).proof.weight_dtype == precision
        assert not again.quantised


def test_bf16_needs_no_cache(folder: Path) -> None:
    Loading(Precision.BF16)(folder)
    assert not packed_root().exists()


def test_two_models_of_one_name_are_kept_apart(original: Path, tmp_path: Path) -> None:
    other = save_random_model(tmp_path / "elsewhere" / "a model", "llama-untied")
    same = tmp_path / "a model"
    shutil.copytree(original, same)
    first = logits(Loading(Precision.INT4)(same))
    second = logits(Loading(Precision.INT4)(other))
    assert not np.allclose(first, second, atol=0.1)
    assert np.array_equal(logits(Loading(Precision.INT4)(same)), first)


# -- deleted, damaged, replaced ------------------------------------------------------------------


@both
def test_the_cache_may_be_deleted_at_any_time(folder: Path, precision: Precision) -> None:
    loaded = Loading(precision)(folder)
    shutil.rmtree(packed_root())
    # What is mapped stays readable.
    expected = logits(loaded)
    again = Loading(precision)
    assert np.array_equal(logits(again(folder)), expected)
    assert again.quantised


@both
@pytest.mark.parametrize("file", ["layer-000.safetensors", "head.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "emptied", "garbage", "missing", "a folder"])
def test_a_damaged_cache_is_made_again(
    folder: Path, precision: Precision, file: str, damage: str
) -> None:
    expected = logits(Loading(precision)(folder))
    [packed] = packed_folders()
    target = packed / file
    content = target.read_bytes()
    target.unlink()  # what is mapped by the first model keeps its bytes
    if damage == "truncated":
        target.write_bytes(content[: len(content) // 2])
    elif damage == "emptied":
        target.write_bytes(b"")
    elif damage == "garbage":
        target.write_bytes(os.urandom(len(content)))
    elif damage == "a folder":
        target.mkdir()
    again, third = Loading(precision), Loading(precision)
    mended = again(folder)
    assert np.array_equal(logits(mended), expected)
    assert again.quantised
    [remark] = mended.remarks
    assert file in remark and remark.endswith("made again.")
    third(folder)
    assert not third.quantised


@pytest.mark.parametrize("file", ["layer-001.safetensors", "head.safetensors", "manifest.json"])
@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_a_bit_that_flipped_is_found_and_mended(folder: Path, file: str, place: float) -> None:
    """What no header tells: its weights would be answered from for ever."""
    expected = logits(Loading(Precision.INT4)(folder))
    target = packed_folders()[0] / file
    content, status = bytearray(target.read_bytes()), target.stat()
    content[int(place * len(content))] ^= 0x04
    target.unlink()
    target.write_bytes(content)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))  # a disk leaves no trace
    again, third = Loading(Precision.INT4), Loading(Precision.INT4)
    mended = again(folder)
    assert np.array_equal(logits(mended), expected)
    assert again.quantised and len(mended.remarks) == 1
    assert third(folder).remarks == () and not third.quantised


def test_files_are_known_by_their_checksums_whatever_lies_beside_them(folder: Path) -> None:
    Loading(Precision.INT4)(folder)
    [packed] = packed_folders()
    (packed / "notes.txt").write_text("mine")
    assert damage(packed, folder) == ""
    again = Loading(Precision.INT4)
    assert again(folder).remarks == () and not again.quantised


@both
def test_a_cache_without_its_manifest_counts_as_none(folder: Path, precision: Precision) -> None:
    Loading(precision)(folder)
    [packed] = packed_folders()
    (packed / "manifest.json").unlink()
    again = Loading(precision)
    again(folder)
    assert again.quantised
    assert (packed / "manifest.json").is_file()


@both
def test_replaced_weights_are_not_answered_from_the_old_cache(
    folder: Path, precision: Precision
) -> None:
    before = logits(Loading(precision)(folder))
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.0.mlp.down_proj.weight"
    tensors[name] = tensors[name].flip(0).contiguous()
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    again = Loading(precision)
    after = logits(again(folder))
    assert again.quantised
    assert not np.allclose(before, after, atol=0.1)


def test_another_configuration_is_not_answered_from_the_old_cache(folder: Path) -> None:
    Loading(Precision.INT4)(folder)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rms_norm_eps": 1e-3}))
    again = Loading(Precision.INT4)
    again(folder)
    assert again.quantised


# -- unfinished ----------------------------------------------------------------------------------


@both
def test_a_cancelled_quantisation_leaves_nothing_behind(folder: Path, precision: Precision) -> None:
    with pytest.raises(Stopped):
        Loading(precision, stop_at="Quantising")(folder)
    assert list(packed_root().iterdir()) == []
    again = Loading(precision)
    again(folder)
    assert again.quantised


def partial_of(pid: int) -> Path:
    partial = packed_root() / f".{pid}-0123abcd.partial"
    partial.mkdir(parents=True)
    (partial / "layer-000.safetensors").write_bytes(b"half")
    return partial


def test_what_a_killed_process_left_is_swept_and_a_living_ones_is_not(folder: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale, alive = partial_of(dead.pid), partial_of(os.getppid())
    Loading(Precision.INT4)(folder)
    assert not stale.exists()
    assert (alive / "layer-000.safetensors").is_file()


# -- where nothing can be written ----------------------------------------------------------------


@both
def test_a_home_that_cannot_be_made_is_an_explained_failure(
    folder: Path, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERN_HOME", "/dev/null/tern")
    with pytest.raises(UnwritableFolder, match="/dev/null/tern") as caught:
        Loading(precision)(folder)
    assert "TERN_HOME" in caught.value.advice
    Loading(Precision.BF16)(folder)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_a_cache_that_takes_no_folders_is_an_explained_failure(
    folder: Path, tmp_path: Path
) -> None:
    """/proc lets root write, so it passes for writable, and then makes no folder."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "packed").symlink_to("/proc")
    paths = Paths(tmp_path, tmp_path, cache, tmp_path)
    with pytest.raises(UnwritableFolder, match="packed"):
        Loading(Precision.INT4)(folder, paths)


@pytest.fixture
def small_files(folder: Path) -> Iterator[None]:
    """No file may grow above 100 kB any more, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@both
@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_an_explained_failure_and_leaves_nothing_behind(
    folder: Path, precision: Precision
) -> None:
    with pytest.raises(UnwritableFolder, match="packed"):
        Loading(precision)(folder)
    assert list(packed_root().iterdir()) == []


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT4])
def test_packed_data_begin_at_a_cache_line(precision: Precision) -> None:
    """The kernels' vector loads want that, and what lies elsewhere is copied and not mapped."""
    load_folder(demo_model().folder, precision)
    files = list(Paths.default().packed.glob("*/*.safetensors"))
    assert files
    for file in files:
        with file.open("rb") as written:
            assert (8 + int.from_bytes(written.read(8), "little")) % 64 == 0


PUTTER = """
import sys
from pathlib import Path
from engine.whole_folder import whole_folder
root, name = Path(sys.argv[1]), sys.argv[2]
for number in range(100):
    with whole_folder(root / "packed" / "m") as partial:
        for file in ("a", "b", "c"):
            (partial / file).write_text(f"{name} {number}")
"""


KILLED = """
import os, shutil
shutil.rmtree = lambda folder, **_: os._exit(9) if "old" in folder.name else None
"""


def test_a_process_that_is_killed_while_it_puts_a_folder_there_leaves_nothing(
    tmp_path: Path,
) -> None:
    """Killed where the old folder has made room and the new one is not there yet."""
    command = [sys.executable, "-c", KILLED + PUTTER, str(tmp_path), "killed"]
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run(command, cwd=root, check=False).returncode == 9
    with whole_folder(tmp_path / "packed" / "m") as partial:
        (partial / "a").write_text("again")
    assert [path.name for path in (tmp_path / "packed").iterdir()] == ["m"]


def test_processes_that_put_the_same_folder_there_at_once_all_succeed(tmp_path: Path) -> None:
    """As two windows would that know nothing of each other; whoever reads finds a whole one."""
    command = [sys.executable, "-c", PUTTER, str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    writers = [subprocess.Popen([*command, name], cwd=root) for name in ("left", "right", "third")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    [folder] = (tmp_path / "packed").iterdir()
    contents = {file.read_text() for file in folder.iterdir()}
    assert len(contents) == 1 and len(list(folder.iterdir())) == 3
