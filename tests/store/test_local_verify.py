"""Verifying: each damaged or missing file is named, and what could not be compared is said."""

from pathlib import Path

import pytest

from engine.models import LocalModel, local_model, resolve
from engine.store.verify import Verdict, Verification, discard, verify
from tests.store.cached import Watch, cache_model, demo_files, demo_folder, silent


@pytest.fixture
def cached(model_cache: Path) -> LocalModel:
    cache_model(model_cache, "org/chat")
    return resolve("org/chat")


def damaged(verification: Verification) -> dict[str, Verdict]:
    return {report.name: report.verdict for report in verification.damaged}


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_every_byte_of_a_sound_model_is_compared(cached: LocalModel) -> None:
    watch = Watch()
    result = verify(cached, watch)
    assert result.damaged == ()
    assert result.by_hash
    assert {file.name for file in result.files} == set(demo_files())
    assert {file.verdict for file in result.files} == {Verdict.SOUND}
    total = sum(len(content) for content in demo_files().values())
    assert [done for _, done, _ in watch.calls] == sorted(done for _, done, _ in watch.calls)
    assert watch.calls[-1][1:] == (total, total)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_one_flipped_bit_is_found(cached: LocalModel, name: str) -> None:
    flip(cached.folder / name, -1)
    result = verify(cached, silent)
    assert damaged(result) == {name: Verdict.DAMAGED}
    assert "is not the one that the Hub named" in result.damaged[0].reason


def test_a_missing_content_is_named(cached: LocalModel) -> None:
    (cached.folder / "model.safetensors").resolve().unlink()
    assert damaged(verify(cached, silent)) == {"model.safetensors": Verdict.MISSING}


def test_all_missing_shards_are_named(model_cache: Path) -> None:
    weights = {"model-00002-of-00003.safetensors": b"x"}
    cache_model(model_cache, "org/chat", demo_files(model__safetensors=None) | weights)
    assert damaged(verify(resolve("org/chat"), silent)) == {
        "model-00001-of-00003.safetensors": Verdict.MISSING,
        "model-00003-of-00003.safetensors": Verdict.MISSING,
    }


def test_of_an_imported_folder_only_the_structure_is_known(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path / "folder")
    model = local_model(str(folder), "folder", folder)
    result = verify(model, silent)
    assert result.damaged == ()
    assert not result.by_hash
    weights = folder / "model.safetensors"
    flip(weights, -1)
    assert damaged(verify(model, silent)) == {}, "nobody knows what the byte was"
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size - 1)
    assert damaged(verify(model, silent)) == {"model.safetensors": Verdict.DAMAGED}
    weights.write_bytes(b"\xff" * 100)
    assert damaged(verify(model, silent)) == {"model.safetensors": Verdict.DAMAGED}


def test_what_is_discarded_are_the_damaged_files_of_a_cache(
    cached: LocalModel, tmp_path: Path
) -> None:
    flip(cached.folder / "tokenizer.json", -1)
    (cached.folder / "model.safetensors").unlink()
    (cached.folder / "model.safetensors").write_bytes(b"no link, and damaged")
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(b"not ours")
    (cached.folder / "other.safetensors").symlink_to(outside)
    discarded = discard(verify(cached, silent))
    assert set(discarded) == {"tokenizer.json", "model.safetensors", "other.safetensors"}
    assert not any((cached.folder / name).exists() for name in discarded)
    assert outside.read_bytes() == b"not ours"
    assert (cached.folder / "config.json").is_file()


def test_nothing_of_an_imported_folder_is_discarded(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path / "folder")
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert discard(verify(local_model(str(folder), "folder", folder), silent)) == ()
    assert (folder / "model.safetensors").is_file()


def test_what_the_listener_raises_ends_it(cached: LocalModel) -> None:
    watch = Watch(fail_at=2)
    with pytest.raises(KeyboardInterrupt):
        verify(cached, watch)
    assert len(watch.calls) == 2
