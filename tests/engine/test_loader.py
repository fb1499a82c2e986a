"""Model folders as strangers make them: read, or refused in a sentence that names what is wrong."""

import contextlib
import json
import pickle
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from engine.errors import (
    BadSetting,
    DamagedFile,
    NotAModel,
    NotEnoughMemory,
    NothingQuantised,
    PickleOnly,
    TernError,
    UnsupportedArchitecture,
    UnsupportedFeature,
)
from engine.language_model import Logits
from engine.messages import KernelChoice, Precision
from engine.models import resolve
from tests.engine.conftest import distance, load_folder
from tests.engine.random_models import save_random_model

PROMPT = list(range(20, 40))
WEIGHTS = "model.safetensors"
A_TENSOR = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good model, for copies."""
    return save_random_model(
        tmp_path_factory.mktemp("models") / "original", "llama-untied", initializer_range=0.05
    )


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A good model, to be damaged."""
    target = tmp_path / "a model"
    shutil.copytree(original, target)
    return target


def change(file: Path, **values: Any) -> None:
    """Set keys of a JSON file; None takes one away."""
    content = json.loads(file.read_text(encoding="utf-8")) | values
    kept = {key: value for key, value in content.items() if value is not None}
    file.write_text(json.dumps(kept), encoding="utf-8")


def change_tensors(folder: Path, edit: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(folder / WEIGHTS)
    edit(tensors)
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})


def refused(folder: Path, kind: type[TernError], *words: str, **options: Any) -> None:
    """Loading `folder` fails as `kind`, in a sentence for a person that has `words`."""
    with pytest.raises(kind) as caught:
        load_folder(folder, **options)
    said = caught.value.said
    for word in words:
        assert word in said
    assert "\n" not in said
    assert said.endswith(".") and not said.endswith("..")
    assert not re.search(r"Traceback|\w+Error\b|<class|object at 0x", said), said


def logits(folder: Path, precision: Precision = Precision.BF16) -> Logits:
    return load_folder(folder, precision).model.extend(PROMPT)


# -- what is no model ----------------------------------------------------------------------------


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", NotAModel, "empty", "no config.json")


def test_a_folder_without_a_configuration_is_no_model(folder: Path) -> None:
    (folder / "config.json").unlink()
    refused(folder, NotAModel, "a model", "no config.json")


