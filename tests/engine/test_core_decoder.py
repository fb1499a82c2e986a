"""The decoder of the compiled core against the one of torch's operators, in float32."""

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.checkpoint import Checkpoint
from engine.errors import UnknownToken
from engine.model import Decoder, DecoderLayer
from engine.model_config import read_config
from engine.source import Source
from engine.tensor_file import BF16
from engine.torch_source import TorchSource, as_tensor, as_tensors
from tests.engine.conftest import distance
from tests.engine.random_models import FAMILIES, save_random_model

core = pytest.importorskip("engine.kernels.native._core")

from engine.kernels.native.decoder import (  # noqa: E402
    CoreDecoder,
    CoreLayer,
    PackedLinear,
    Table,
)

PROMPT = [(7 * i * i + 3 * i) % 400 for i in range(75)]
CONTEXT = 800
FORMATS = ["Bf16", "Int8", "Int4"]
# Activations are rounded to bfloat16, to int8 per token and to int8 per 32: the reference is not.
TOLERANCE = {"Bf16": 0.01, "Int8": 0.03, "Int4": 0.03}
# The same sums in another order: where an activation is then rounded the other way, it shows.
ORDER_TOLERANCE = 5e-3


class FloatLinear:
    """The reference's linear: the very weights that the packed one stands for."""

    weight_dtype = "fp32"

    def __init__(self, packed: PackedLinear) -> None:
        linear = core.Linear(*packed[:3], packed.weights)
        self._weight = torch.from_numpy(linear.rows(list(range(packed.out_features))))
        self._bias = None if packed.bias is None else torch.from_numpy(packed.bias)
        self.nbytes = packed.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        return torch.nn.functional.linear(x, self._weight, self._bias)


def pack(name: str, weight: Tensor, bias: Tensor | None) -> PackedLinear:
    """Round `weight` to nearest in the format of that name."""
    rows, columns = weight.shape
    if name == "Bf16":
        packed = core.pack_bf16(weight.bfloat16().view(torch.uint16).numpy())
    elif name == "Bf16Rows":
        packed = weight.bfloat16().contiguous().view(torch.uint8).reshape(-1).numpy()
    elif name == "Int8":
        scales = weight.float().abs().amax(1) / 127
        codes = (weight.float() / scales[:, None]).round().to(torch.int8)
        packed = core.pack_int8(codes.numpy(), scales.numpy())
    else:
        grouped = torch.nn.functional.pad(weight.float(), (0, -columns % 32)).view(rows, -1, 32)
        scales = (grouped.abs().amax(-1) / 7).half()
        codes = (grouped / scales.float()[..., None]).round().nan_to_num() + 8
        codes = codes.view(rows, -1)[:, :columns].to(torch.uint8).contiguous()
        packed = core.pack_int4(codes.numpy(), scales.view(torch.uint16).numpy())
    bias = None if bias is None else bias.float().numpy()
    return PackedLinear(getattr(core.Format, name), rows, columns, packed, bias)


class Model:
    """The weights of a random model in one format, and the decoders over them."""

    def __init__(self, folder: Path, format_name: str) -> None:
        self.config = read_config(folder)
        source = Source(Checkpoint(folder), self.config)
        self.embedding = source.embedding()
        self.final_norm = source.final_norm().astype(np.float32)
        self.head = pack(format_name, as_tensor(source.head()), None)
        self.layers = [self._layer(source, number, format_name) for number in range(2)]

    def _layer(self, source: Source, number: int, format_name: str) -> CoreLayer:
        names, weights = self.config.linear_shapes(), TorchSource(source)
        return CoreLayer(
            norms={name: norm.astype(np.float32) for name, norm in source.norms(number).items()},
            linears={name: pack(format_name, *weights.linear(number, name)) for name in names},
        )

    def decoder(self, context: int = CONTEXT, threads: int = 2, **changes: Any) -> CoreDecoder:
        parts = {
            "config": self.config,
            "embedding": self.embedding,
            "layers": self.layers,
            "final_norm": self.final_norm,
            "head": self.head,
        } | changes
        for name in parts.keys() & {"embedding", "exact_head"}:
            if isinstance(parts[name], np.ndarray):
                parts[name] = Table(parts[name])
        return CoreDecoder(**parts, context_length=context, threads=threads)

    def reference(self, context: int = CONTEXT) -> Decoder:
        layers = [
            DecoderLayer(
                as_tensors(layer.norms), {k: FloatLinear(x) for k, x in layer.linears.items()}
            )
            for layer in self.layers
        ]
        return Decoder(
            self.config,
            as_tensor(self.embedding).float(),
            layers,
            as_tensor(self.final_norm),
            FloatLinear(self.head),
            context,
            torch.float32,
            torch.float32,
        )


