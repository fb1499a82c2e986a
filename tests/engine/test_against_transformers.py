"""Tern's decoder against transformers' own modelling code, on the same weights."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.generate import End, generate
from engine.messages import ChatMessage, KernelChoice, Precision, SamplingSettings
from engine.models import demo_model
from tests.engine.conftest import distance, load_folder
from tests.engine.random_models import FAMILIES, save_random_model

PROMPT = list(range(20, 60))
NEW_TOKENS = 24


def greedy_by_transformers(folder: Path, prompt: list[int]) -> list[int]:
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.bfloat16)
    ids = model.generate(
        torch.tensor([prompt]),
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        eos_token_id=None,
        pad_token_id=0,
    )
    return ids[0, len(prompt) :].tolist()


def greedy_by_tern(folder: Path, prompt: list[int]) -> list[int]:
    model = load_folder(folder, kernel="torch").model
    ids, logits = [], model.extend(prompt)
    for _ in range(NEW_TOKENS):
        ids.append(int(logits.argmax()))
        logits = model.extend(ids[-1:])
    return ids


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_bf16_gives_the_same_tokens(family: str, tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / family, family)
    assert greedy_by_tern(folder, PROMPT) == greedy_by_transformers(folder, PROMPT)


def test_greedy_bf16_gives_the_same_tokens_on_the_demo_model() -> None:
    folder = demo_model().folder
    loaded = load_folder(folder)
    prompt = loaded.tokenizer.encode_chat([ChatMessage("user", "Tell me a story about a fox.")])
    assert greedy_by_tern(folder, prompt) == greedy_by_transformers(folder, prompt)


def logits_by_transformers(folder: Path, prompt: list[int]) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    logits: torch.Tensor = model(torch.tensor([prompt])).logits[0, -1]
    return logits


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("kernel", ["native", "torch"])
def test_logits_stay_near_those_of_float32(
    family: str, precision: Precision, kernel: KernelChoice, tmp_path: Path
) -> None:
    folder = save_random_model(tmp_path / family, family, initializer_range=0.05)
    exact = logits_by_transformers(folder, PROMPT)
    ours = load_folder(folder, precision, kernel).model.extend(PROMPT)
    # A layer that is scaled, ordered or biased wrongly errs by about 1.
    assert distance(ours, exact) < {"bf16": 0.02, "int8": 0.1, "int4": 0.3}[precision]


def test_generate_streams_what_transformers_writes() -> None:
    folder = demo_model().folder
    loaded = load_folder(folder, kernel="torch")
    prompt = loaded.tokenizer.encode_chat([ChatMessage("user", "What is 3 plus 4?")])
    settings = SamplingSettings(temperature=0, max_new_tokens=NEW_TOKENS)
    *_, end = generate(loaded.model, loaded.tokenizer, prompt, settings, lambda: False)
    expected = greedy_by_transformers(folder, prompt)
    stop = next((i for i, t in enumerate(expected) if t in loaded.tokenizer.end_ids), None)
    assert isinstance(end, End)
    assert end.text == loaded.tokenizer.decode(expected[:stop])
