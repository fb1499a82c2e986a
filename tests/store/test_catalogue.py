"""The catalogue's data agree with themselves, and the recommendation suits the machine."""

import pytest

from engine.errors import UnsupportedArchitecture
from engine.fit import Question, predict
from engine.messages import Kernel, Precision
from engine.store.catalogue import CatalogueEntry, load_catalogue, recommend
from engine.store.reference import parse_reference

ENTRIES = load_catalogue()
RUNNING = [entry for entry in ENTRIES if entry.supported]
GB = 10**9


def needed(entry: CatalogueEntry, precision: Precision, context: int) -> int:
    return predict(Question(entry.shape, precision, Kernel.NATIVE, context)).peak


def test_the_catalogue_reaches_from_135_million_to_8_billion() -> None:
    assert 0.13e9 < ENTRIES[0].parameters < 0.14e9
    assert 8e9 < ENTRIES[-1].parameters < 9e9
    assert len({entry.repo for entry in ENTRIES}) == len(ENTRIES) >= 19


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.repo)
def test_an_entry_agrees_with_itself(entry: CatalogueEntry) -> None:
    assert parse_reference(entry.repo).repo == entry.repo
    assert entry.title and entry.licence and entry.languages
    assert entry.gated == entry.repo.startswith(("meta-llama/", "mistralai/"))
    assert entry.context >= 2048
    # Two bytes a parameter; Qwen3's small ones hold their tied head a second time.
    tied_twice = entry.config.get("tie_word_embeddings") and entry.repo.startswith("Qwen/Qwen3")
    table = entry.config["vocab_size"] * entry.config.get("hidden_size", 0)
    most = entry.parameters + (table if tied_twice else 0)
    assert 2 * entry.parameters <= entry.download_bytes < 2.001 * most


@pytest.mark.parametrize("entry", RUNNING, ids=lambda entry: entry.repo)
def test_the_sizes_of_an_entry_add_up_to_its_parameters(entry: CatalogueEntry) -> None:
    """Layers, widths and vocabulary are the published ones: the norms and biases are the rest."""
    assert entry.shape.parameters == pytest.approx(entry.parameters, rel=5e-4)


def test_what_tern_cannot_run_says_what_it_needs() -> None:
    others = [entry for entry in ENTRIES if not entry.supported]
    assert {entry.needs for entry in others} == {"ipex"}
    assert {entry.needs for entry in RUNNING} == {""}
    for entry in others:
        with pytest.raises(UnsupportedArchitecture):
            _ = entry.shape


@pytest.mark.parametrize(
    ("memory", "cores", "least", "most"),
    [
        (2 * GB, 2, 0.1e9, 0.7e9),
        (8 * GB, 2, 1e9, 2e9),
        (8 * GB, 4, 3e9, 5e9),
        (32 * GB, 8, 7e9, 9e9),
    ],
)
def test_the_first_suggestion_suits_the_machine(
    memory: int, cores: int, least: float, most: float
) -> None:
    first, *rest = recommend(ENTRIES, memory, cores, needed)
    assert least < first.entry.parameters < most
    assert first.fits and first.fluent
    assert first.needed < memory
    assert not first.entry.gated or all(s.entry.gated for s in rest if s.fits and s.fluent)


def test_suggestions_are_in_the_order_of_use() -> None:
    found = recommend(ENTRIES, 6 * GB, 4, needed)
    kinds = [(s.fits and s.fluent, s.fits, s.entry.supported) for s in found]
    assert kinds == sorted(kinds, reverse=True)
    assert len(found) == len(ENTRIES)
    by_repo = {s.entry.repo: s for s in found}
    assert by_repo["HuggingFaceTB/SmolLM2-135M-Instruct"].precision is Precision.BF16
    assert by_repo["Qwen/Qwen3-1.7B"].precision is Precision.INT8
    assert not by_repo["microsoft/Phi-4-mini-instruct"].fits


def test_a_machine_that_is_too_small_gets_the_smallest_first() -> None:
    found = recommend(ENTRIES, GB // 10, 1, needed)
    assert found[0].entry is ENTRIES[0]
    assert not any(s.fits for s in found)