MakeModel = Callable[..., Model]


@pytest.fixture(scope="module")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Random models, each made once."""
    made: dict[tuple[str, str], Model] = {}

    def make(family: str = "llama-tied", format_name: str = "Bf16") -> Model:
        if (family, format_name) not in made:
            folder = tmp_path_factory.mktemp(family)
            save_random_model(folder, family, initializer_range=0.05)
            made[family, format_name] = Model(folder, format_name)
        return made[family, format_name]

    return make


@pytest.fixture
def model(make_model: MakeModel) -> Model:
    """A small Llama in bf16."""
    return make_model()


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_the_references(make_model: MakeModel, family: str) -> None:
    model = make_model(family)
    decoder, reference = model.decoder(), model.reference()
    assert distance(decoder.extend(PROMPT), reference.extend(PROMPT)) < TOLERANCE["Bf16"]
    assert distance(decoder.extend([5]), reference.extend([5])) < TOLERANCE["Bf16"]


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("family", ["llama-biases", "qwen3"])
def test_every_format_is_near_the_reference(
    make_model: MakeModel, family: str, format_name: str
) -> None:
    model = make_model(family, format_name)
    found, expected = model.decoder().extend(PROMPT), model.reference().extend(PROMPT)
    assert distance(found, expected) < TOLERANCE[format_name]


@pytest.mark.parametrize("isa", core.isas())
def test_every_instruction_set_gives_the_same(model: Model, isa: str) -> None:
    expected = model.reference().extend(PROMPT)
    best = core.isa()
    core.set_isa(isa)
    try:
        decoder = model.decoder()
        decoder.extend(PROMPT[:-1])
        assert distance(decoder.extend(PROMPT[-1:]), expected) < TOLERANCE["Bf16"]
    finally:
        core.set_isa(best)


@pytest.mark.parametrize("format_name", FORMATS)
def test_pieces_and_rollbacks_change_nothing(make_model: MakeModel, format_name: str) -> None:
    model = make_model("qwen2", format_name)
    at_once = model.decoder().extend(PROMPT)
    pieces = model.decoder()
    pieces.extend(PROMPT[:31])
    assert distance(pieces.extend(PROMPT[31:]), at_once) < ORDER_TOLERANCE
    single = model.decoder()
    for token in PROMPT:
        logits = single.extend([token])
    assert distance(logits, at_once) < ORDER_TOLERANCE
    rolled = model.decoder()
    rolled.extend([*PROMPT[:50], 9, 9, 9])
    assert rolled.keep_prefix(PROMPT) == rolled.used == 50
    assert distance(rolled.extend(PROMPT[50:]), at_once) < ORDER_TOLERANCE


def test_the_last_token_is_always_left_to_compute(model: Model) -> None:
    decoder = model.decoder()
    decoder.extend(PROMPT)
    assert decoder.keep_prefix(PROMPT) == len(PROMPT) - 1


def test_contexts_longer_than_a_chunk(model: Model) -> None:
    ids = (PROMPT * 10)[:700]
    decoder, reference = model.decoder(), model.reference()
    looks: list[None] = []
    logits = decoder.extend(ids, lambda: looks.append(None))
    assert len(looks) == 2 * model.config.layers
    assert distance(logits, reference.extend(ids)) < TOLERANCE["Bf16"]
    # One token, then a few: their attention is cut into slices of the context.
    assert distance(decoder.extend([3]), reference.extend([3])) < TOLERANCE["Bf16"]
    few = [8, 9, 10, 11, 12]
    assert distance(decoder.extend(few), reference.extend(few)) < TOLERANCE["Bf16"]


def test_all_logits_are_those_of_growing_contexts(model: Model) -> None:
    ids = (PROMPT * 10)[:600]
    decoder = model.decoder()
    blocks = list(decoder.all_logits(ids))
    assert decoder.used == 0
    assert max(len(block) for block in blocks) <= 64
    expected = np.concatenate(list(model.reference().all_logits(ids)))
    assert distance(np.concatenate(blocks), expected) < TOLERANCE["Bf16"]


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 90, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 10},
        {"intermediate_size": 75, "num_attention_heads": 5, "num_key_value_heads": 5},
        {"num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 72},
        {"num_attention_heads": 48, "num_key_value_heads": 1, "head_dim": 2},
    ],
    ids=["head-10", "odd-inner", "head-72", "many-queries"],
)
@pytest.mark.parametrize("isa", core.isas())
def test_odd_sizes(changes: dict[str, Any], isa: str, tmp_path: Path) -> None:
    sizes = {"hidden_size": 130} | changes
    save_random_model(tmp_path, "qwen3", initializer_range=0.05, **sizes)
    model = Model(tmp_path, "Bf16")
    best = core.isa()
    core.set_isa(isa)
    try:
        decoder, reference = model.decoder(), model.reference()
        for ids in (PROMPT, [4], PROMPT * 2, [6]):
            assert distance(decoder.extend(ids), reference.extend(ids)) < TOLERANCE["Bf16"]
    finally:
        core.set_isa(best)


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_number_of_threads_changes_nothing(make_model: MakeModel, format_name: str) -> None:
    model = make_model("qwen3", format_name)
    ids = (PROMPT * 8)[:530]
    one, *others = (model.decoder(threads=threads) for threads in (1, 2, 3))
    expected = [one.extend(ids), one.extend([1]), one.extend([2, 3])]
    for decoder in others:
        found = [decoder.extend(ids), decoder.extend([1]), decoder.extend([2, 3])]
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_rows_of_a_checkpoint_serve_as_they_are(make_model: MakeModel) -> None:
    """Bf16Rows as bytes or as bfloat16's bits: nbytes alone must match."""
    rows, panels = make_model("qwen2", "Bf16Rows"), make_model("qwen2", "Bf16")
    expected = panels.decoder().extend(PROMPT)
    found = rows.decoder().extend(PROMPT)
    assert distance(found, expected) < ORDER_TOLERANCE
    head = rows.head._replace(weights=rows.head.weights.view(np.uint16))
    assert np.array_equal(rows.decoder(head=head).extend(PROMPT), found)
    with pytest.raises(ValueError, match="bytes"):
        rows.decoder(head=rows.head._replace(weights=rows.head.weights[2:]))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, BF16])
