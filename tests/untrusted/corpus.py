"""A corpus of hostile model folders by name: each is a sound one that is spoilt in one way."""

import json
import os
from pathlib import Path
from typing import Any

from tests.untrusted.folders import (
    Spoil,
    a_folder,
    change,
    config,
    content,
    fifo,
    in_tokenizer,
    link,
    outside,
    regex,
    replacing,
    sound,
    tensors,
    weights,
    with_template,
    write_raw,
    write_tensors,
)

FOLDERS: dict[str, Spoil] = {}


def make(folder: Path, name: str) -> Path:
    """Make the hostile folder of that name."""
    FOLDERS[name](sound(folder))
    return folder


_NUMBERS: dict[str, object] = {
    "huge": 2**31,
    "beyond_64_bits": 10**30,
    "negative": -1,
    "zero": 0,
    "a_float": 2.5,
    "infinity": float("inf"),
    "not_a_number": float("nan"),
    "true": True,
    "a_text": "64",
    "a_list": [64],
    "null": None,
}
_SIZES = ("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads", "head_dim")
_MORE_SIZES = ("intermediate_size", "num_key_value_heads", "max_position_embeddings")
_FLOATS = ("rms_norm_eps", "rope_theta")
for _key in (*_SIZES, *_MORE_SIZES, *_FLOATS):
    for _kind, _value in _NUMBERS.items():
        FOLDERS[f"config {_key} {_kind}"] = config(**{_key: _value})

_JSON_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "model.safetensors.index.json",
)
_DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
_TEXTS = {
    "empty": b"",
    "no JSON": b"{",
    "deep": _DEEP,
    "no object": b"[]",
    "invalid UTF-8": b'{"a": "\xff\xfe"}',
    "BOM": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "zero bytes": bytes(1000),
    "a long number": b'{"a": ' + b"9" * 100_000 + b"}",
    "lone surrogate": b'{"a": "\\ud800", "\\udfff": 1}',
}
for _name in (*_JSON_FILES, "chat_template.jinja", "model.safetensors"):
    for _kind, _octets in _TEXTS.items():
        FOLDERS[f"{_name} {_kind}"] = content(_name, _octets)
    FOLDERS[f"{_name} a pipe"] = fifo(_name)
    FOLDERS[f"{_name} a folder"] = a_folder(_name)
    FOLDERS[f"{_name} a link to itself"] = link(_name, _name)
    FOLDERS[f"{_name} a link to a device"] = link(_name, "/dev/zero")
    FOLDERS[f"{_name} a link to a terminal"] = link(_name, "/dev/tty")
    FOLDERS[f"{_name} a link to nothing"] = link(_name, "nothing")
    FOLDERS[f"{_name} sparse and huge"] = lambda folder, name=_name: os.truncate(
        (folder / name, (folder / name).touch())[0], 2**36
    )
for _name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
    FOLDERS[f"{_name} outside"] = outside(_name)
FOLDERS["model.safetensors outside"] = outside("model.safetensors")


# -- the index

_REAL = "model.safetensors"
_INDEX = "model.safetensors.index.json"


def index(*names: object) -> Spoil:
    """Return what makes an index of files of these names, beside a file that is really there."""
    weight_map = {f"w{number}": name for number, name in enumerate((*names, _REAL))}
    return content(_INDEX, json.dumps({"weight_map": weight_map}))


_INDEXED: dict[str, Spoil] = {
    "leads up": index("../../x.safetensors"),
    "absolute": index("/etc/passwd"),
    "absolute weights": index("/tmp/x.safetensors"),
    "below": index("a/b.safetensors"),
    "backslash": index("..\\x.safetensors"),
    "null byte": index("a\0b.safetensors"),
    "surrogate": index("\ud800.safetensors"),
    "too long": index("a" * 5000 + ".safetensors"),
    "no text": index(7, None, ["x"]),
    "dots": index("..", "."),
    "empty name": index(""),
    "newline": index("a\nb.safetensors"),
    "no map": content(_INDEX, "{}"),
    "map is a list": content(_INDEX, '{"weight_map": ["model.safetensors"]}'),
    "a million names": content(
        _INDEX, json.dumps({"weight_map": {f"w{n}": f"{n}.safetensors" for n in range(10**6)}})
    ),
    "shards without end": lambda folder: [
        (folder / f"{n}-00001-of-99999.safetensors").touch() for n in range(300)
    ],
}
FOLDERS |= {f"index {name}": spoil for name, spoil in _INDEXED.items()}

