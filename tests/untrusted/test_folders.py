"""Every hostile folder ends in words, soon, in a real engine process that lives on."""

from pathlib import Path

import pytest

from tests.untrusted.conftest import Trial
from tests.untrusted.corpus import FOLDERS, make
from tests.untrusted.folders import sound

_SOON_S = 30  # a hang, on a machine that others use too; a second is the rule
_MEMORY = 900_000_000  # bytes; torch, which some tokenizer classes bring with them, has half of it
# Classes that are transformers' own: they bring in torch, which takes seconds.
_SLOW = ("tokens unknown class", "tokens class ", "tokens in a vocabulary outside")

# What these must end in; the others in whatever says why, or in an answer.
KINDS = {
    "LinkLeavesFolder": [
        "config.json outside",
        "generation_config.json outside",
        "tokenizer.json outside",
        "tokenizer_config.json outside",
        "model.safetensors outside",
        "tokenizer.json a link to a device",
    ],
    "DamagedFile": [
        "index leads up",
        "index absolute",
        "index surrogate",
        "index a million names",
        "index shards without end",
        "weights a million tensors",
        "weights header of 99 MB",
        "tokens a million more",
        "tokens in a vocabulary outside",
        "tokenizer text grows by the normaliser",
        "tokenizer text grows by the decoder",
        "tokenizer damaged character map",
        "config hidden_size huge",
        "config num_hidden_layers beyond_64_bits",
        "config vocab_size huge",
        "config rope_theta not_a_number",
    ],
    "TokenizerFailed": ["tokenizer backtracks", "tokenizer unknown token missing"],
    "NoNumbers": ["weights not a number", "weights infinite"],
    "NotAModel": ["config.json a pipe", "tokenizer.json a folder"],
    "PickleOnly": ["weights a pickle"],
}
_KIND = {name: kind for kind, names in KINDS.items() for name in names}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "model"


def test_a_sound_folder_answers(trial: Trial, folder: Path) -> None:
    assert trial.run(sound(folder)).kind == ""


@pytest.mark.parametrize("name", [name for name in FOLDERS if not name.startswith(_SLOW)])
def test_a_hostile_folder_ends_in_words(name: str, trial: Trial, folder: Path) -> None:
    before = trial.deaths
    outcome = trial.run(make(folder, name))
    assert outcome.is_explained, outcome
    assert trial.deaths == before
    assert outcome.kind == _KIND.get(name, outcome.kind)
    assert outcome.sentence.isprintable() and "Traceback" not in outcome.sentence
    assert outcome.seconds < _SOON_S
    assert outcome.rss_bytes < _MEMORY


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in FOLDERS if name.startswith(_SLOW)])
def test_a_hostile_folder_ends_in_words_in_transformers_too(
    name: str, trial: Trial, folder: Path
) -> None:
    test_a_hostile_folder_ends_in_words(name, trial, folder)