def test_embeddings_of_every_dtype(model: Model, dtype: Any) -> None:
    table = model.embedding.astype(dtype)
    found = model.decoder(embedding=table).extend(PROMPT)
    assert distance(found, model.reference().extend(PROMPT)) < TOLERANCE["Bf16"]


def test_values_beyond_float16_stay_finite(make_model: MakeModel) -> None:
    model = make_model("qwen2")
    layer = model.layers[0]
    huge = layer.linears["self_attn.v_proj"]._replace(bias=np.full(64, 1e30, np.float32))
    linears = {**layer.linears, "self_attn.v_proj": huge}
    decoder = model.decoder(layers=[CoreLayer(layer.norms, linears), model.layers[1]])
    assert np.isfinite(decoder.extend(PROMPT)).all()


def test_the_arrays_are_kept_alive(model: Model) -> None:
    expected = model.decoder().extend(PROMPT)
    copies = {"embedding": model.embedding.copy(), "final_norm": model.final_norm.copy()}
    inner = model.decoder(**copies)._core
    del copies
    gc.collect()
    _others = [np.full_like(model.embedding, np.nan) for _ in range(4)]
    inner.append(PROMPT)
    logits = np.empty((1, model.config.vocab_size), np.float32)
    inner.logits(0, logits)
    assert np.array_equal(logits[0], expected)


class Stop(Exception):
    """What a caller's callback raises."""


def test_a_stop_during_prefill_leaves_whole_chunks(model: Model) -> None:
    ids = (PROMPT * 20)[:1100]
    decoder = model.decoder(context=1200)

    called = 0

    def stop() -> None:
        nonlocal called
        called += 1
        if called > 2 * model.config.layers:
            raise Stop

    with pytest.raises(Stop):
        decoder.extend(ids, stop)
    assert decoder.used == 2 * core.Decoder.CHUNK, "the third ended with its first layer"
    assert decoder.keep_prefix(ids) == decoder.used
    rest = decoder.extend(ids[decoder.used :])
    assert distance(rest, model.decoder(context=1200).extend(ids)) < ORDER_TOLERANCE


def test_a_callback_cannot_call_the_decoder(model: Model) -> None:
    decoder = model.decoder()
    with pytest.raises(RuntimeError, match="already computing"):
        decoder.extend(PROMPT, lambda: decoder.extend([1]))
    assert decoder.used == 0
    assert distance(decoder.extend(PROMPT), model.decoder().extend(PROMPT)) < ORDER_TOLERANCE