def test_a_folder_without_weights_is_no_model(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    refused(folder, NotAModel, "a model", "no .safetensors files")


def test_a_folder_without_a_tokenizer_is_no_model(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    refused(folder, NotAModel, "a model", "no tokenizer")


@pytest.mark.parametrize(
    "name",
    ["no/such/folder", "~nobody-of-that-name/model", "x" * 5000, "a\0b", "org/name@v9"],
    ids=lambda name: repr(name[:20]),
)
def test_a_name_of_nothing_is_an_explained_failure(name: str) -> None:
    with pytest.raises(TernError, match="no model named"):
        resolve(name)


def test_a_file_in_place_of_a_folder_is_no_model(folder: Path) -> None:
    with pytest.raises(NotAModel, match="a file, not a folder"):
        resolve(str(folder / WEIGHTS))


# -- config.json ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"{'a': 1}", b"\xff\xfe\x00", b"[" * 100_000, b"[1, 2]", b'"text"', b"null", b"7"],
    ids=lambda content: repr(content[:12]),
)
def test_a_configuration_that_is_no_json_object_is_damaged(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    refused(folder, DamagedFile, "config.json", "JSON")


@pytest.mark.parametrize(
    "name",
    [
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "max_position_embeddings",
    ],
)
@pytest.mark.parametrize("value", [None, 0, -1, 2.5, "256", True, [256], 10**30])
def test_a_size_that_is_missing_or_absurd_is_named(folder: Path, name: str, value: object) -> None:
    change(folder / "config.json", **{name: value})
    refused(folder, DamagedFile, "config.json", name)


@pytest.mark.parametrize(
    "values",
    [
        {"rms_norm_eps": 0},
        {"rms_norm_eps": "tiny"},
        {"rope_theta": -1.0},
        {"rope_theta": float("nan")},
        {"rope_theta": float("inf")},
        {"num_key_value_heads": 3},
        {"num_key_value_heads": 8},
        {"num_key_value_heads": 0},
        {"head_dim": 0},
        {"head_dim": 33},
        {"head_dim": "wide"},
        {"sliding_window": 0},
        {"rope_scaling": "linear"},
        {"rope_scaling": {"rope_type": "linear"}},
        {"rope_scaling": {"rope_type": "linear", "factor": 0}},
        {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_named(folder: Path, values: dict[str, Any]) -> None:
    change(folder / "config.json", **values)
    refused(folder, DamagedFile, "config.json")


@pytest.mark.parametrize(
    "value", [None, [], ["GPT2LMHeadModel"], "LlamaForCausalLM", [None], [["LlamaForCausalLM"]]]
)
def test_an_architecture_that_tern_lacks_is_named(folder: Path, value: object) -> None:
    change(folder / "config.json", architectures=value)
    named = value[0] if value and isinstance(value, list) and isinstance(value[0], str) else ""
    refused(folder, UnsupportedArchitecture, named)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"hidden_act": "gelu"}, "gelu"),
        (
            {"quantization_config": {"quant_method": "gptq", "bits": 3}},
            "quantised by gptq to 3 bits",
        ),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised by bitsandbytes"),
        ({"quantization_config": {"quant_method": "fp8", "bits": 8}}, "quantised by fp8"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "yarn"),
        ({"rope_scaling": {"type": "dynamic", "factor": 4.0}}, "dynamic"),
        ({"rope_scaling": {"rope_type": ["yarn"]}}, "yarn"),
    ],
)
def test_a_feature_that_tern_lacks_is_named(folder: Path, values: dict, word: str) -> None:
    change(folder / "config.json", **values)
    refused(folder, UnsupportedFeature, word)


def test_a_sliding_window_ends_the_context(folder: Path) -> None:
    change(folder / "config.json", sliding_window=64)
    assert load_folder(folder).model.context_length == 64


def test_a_sliding_window_that_is_not_used_does_not(folder: Path) -> None:
    change(folder / "config.json", sliding_window=64, use_sliding_window=False)
    assert load_folder(folder).model.context_length == 512


@pytest.mark.parametrize(("asked", "given"), [(100, 100), (512, 512), (100_000, 512), (None, 512)])
def test_the_context_is_as_asked_for_up_to_the_models_own(
    folder: Path, asked: int | None, given: int
) -> None:
    assert load_folder(folder, context_length=asked).model.context_length == given


@pytest.mark.parametrize("asked", [0, -5])
def test_a_context_of_nothing_is_refused(folder: Path, asked: int) -> None:
    refused(folder, BadSetting, str(asked), context_length=asked)


# -- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 0.3, 0.999])
def test_truncated_weights_are_damaged(folder: Path, kept: float) -> None:
    content = (folder / WEIGHTS).read_bytes()
    length = kept if isinstance(kept, int) else int(kept * len(content))
    (folder / WEIGHTS).write_bytes(content[:length])
    refused(folder, DamagedFile, WEIGHTS)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 1000,
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"nope" * 10,
        b"<!DOCTYPE html><html>Not found</html>" * 10,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
    ],
    ids=["ones", "huge header", "no tensors", "no json", "a web page", "a git-lfs pointer"],
)
def test_weights_that_are_something_else_are_damaged(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    refused(folder, DamagedFile)


@pytest.mark.parametrize("precision", Precision)
def test_a_missing_tensor_is_named(folder: Path, precision: Precision) -> None:
    change_tensors(folder, lambda tensors: tensors.pop(A_TENSOR))
    refused(folder, DamagedFile, "a model", A_TENSOR, precision=precision)


@pytest.mark.parametrize("precision", Precision)
def test_a_tensor_of_another_shape_is_named(folder: Path, precision: Precision) -> None:
    change_tensors(folder, lambda t: t.update({A_TENSOR: t[A_TENSOR].T.contiguous()}))
    refused(folder, DamagedFile, WEIGHTS, A_TENSOR, "(128, 256)", precision=precision)


def test_a_tensor_of_whole_numbers_is_named(folder: Path) -> None:
    change_tensors(folder, lambda t: t.update({A_TENSOR: t[A_TENSOR].to(torch.int8)}))
    refused(folder, DamagedFile, WEIGHTS, A_TENSOR, "int8")


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_other_floats_are_read_in_each_precision(
    folder: Path, original: Path, dtype: torch.dtype, precision: Precision
) -> None:
    def convert(tensors: dict[str, torch.Tensor]) -> None:
        tensors.update({name: tensor.to(dtype) for name, tensor in tensors.items()})

    change_tensors(folder, convert)
    loaded = load_folder(folder, precision)
    assert distance(loaded.model.extend(PROMPT), logits(original, precision)) < 0.02
    assert loaded.proof.weight_dtype == precision


# -- shards --------------------------------------------------------------------------------------


@pytest.fixture
def sharded(folder: Path) -> Path:
    """The model in many files, as transformers writes large ones."""
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.bfloat16)
    (folder / WEIGHTS).unlink()
    model.save_pretrained(folder, max_shard_size="200KB")
    assert len(list(folder.glob("*.safetensors"))) > 3
    return folder


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.INT4])
def test_a_model_in_many_files_is_read(sharded: Path, original: Path, precision) -> None:
    assert (logits(sharded, precision) == logits(original, precision)).all()


