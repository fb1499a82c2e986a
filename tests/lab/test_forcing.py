"""Teacher forcing against transformers, which reads the same tokens by itself.

What is independent: transformers computes all logits of a float32 reference, and those of each
precision from the weights that the packed files stand for, as float32 matrices. What it does not
redo is the rounding of activations to int8, which the native int8 and int4 kernels do; so the
quantised models are also held to their own logits, fetched token by token past all of the lab.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForCausalLM

from engine.checkpoint import Checkpoint
from engine.errors import (
    BadSetting,
    DamagedFile,
    EmptyPrompt,
    NotEnoughDisk,
    PromptTooLong,
    UnwritableFolder,
)
from engine.forcing import Lesson, force
from engine.kept_logits import kept_file
from engine.kernels.base import core_built
from engine.loader import LoadedModel
from engine.messages import Failed, Force, Forced, ForcedToken, Loaded, Precision
from engine.paths import Paths
from engine.source import Source
from engine.store.packed import packed_folders
from tests.engine.conftest import load_folder
from tests.engine.random_models import save_random_model
from tests.integration.conftest import Engine

PROMPT = list(range(40, 60))
ANSWER = [7, 300, 12, 45, 45, 900, 3, 1, 250, 77, 18, 600]


@pytest.fixture(scope="module", params=["llama-untied", "qwen3"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("models") / request.param
    return save_random_model(where, request.param, initializer_range=0.08)


def forced(loaded: LoadedModel, answer: list[int] = ANSWER, **files: Path) -> list[ForcedToken]:
    lesson = Lesson(PROMPT, answer, **files)
    return list(force(loaded.model, loaded.tokenizer, lesson, lambda done, total: None))


def exact(folder: Path) -> LoadedModel:
    return load_folder(folder, kernel="auto", float32=True)


def by_transformers(folder: Path, weights: dict[str, Tensor] | None = None) -> Tensor:
    """Log-probabilities in the places of the answer, float64 [tokens, vocab].

    With a "rough head" among the weights it finds the 128 likeliest tokens, and they alone are
    weighed by the model's own head, as in int8 and int4.
    """
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    weights = dict(weights or {})
    rough_head = weights.pop("rough head", None)
    model.load_state_dict(weights, strict=False)
    with torch.no_grad():
        hidden = model.model(torch.tensor([PROMPT + ANSWER])).last_hidden_state[0]
        logits = model.lm_head(hidden)
        if rough_head is not None:
            rough = hidden @ rough_head.T
            found = rough.topk(128).indices
            logits = rough.scatter(-1, found, logits.gather(-1, found))
    return logits[len(PROMPT) - 1 : -1].double().log_softmax(-1)


def by_hand(loaded: LoadedModel) -> Tensor:
    """The same of a loaded model, one token after the other."""
    loaded.model.keep_prefix([-1, -1])
    rows = [loaded.model.extend(PROMPT), *(loaded.model.extend([t]) for t in ANSWER[:-1])]
    return torch.from_numpy(np.stack(rows)).double().log_softmax(-1)


def kl(reference: Tensor, candidate: Tensor) -> list[float]:
    parts = functional.kl_div(candidate, reference, log_target=True, reduction="none")
    return parts.sum(-1).tolist()


def nats(logs: Tensor) -> list[float]:
    return (-logs[range(len(ANSWER)), ANSWER]).tolist()


def unpacked(folder: Path, precision: Precision) -> dict[str, Tensor]:
    """What the packed files of a model stand for, by transformers' names."""
    from engine import packing
    from engine.kernels.native import _core

    packed = next(
        one.folder
        for one in packed_folders(Paths.default().packed)
        if one.source == str(folder) and one.precision is precision
    )
    config = Source(Checkpoint(folder), load_folder(folder).config).config
    found: dict[str, Tensor] = {}
    formats = {"int8": _core.Format.Int8, "int4": _core.Format.Int4}

    def rows(arrays: dict[str, np.ndarray], shape: tuple[int, int]) -> Tensor:
        kind = next(name for name in formats if name in arrays)
        linear = _core.Linear(formats[kind], *shape, arrays[kind], None)
        return torch.from_numpy(np.array(linear.rows(list(range(shape[0])))))

    for number in range(config.layers):
        arrays = packing.read_packed(packing.layer_file(packed, number))
        for name, shape in config.linear_shapes().items():
            parts = packing.under(name, arrays)
            found[f"model.layers.{number}.{name}.weight"] = rows(parts, shape)
            if "bias" in parts:
                found[f"model.layers.{number}.{name}.bias"] = torch.from_numpy(parts["bias"])
        for name, norm in packing.under("norms", arrays).items():
            prefix = "self_attn." if name in ("q_norm", "k_norm") else ""
            found[f"model.layers.{number}.{prefix}{name}.weight"] = torch.from_numpy(norm.copy())
    last = packing.read_packed(packing.head_file(packed))
    shape = (config.vocab_size, config.hidden_size)
    head = packing.under("head", last)
    if "int4_high" in head:
        assert shape[0] <= _core.Decoder.HALVED, "of so few tokens all are read whole"
        found["rough head"] = whole_int4(head, shape)
    else:
        found["rough head"] = rows(head, shape)
    found["model.norm.weight"] = torch.from_numpy(last["norm"].astype(np.float32))
    return found