def test_a_full_context_is_an_error(model: Model) -> None:
    decoder = model.decoder(context=80)
    decoder.extend(PROMPT)
    with pytest.raises(ValueError, match="The context is full"):
        decoder.extend(PROMPT)
    assert decoder.used == len(PROMPT)
    decoder.extend(PROMPT[:5])
    with pytest.raises(ValueError, match="The context is full"):
        decoder.extend([1])


@pytest.mark.parametrize("token", [-1, 10**6, 2**40])
def test_unknown_tokens_are_an_error(model: Model, token: int) -> None:
    decoder = model.decoder()
    with pytest.raises(UnknownToken):
        decoder.extend([1, token])
    with pytest.raises(ValueError, match="outside of the vocabulary"):
        decoder._core.append([1, token])
    assert decoder.used == 0


def test_misuse_of_the_core_is_an_error(model: Model) -> None:
    inner = model.decoder()._core
    with pytest.raises(ValueError, match="no tokens"):
        inner.append([])
    with pytest.raises(ValueError, match="can be kept"):
        inner.append([1, 2], 3)
    with pytest.raises(ValueError, match="cannot be cut"):
        inner.truncate(1)
    with pytest.raises(ValueError, match="kept"):
        inner.logits(0, np.empty((1, model.config.vocab_size), np.float32))
    inner.append([1, 2])
    with pytest.raises(ValueError, match="kept"):
        inner.logits(0, np.empty((2, model.config.vocab_size), np.float32))
    with pytest.raises(ValueError, match="rows, vocab"):
        inner.logits(0, np.empty((1, 3), np.float32))


def changed_layer(model: Model, name: str, part: object) -> list[Any]:
    layer = model.layers[0]
    parts = {**layer.norms, **layer.linears, name: part}
    return [CoreLayer({}, parts), model.layers[1]]


def test_wrong_weights_are_an_error(model: Model) -> None:
    q = model.layers[0].linears["self_attn.q_proj"]
    wrong: list[tuple[str, object]] = [
        ("self_attn.q_proj", q._replace(weights=q.weights[:-1])),
        ("self_attn.q_proj", q._replace(out_features=q.out_features * 2)),
        ("self_attn.q_proj", q._replace(out_features=-1)),
        ("self_attn.q_proj", q._replace(in_features=2**62)),
        ("self_attn.q_proj", q._replace(bias=np.zeros(3, np.float32))),
        ("self_attn.q_proj", q._replace(bias=np.zeros(q.out_features))),
        ("self_attn.q_proj", q._replace(weights=None)),
        ("self_attn.q_proj", None),
        ("self_attn.o_proj", model.layers[0].linears["mlp.down_proj"]),
        ("mlp.gate_proj", model.layers[0].linears["mlp.down_proj"]),
        ("input_layernorm", np.ones(3, np.float32)),
        ("input_layernorm", np.ones(model.config.hidden_size, np.float16)),
        ("input_layernorm", np.ones(2 * model.config.hidden_size, np.float32)[::2]),
        ("input_layernorm", "norm"),
        ("self_attn.q_norm", np.ones(model.config.head_dim, np.float32)),
    ]
    for name, part in wrong:
        with pytest.raises(ValueError, match=r"[a-z].*\."):
            model.decoder(layers=changed_layer(model, name, part))
    with pytest.raises(ValueError, match=r"lacks input_layernorm"):
        model.decoder(layers=[CoreLayer({}, {})] * 2)
    for change in (
        {"embedding": model.embedding[1:]},
        {"embedding": model.embedding.astype(np.float64)},
        {"final_norm": np.ones(1, np.float32)},
        {"head": model.layers[0].linears["mlp.up_proj"]},
        {"layers": model.layers[:0]},
    ):
        with pytest.raises(ValueError, match=r"[a-z].*\."):
            model.decoder(**change)


@pytest.mark.parametrize(
    "changes",
    [{"kv_heads": 3}, {"heads": 8}, {"head_dim": 64}, {"vocab_size": 7}, {"hidden_size": 64}],
)
def test_a_wrong_config_is_an_error(model: Model, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"[a-z].*\."):
        model.decoder(config=replace(model.config, **changes))