def test_a_missing_shard_is_named(sharded: Path) -> None:
    shard = sorted(sharded.glob("*.safetensors"))[1]
    shard.unlink()
    refused(sharded, DamagedFile, shard.name, "missing")


@pytest.mark.parametrize("as_path", ["../outside.safetensors", "{absolute}", "sub/x.safetensors"])
def test_an_index_cannot_lead_out_of_the_folder(
    sharded: Path, tmp_path: Path, as_path: str
) -> None:
    """The file outside is a good one: were it opened, the model would load."""
    outside = tmp_path / "outside.safetensors"
    (sharded / "sub").mkdir()
    shard = sorted(sharded.glob("*.safetensors"))[0]
    shutil.copy(shard, outside)
    shutil.copy(shard, sharded / "sub" / "x.safetensors")
    index = sharded / "model.safetensors.index.json"
    content = index.read_text().replace(shard.name, as_path.format(absolute=outside))
    index.write_text(content)
    refused(sharded, DamagedFile, "index.json")


def test_an_index_can_name_safetensors_files_alone(sharded: Path) -> None:
    shard = sorted(sharded.glob("*.safetensors"))[0]
    index = sharded / "model.safetensors.index.json"
    index.write_text(index.read_text().replace(shard.name, "pytorch_model.bin"))
    (sharded / "pytorch_model.bin").write_bytes(b"")
    refused(sharded, DamagedFile, "index.json", "pytorch_model.bin")


@pytest.mark.parametrize("weight_map", [None, {}, [], {"a": 7}, {"a": None}])
def test_an_index_without_files_is_damaged(sharded: Path, weight_map: object) -> None:
    change(sharded / "model.safetensors.index.json", weight_map=weight_map)
    refused(sharded, DamagedFile, "index.json")


# -- pickles -------------------------------------------------------------------------------------


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.file,))


def test_pickled_weights_are_refused_and_never_opened(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "unpickled"
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(proof)))
    for name in ("training_args.bin", "tokenizer.pickle", "vocab.pkl"):
        shutil.copy(folder / "pytorch_model.bin", folder / name)
    refused(folder, PickleOnly, "a model", "pickle")
    assert not proof.exists()
    pickle.loads((folder / "pytorch_model.bin").read_bytes())
    assert proof.exists(), "the pickle is harmless, so this test shows nothing"


