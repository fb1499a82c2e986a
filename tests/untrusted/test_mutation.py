"""Folders that chance has spoilt, through a real engine: none ends it, each ends in words."""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from engine.errors import TernError
from engine.model_config import parse_config
from engine.model_files import weight_names
from engine.tensor_file import TensorFile
from tests.untrusted.conftest import Trial
from tests.untrusted.folders import write_raw
from tests.untrusted.mutation import mutate

_FEW, _MANY = 150, int(os.environ.get("TERN_SOAK_FOLDERS", "3000"))
_LONGEST_S, _MEMORY = 30, 900_000_000


def _run(trial: Trial, root: Path, seeds: range) -> None:
    for seed in seeds:
        folder = mutate(root / str(seed), seed)
        outcome = trial.run(folder)
        assert outcome.is_explained, (seed, outcome)
        assert outcome.sentence.isprintable(), (seed, outcome)
        assert outcome.seconds < _LONGEST_S and outcome.rss_bytes < _MEMORY, (seed, outcome)
        shutil.rmtree(folder)
    assert trial.deaths == 0


def test_folders_spoilt_by_chance_end_in_words(trial: Trial, tmp_path: Path) -> None:
    _run(trial, tmp_path, range(_FEW))
    kinds = {outcome.kind for outcome in trial.outcomes}
    assert {"", "DamagedFile"} < kinds, "the mutations are too mild, or too hard"


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_thousands_of_folders_spoilt_by_chance(
    trial: Trial, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        _run(trial, tmp_path, range(1000, 1000 + _MANY))
    finally:
        with capsys.disabled():
            sys.stdout.write(f"\nuntrusted: {trial.summary()}\n")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
_NAMES = """
    architectures hidden_size hidden_act num_attention_heads num_key_value_heads vocab_size
    intermediate_size num_hidden_layers head_dim max_position_embeddings sliding_window
    use_sliding_window rms_norm_eps rope_theta rope_scaling quantization_config
"""
_KEYS = st.sampled_from(_NAMES.split())
_PLAIN = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def demo_config() -> dict[str, object]:
    from engine.models import demo_model

    return json.loads((demo_model().folder / "config.json").read_text())


@given(changes=st.dictionaries(_KEYS, _JSON))
@_PLAIN
def test_any_config_is_a_shape_or_an_explained_failure(
    changes: dict[str, object], demo_config: dict[str, object]
) -> None:
    def attempt() -> None:
        config = parse_config(demo_config | changes, Path("config.json"))
        assert 0 < config.parameters < 10**18

    _explained(attempt)


@given(names=st.dictionaries(st.text(), st.text() | _JSON, min_size=1))
@_PLAIN
def test_any_index_names_files_of_the_folder_or_is_refused(
    names: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "model.safetensors.index.json"
    file.write_text(json.dumps({"weight_map": names}))

    def attempt() -> None:
        for name in weight_names(tmp_path):
            assert (tmp_path / name).parent == tmp_path and name.endswith(".safetensors")

    _explained(attempt)


_ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "I8", "F8_E5M2", "F4", "F99"]) | _JSON,
        "shape": st.lists(st.integers(-1, 2**65), max_size=3) | st.just([5]),
        "data_offsets": st.lists(st.integers(-1, 2**65), min_size=1, max_size=3) | st.just([0, 20]),
    }
)


@given(header=st.dictionaries(st.text(), _ENTRY | _JSON, max_size=3), data=st.binary(max_size=40))
@_PLAIN
def test_any_header_reaches_nothing_outside_of_its_file(
    header: dict[str, object], data: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    write_raw(path, header, data)
    try:
        file = TensorFile(path)
    except (SafetensorError, OSError, ValueError):
        return
    for name, entry in file.entries.items():
        if entry.is_float:
            assert file.array(name).nbytes <= len(data)


def _explained(attempt: Callable[[], None]) -> None:
    try:
        attempt()
    except TernError as error:
        rest = [c for c in error.said if not c.isprintable() and c not in "\u200c\u200d"]
        # Of a newer Unicode than Python's, it may be, or of somebody's own.
        assert {unicodedata.category(c) for c in rest} <= {"Cn", "Co"}