def test_sizes_are_reported(model: Model) -> None:
    decoder = model.decoder()
    assert decoder.weight_bytes == model.reference().weight_bytes
    assert decoder.kv_bytes_per_token == 2 * model.config.kv_elements_per_token
    assert decoder.layers[0].linears["mlp.up_proj"].weight_dtype == "bf16"


# -- a rough head, and the exact one that mends its likeliest logits ------------------------------

TABLES = [np.dtype(np.float32), np.dtype(np.float16), BF16]
REFINED = core.Decoder.REFINED


@pytest.mark.parametrize("dtype", TABLES, ids=str)
def test_the_likeliest_logits_are_the_exact_heads(
    make_model: MakeModel, dtype: np.dtype[Any]
) -> None:
    model = make_model("llama-tied", "Int4")
    exact = model.embedding.astype(dtype)
    rough = model.decoder().extend(PROMPT)
    wanted = model.decoder(head=pack("Bf16", as_tensor(exact), None)).extend(PROMPT)
    found = model.decoder(exact_head=exact).extend(PROMPT)
    order = np.argsort(-rough)
    top, rest = order[:REFINED], order[REFINED:]
    assert distance(found[top], wanted[top]) < ORDER_TOLERANCE < distance(rough[top], wanted[top])
    assert np.array_equal(found[rest], rough[rest])


def test_scores_are_mended_like_tokens(make_model: MakeModel) -> None:
    model = make_model("llama-tied", "Int4")
    decoder = model.decoder(exact_head=model.embedding)
    scores = np.concatenate(list(decoder.all_logits(PROMPT)))
    assert distance(scores[-1], decoder.extend(PROMPT)) < ORDER_TOLERANCE


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan"), float("inf")])
def test_logits_that_are_all_alike_harm_nothing(make_model: MakeModel, value: float) -> None:
    """Ties, and what a damaged model gives."""
    model = make_model("llama-tied", "Int4")
    exact = np.full_like(model.embedding, value)
    head = pack("Int4", as_tensor(exact), None)
    logits = model.decoder(head=head, exact_head=exact).extend(PROMPT)
    assert logits.shape == (model.config.vocab_size,)


def test_a_vocabulary_smaller_than_what_is_mended_is_exact(make_model: MakeModel) -> None:
    model = make_model("llama-tied", "Int4")
    few = REFINED - 1
    config, exact = replace(model.config, vocab_size=few), model.embedding[:few]
    prompt = [token % few for token in PROMPT]
    parts = {"config": config, "embedding": exact}
    rough, whole = (pack(name, as_tensor(exact), None) for name in ("Int4", "Bf16"))
    found = model.decoder(**parts, head=rough, exact_head=exact).extend(prompt)
    assert distance(found, model.decoder(**parts, head=whole).extend(prompt)) < ORDER_TOLERANCE


def test_an_exact_head_of_another_size_is_refused(make_model: MakeModel) -> None:
    model = make_model("llama-tied", "Int4")
    with pytest.raises(ValueError, match="exact head must be"):
        model.decoder(exact_head=model.embedding[1:])


# -- tables whose rows are read from a file --------------------------------------------------------


@pytest.mark.parametrize("dtype", TABLES, ids=str)
def test_rows_are_read_from_the_file_that_holds_them(
    make_model: MakeModel, dtype: np.dtype[Any], tmp_path: Path
) -> None:
    model, file = make_model("llama-tied", "Int4"), tmp_path / "table"
    values = model.embedding.astype(dtype)
    file.write_bytes(b"header" + values.tobytes())
    from_file = Table(np.full_like(values, np.nan), (str(file), len(b"header")))
    found = model.decoder(embedding=from_file, exact_head=from_file).extend(PROMPT)
    wanted = model.decoder(embedding=values, exact_head=values).extend(PROMPT)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("content", [None, b"", b"short"])
def test_a_file_that_is_gone_or_cut_leaves_the_rows_in_memory(
    make_model: MakeModel, content: bytes | None, tmp_path: Path
) -> None:
    model, file = make_model("llama-tied", "Int4"), tmp_path / "table"
    if content is not None:
        file.write_bytes(content)
    table = Table(model.embedding, (str(file), 0))
    found = model.decoder(embedding=table, exact_head=table).extend(PROMPT)
    wanted = model.decoder(exact_head=model.embedding).extend(PROMPT)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("place", [("table", -1), ("table",), "table", 7])
def test_a_place_that_is_none_is_refused(model: Model, place: Any) -> None:
    with pytest.raises(ValueError, match="place of The embedding must be"):
        model.decoder(embedding=Table(model.embedding, place))