# -- weights


def _entry(**facts: object) -> Spoil:
    """Return what changes the header's facts of one tensor."""

    def spoil(header: dict[str, Any], data: bytes) -> tuple[object, bytes]:
        header["model.norm.weight"] |= facts
        return header, data

    return tensors(spoil)


def _header(text: bytes) -> Spoil:
    return tensors(lambda _header, data: (text, data))


def _length(length: int) -> Spoil:
    return lambda folder: write_raw(folder / _REAL, b"{}", bytes(100), length)


def _values(value: float) -> Spoil:
    def spoil(folder: Path) -> None:
        write_tensors(folder / _REAL, {n: w * 0 + value for n, w in weights().items()})

    return spoil


def _doubled(folder: Path) -> None:
    write_tensors(folder / _REAL, weights())
    write_tensors(folder / "more.safetensors", weights(2))


_WEIGHTS: dict[str, Spoil] = {
    "truncated": lambda folder: os.truncate(folder / _REAL, 5000),
    "truncated header": lambda folder: os.truncate(folder / _REAL, 20),
    "seven bytes": lambda folder: os.truncate(folder / _REAL, 7),
    "overlapping": _entry(data_offsets=[0, 128]),
    "backwards": _entry(data_offsets=[128, 0]),
    "negative": _entry(data_offsets=[-128, 0]),
    "beyond the end": _entry(data_offsets=[2**40, 2**40 + 128]),
    "beyond 64 bits": _entry(data_offsets=[2**70, 2**70 + 128]),
    "offsets of text": _entry(data_offsets=["0", "128"]),
    "three offsets": _entry(data_offsets=[0, 1, 128]),
    "no offsets": _entry(data_offsets=[]),
    "unknown type": _entry(dtype="F99"),
    "type is a number": _entry(dtype=7),
    "whole numbers": _entry(dtype="I32"),
    "eight-bit floats": _entry(dtype="F8_E4M3", shape=[128]),
    "negative shape": _entry(shape=[-32]),
    "overflowing shape": _entry(shape=[2**62, 4]),
    "shape beyond 64 bits": _entry(shape=[2**64]),
    "another shape": _entry(shape=[4, 8]),
    "shape of floats": _entry(shape=[32.0]),
    "no shape": _entry(shape=None),
    "header of zero bytes": _length(0),
    "header of 4 GB": _length(2**32),
    "header beyond 63 bits": _length(2**64 - 1),
    "header is a list": _header(b"[]"),
    "header is deep": _header(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "header is no UTF-8": _header(b"\xff" * 100),
    "header of 99 MB": _header(b"{" + b" " * 99_000_000 + b"}"),
    "header of 101 MB": _header(b"{" + b" " * 101_000_000 + b"}"),
    "a million tensors": _header(
        json.dumps(
            {f"w{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(10**6)}
        ).encode()
    ),
    "name twice": _header(
        b'{"model.norm.weight": {"dtype": "F32", "shape": [32], "data_offsets": [0, 128]},'
        b'"model.norm.weight": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}'
    ),
    "metadata is no object": tensors(lambda header, data: (header | {"__metadata__": 7}, data)),
    "no tensors": content(_REAL, b"\x02" + bytes(7) + b"{}"),
    "data without a tensor": tensors(lambda header, data: (header, data + bytes(100))),
    "in two files": _doubled,
    "not a number": _values(float("nan")),
    "infinite": _values(float("inf")),
    "huge": _values(3e38),
    "zero": _values(0),
    "a pickle": lambda folder: (folder / _REAL).rename(folder / "pytorch_model.bin"),
}
FOLDERS |= {f"weights {name}": spoil for name, spoil in _WEIGHTS.items()}

# -- the tokenizer

_BPE = {"type": "BPE", "vocab": {"a": 0}, "merges": []}
_TOKEN = {"content": "<x>", "special": True}
_FLAGS = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
_TOKENIZERS: dict[str, Spoil] = {
    "backtracks": regex(r"(a|aa)+$"),
    "backtracks at each place": regex(r"(?:a|a){16}[c-z]"),
    "no regex": regex("("),
    "deep regex": regex("(" * 50_000 + ")" * 50_000),
    "endless regex": regex(r"(?<x>a|\g<x>b)\g<x>"),
    "empty regex": regex(""),
    "text grows by the normaliser": in_tokenizer(normalizer=replacing(40)),
    "text grows a little": in_tokenizer(normalizer=replacing(2)),
    "text grows by the decoder": in_tokenizer(decoder=replacing(40)),
    "nested normaliser": in_tokenizer(
        normalizer={"type": "Sequence", "normalizers": [replacing(20), replacing(20)]}
    ),
    "token far away": in_tokenizer(model=_BPE | {"vocab": {"a": 2**32 - 1}}),
    "token beyond 32 bits": in_tokenizer(model=_BPE | {"vocab": {"a": 2**40}}),
    "negative token": in_tokenizer(model=_BPE | {"vocab": {"a": -1}}),
    "one token": in_tokenizer(model=_BPE),
    "two tokens of one id": in_tokenizer(model=_BPE | {"vocab": {"a": 0, "b": 0}}),
    "no token": in_tokenizer(model=_BPE | {"vocab": {}}),
    "merge of what is not there": in_tokenizer(model=_BPE | {"merges": ["x y"]}),
    "no model": in_tokenizer(model=...),
    "unknown model": in_tokenizer(model={"type": "Neural"}),
    "unknown token missing": in_tokenizer(
        model={"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "<unk>"}
    ),
    "unigram without tokens": in_tokenizer(model={"type": "Unigram", "vocab": [], "unk_id": 5}),
    "unigram of odd scores": in_tokenizer(
        model={"type": "Unigram", "vocab": [["a", -1e308], ["", 1e308]], "unk_id": 0}
    ),
    "added tokens far away": in_tokenizer(
        added_tokens=[{"id": 2**32 - 1, "content": "<far>", "special": True} | _FLAGS]
    ),
    "empty added token": in_tokenizer(
        added_tokens=[{"id": 0, "content": "", "special": True} | _FLAGS]
    ),
    "template of unknown tokens": in_tokenizer(
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<none>", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    ),
    "damaged character map": in_tokenizer(
        normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    ),
    "padded to a billion": in_tokenizer(
        padding={
            "strategy": {"Fixed": 10**9},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "a",
        }
    ),
}
FOLDERS |= {f"tokenizer {name}": spoil for name, spoil in _TOKENIZERS.items()}


def _tokens(**values: object) -> Spoil:
    return lambda folder: change(folder, "tokenizer_config.json", **values)


_TOKEN_CONFIGS: dict[str, Spoil] = {
    "ids far away": _tokens(added_tokens_decoder={"4294967295": _TOKEN}),
    "ids beyond 64 bits": _tokens(added_tokens_decoder={str(10**30): _TOKEN}),
    "an id of a million digits": _tokens(added_tokens_decoder={"9" * 10**6: _TOKEN}),
    "negative ids": _tokens(added_tokens_decoder={"-5": _TOKEN}),
    "more flags": _tokens(added_tokens_decoder={"0": _TOKEN | {"x": 1, "__class__": "y"}}),
    "no content": _tokens(added_tokens_decoder={"0": {"special": True}}),
    "content is a list": _tokens(added_tokens_decoder={"0": {"content": [1]}}),
    "bos is a number": _tokens(bos_token=7),
    "bos is a list": _tokens(bos_token=["a", {"content": "b"}]),
    "bos is deep": _tokens(bos_token={"content": {"content": {"content": "a"}}}),
    "bos is empty": _tokens(bos_token="", tokenizer_class="LlamaTokenizer", add_bos_token=True),
    "eos is no text": _tokens(eos_token={"content": None}),
    "bos with a dollar": _tokens(bos_token="$A", tokenizer_class="LlamaTokenizer"),
    "bos with a colon": _tokens(bos_token="a:b", tokenizer_class="LlamaTokenizer"),
    "surrogate": _tokens(bos_token="\ud800"),
    "additional is a text": _tokens(additional_special_tokens="abc"),
    "extra is a number": _tokens(extra_special_tokens=5),
    "extra shadows messages": _tokens(extra_special_tokens={"messages": "x", "range": "y"}),
    "a million more": _tokens(additional_special_tokens=[f"<{n}>" for n in range(10**6)]),
    "template is a number": with_template(5),
    "template is a list of numbers": with_template([5]),
    "template without a name": with_template([{"template": "x"}]),
    "class is a list": _tokens(tokenizer_class=["LlamaTokenizer"]),
    "class of code": _tokens(
        tokenizer_class="Evil", auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
    ),
    "unknown class": _tokens(tokenizer_class="os.system"),
    "class that unpickles": _tokens(tokenizer_class="TransfoXLTokenizer"),
    "class that is slow": _tokens(tokenizer_class="ByT5Tokenizer"),
    "class with rules": _tokens(tokenizer_class="GPTNeoXTokenizer"),
}
FOLDERS |= {f"tokens {name}": spoil for name, spoil in _TOKEN_CONFIGS.items()}


def _vocabulary_outside(folder: Path) -> None:
    """transformers takes names of files from tokenizer_config.json."""
    secret = folder.parent / f"{folder.name}-vocab.json"
    secret.write_text('{"a secret": 0}')
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text('{"a": 0}')
    (folder / "merges.txt").write_text("#version: 0.2\n")
    change(
        folder,
        "tokenizer_config.json",
        tokenizer_class="Qwen2Tokenizer",
        vocab_file=str(secret),
        merges_file=str(secret),
        tokenizer_file=str(secret),
    )


FOLDERS["tokens in a vocabulary outside"] = _vocabulary_outside

# -- config.json and generation_config.json beyond their numbers

_CONFIGS: dict[str, Spoil] = {
    "architecture is a number": config(architectures=7),
    "architecture is a list": config(architectures=[["LlamaForCausalLM"]]),
    "architecture is long": config(architectures=["x" * 10**6]),
    "code": config(auto_map={"AutoModelForCausalLM": "evil.Evil"}),
    "activation is a list": config(hidden_act=[1]),
    "rope is a text": config(rope_scaling="linear"),
    "rope type is a list": config(rope_scaling={"rope_type": ["linear"]}),
    "rope factor is tiny": config(rope_scaling={"rope_type": "linear", "factor": 1e-300}),
    "rope blends nothing": config(
        rope_scaling={
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 1.0,
            "original_max_position_embeddings": 64,
        }
    ),
    "tiny epsilon": config(rms_norm_eps=5e-324),
    "odd heads": config(head_dim=15),
    "head of one": config(head_dim=1),
    "many layers": config(num_hidden_layers=1000),
    "wide": config(hidden_size=10**6, intermediate_size=10**6, head_dim=10**6),
    "long context": config(max_position_embeddings=10**8),
    "context of one": config(max_position_embeddings=1),
    "window of one": config(sliding_window=1),
    "quantised by a list": config(quantization_config=[1]),
    "quantised to infinity": config(quantization_config={"quant_method": "gptq", "bits": 1e999}),
    "group of zero": config(quantization_config={"quant_method": "gptq", "group_size": 0}),
    "eos is a list of odd things": config(eos_token_id=[None, "x", -1, 2**80, 1.5, [1], {}]),
    "eos beyond 64 bits": config(eos_token_id=2**80),
    "smaller vocabulary": config(vocab_size=100),
}
FOLDERS |= {f"configuration {name}": spoil for name, spoil in _CONFIGS.items()}


def generation(**values: object) -> Spoil:
    """Return what changes generation_config.json."""
    return lambda folder: change(folder, "generation_config.json", **values)


for _key in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "eos_token_id"):
    for _kind, _value in _NUMBERS.items():
        FOLDERS[f"generation {_key} {_kind}"] = generation(**{_key: _value})