def test_pickles_beside_good_weights_are_left_alone(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "unpickled"
    for name in ("pytorch_model.bin", "adapter_model.bin", "optimizer.pt"):
        (folder / name).write_bytes(pickle.dumps(Evil(proof)))
    load_folder(folder)
    assert not proof.exists()


def test_code_in_a_model_folder_is_never_run(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "run"
    (folder / "evil.py").write_text(f"open({str(proof)!r}, 'w')\nclass Evil: pass\n")
    auto_map = {"AutoTokenizer": ["evil.Evil", "evil.Evil"], "AutoConfig": "evil.Evil"}
    change(folder / "config.json", auto_map=auto_map)
    change(folder / "tokenizer_config.json", auto_map=auto_map, tokenizer_class="Evil")
    with contextlib.suppress(TernError):
        load_folder(folder)
    assert not proof.exists()


# -- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", Precision)
def test_a_model_beyond_the_memory_is_refused_before_its_weights_are_read(
    folder: Path, precision: Precision
) -> None:
    change(folder / "config.json", num_hidden_layers=900, hidden_size=65536)
    (folder / WEIGHTS).write_bytes(b"not read")
    with pytest.raises(NotEnoughMemory, match=r"needs about [\d,]+\.\d GB") as caught:
        load_folder(folder, precision)
    assert str(precision) in caught.value.said
    assert "Choose a smaller model" in caught.value.advice


def test_a_precision_that_would_fit_is_the_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hidden 4096, 32 layers: 13 GB in bf16, 7 in int8."""
    monkeypatch.setattr("engine.preflight.available_memory", lambda: 10_000_000_000)
    change(
        folder / "config.json",
        num_hidden_layers=32,
        hidden_size=4096,
        intermediate_size=11008,
        num_attention_heads=32,
        num_key_value_heads=32,
        head_dim=128,
    )
    with pytest.raises(NotEnoughMemory) as caught:
        load_folder(folder, Precision.BF16)
    assert caught.value.advice == "Choose int8, which fits."


# -- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "values", "left"),
    [
        ("native", {"intermediate_size": 80}, 1),  # down: its input is no multiple of a group
        ("native", {"intermediate_size": 264}, 1),
        ("torch", {"intermediate_size": 80}, 1),
        ("torch", {"intermediate_size": 264}, 3),  # gate, up: no multiple of 16 rows
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", [Precision.INT8, Precision.INT4])
def test_shapes_that_int4_cannot_take_stay_in_float_and_are_told(
    tmp_path: Path,
    kernel: KernelChoice,
    values: dict[str, int],
    left: int,
    precision: Precision,
) -> None:
    model = save_random_model(tmp_path / "m", "llama-untied", initializer_range=0.05, **values)
    loaded = load_folder(model, precision, kernel)
    floats = 2 * left if precision is Precision.INT4 else 0
    assert loaded.proof.float_layers == floats
    assert loaded.proof.quantised_layers == 2 * 7 + 1 - floats
    told = [count for kind, count, _ in loaded.proof.left_in_float if kind == "linear"]
    assert told == ([floats] if floats else [])
    assert distance(loaded.model.extend(PROMPT), logits(model)) < 0.25


def test_a_vocabulary_of_an_odd_size_is_read_in_int8(tmp_path: Path) -> None:
    """In int4 tests/integration has it, in a process of its own: torch's kernel may crash."""
    model = save_random_model(
        tmp_path / "m", "llama-untied", vocab_size=2051, initializer_range=0.05
    )
    assert distance(logits(model, Precision.INT8), logits(model)) < 0.1


def test_a_tokenizer_with_more_tokens_than_the_model_is_an_explained_failure(
    tmp_path: Path,
) -> None:
    small = save_random_model(tmp_path / "m", "llama-untied", vocab_size=300)
    with pytest.raises(TernError):
        loaded = load_folder(small, Precision.INT4)
        loaded.model.extend(loaded.tokenizer.encode("Once upon a time there was a fox."))


def test_the_models_own_sampling_settings_come_along(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"temperature": 0.42, "top_k": 7}')
    assert load_folder(folder).generation_defaults["temperature"] == 0.42
    (folder / "generation_config.json").unlink()
    assert load_folder(folder).generation_defaults == {}


def test_damaged_sampling_settings_are_named(folder: Path) -> None:
    (folder / "generation_config.json").write_text("{")
    refused(folder, DamagedFile, "generation_config.json")


def test_a_width_that_no_int4_kernel_takes_is_an_explained_failure(tmp_path: Path) -> None:
    """Then every linear would stay in float; and torch's int8 kernel would read past its rows."""
    model = save_random_model(tmp_path / "m", "llama-untied", hidden_size=104, head_dim=32)
    with pytest.raises(NothingQuantised):
        load_folder(model, Precision.INT4, "torch")