def whole_int4(halves: dict[str, np.ndarray], shape: tuple[int, int]) -> Tensor:
    """What the high and the low halves of int4 codes stand for together (low_half.h)."""
    from engine.kernels.native import _core

    high = _core.Linear(_core.Format.Int4High, *shape, halves["int4_high"], None)
    ours = np.array(high.rows(list(range(shape[0])))).reshape(shape[0], -1, 32)
    codes, scales = np.split(halves["int4_low"].reshape(shape[0], -1), [ours.shape[1] * 8], axis=1)
    low = codes.reshape(shape[0], -1, 1, 8) >> np.arange(0, 8, 2, np.uint8)[:, None] & 3
    # An 8-bit scale in the place of a float16's bits, times what the rows of the high halves tell.
    bits = ((scales & 0x80).astype(np.uint16) << 8) | ((scales & 0x7F).astype(np.uint16) << 5)
    scale = bits.view(np.float16).astype(np.float32)[..., None]
    exponents = halves["int4_high"].view(np.int8)[-(-(-shape[0] // 64) * 64) :][: shape[0]]
    step = scale * np.exp2(exponents.astype(np.float32))[:, None, None]
    whole = ours + (2 * low.reshape(ours.shape).astype(np.float32) - 3) * step
    return torch.from_numpy(whole.reshape(shape))


def test_the_reference_in_float32_is_transformers_own(folder: Path, tmp_path: Path) -> None:
    tokens = forced(exact(folder), keep=tmp_path / "kept")
    expected = by_transformers(folder)
    assert [token.nats for token in tokens] == pytest.approx(nats(expected), abs=1e-3)
    for token, row in zip(tokens, expected, strict=True):
        likeliest = row.exp().topk(5).values.tolist()
        assert [one.probability for one in token.top] == pytest.approx(likeliest, abs=1e-4)


@pytest.mark.parametrize("kernel", ["native", "torch"])
@pytest.mark.parametrize("precision", Precision)
def test_kl_agreement_and_perplexity_are_those_of_separate_logits(
    folder: Path, precision: Precision, kernel: str, tmp_path: Path
) -> None:
    """The reference's logits by transformers, the candidate's past the lab; both in float64."""
    forced(exact(folder), keep=tmp_path / "kept")
    loaded = load_folder(folder, precision, kernel, samples=0)
    tokens = forced(loaded, reference=tmp_path / "kept")
    reference, candidate = by_transformers(folder), by_hand(loaded)
    assert [token.kl for token in tokens] == pytest.approx(kl(reference, candidate), abs=1e-3)
    same = (reference.argmax(-1) == candidate.argmax(-1)).tolist()
    assert [token.agrees for token in tokens] == same
    ratio = np.exp(np.mean(nats(candidate)) - np.mean(nats(reference)))
    ours = np.exp(np.mean([token.nats - token.reference_nats for token in tokens]))
    assert ours == pytest.approx(ratio, abs=1e-3)


@pytest.mark.skipif(not core_built(), reason="only the core's packed weights can be unpacked")
@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT4])
def test_kl_of_a_quantised_model_is_that_of_its_weights(
    folder: Path, precision: Precision, tmp_path: Path
) -> None:
    """Nothing of the engine computes here; what differs is that activations are not rounded."""
    forced(exact(folder), keep=tmp_path / "kept")
    tokens = forced(load_folder(folder, precision, samples=0), reference=tmp_path / "kept")
    reference = by_transformers(folder)
    expected = kl(reference, by_transformers(folder, unpacked(folder, precision)))
    ours = [token.kl for token in tokens]
    assert np.mean(ours) == pytest.approx(np.mean(expected), rel=0.15, abs=1e-3)


@pytest.mark.parametrize("precision", Precision)
def test_a_model_does_not_differ_from_itself(
    folder: Path, precision: Precision, tmp_path: Path
) -> None:
    loaded = load_folder(folder, precision, samples=0)
    forced(loaded, keep=tmp_path / "kept")
    tokens = forced(loaded, reference=tmp_path / "kept")
    assert all(0 <= token.kl < 1e-5 for token in tokens)
    assert all(
        token.agrees and token.nats == pytest.approx(token.reference_nats) for token in tokens
    )


def test_a_reference_of_another_answer_is_refused(folder: Path, tmp_path: Path) -> None:
    loaded = load_folder(folder)
    forced(loaded, keep=tmp_path / "kept")
    with pytest.raises(DamagedFile, match="another answer"):
        forced(loaded, ANSWER[:-1], reference=tmp_path / "kept")
    with pytest.raises(DamagedFile):
        forced(loaded, reference=tmp_path / "missing")


def test_half_an_answer_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def on_token(done: int, _total: int) -> None:
        if done > len(PROMPT) + 3:
            raise Enough

    loaded = load_folder(folder)
    lesson = Lesson(PROMPT, ANSWER, keep=tmp_path / "kept")
    with pytest.raises(Enough):
        force(loaded.model, loaded.tokenizer, lesson, on_token)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        total, free = 1 << 40, 1 << 20

    monkeypatch.setattr("shutil.disk_usage", lambda _: Full)
    with pytest.raises(NotEnoughDisk, match="Comparing this answer"):
        forced(load_folder(folder), keep=tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnwritableFolder, match="missing"):
        forced(load_folder(folder), keep=tmp_path / "missing" / "kept")


@pytest.mark.parametrize("name", ["../kept", "/etc/passwd", "", ".", "a/../../kept", "out/kept"])
def test_the_engine_opens_no_file_outside_of_the_lab(tmp_path: Path, name: str) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "out").symlink_to(tmp_path)
    with pytest.raises(BadSetting, match="A file of the lab"):
        kept_file(lab, name)
    assert kept_file(lab, "17-x/0.logs") == lab / "17-x/0.logs"


def test_a_command_cannot_name_a_file_outside_of_the_lab_either(tern_home: Path) -> None:
    engine = Engine()
    try:
        assert isinstance(engine.load(), Loaded)
        request_id = engine.client.next_id()
        engine.send(Force(request_id=request_id, answer=(24,), prompt="Hello", keep="../../kept"))
        failed = engine.until(Forced, Failed)[-1]
        assert isinstance(failed, Failed)
        assert failed.kind == "BadSetting"
    finally:
        engine.end()
    assert not list(tern_home.rglob("kept"))


def test_what_cannot_be_forced_is_refused(folder: Path) -> None:
    loaded = load_folder(folder, context_length=24)
    with pytest.raises(PromptTooLong):
        forced(loaded)
    with pytest.raises(EmptyPrompt):
        forced(loaded, [])
