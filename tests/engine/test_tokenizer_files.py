"""A folder's tokenizer gives the ids, texts and chats that transformers gives."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoTokenizer

from engine.errors import BadChatTemplate, DamagedFile, NoChatTemplate
from engine.messages import ChatMessage
from engine.models import demo_model
from engine.paths import assets_folder
from engine.tokenizer import ChatTokenizer

TEXTS = [
    "",
    " ",
    "\n\n",
    "Once upon a time there was a fox.",
    "  two spaces before, and after  ",
    "Größe, naïve, e\u0301, 中文字, 日本, हिन्दी, مرحبا",
    "🙂 👨‍👩‍👧 𝄞 \u200b\ufeff",
    "a\tb\r\nc\x00d\x7f",
    "I'm they'll 12345 3.14 x==y; def f(x): return x**2",
    "<s>bos</s> <|end|><|end|> [CLS] <extra> <extra>s ▁underline▁ <0x41>",
    "<|begin|> and <unk> in a text",
    "word " * 300,
]
CHATS = [
    [("user", "Hello")],
    [("system", "Be brief."), ("user", "  Hi 🙂\n\nthere  ")],
    [("user", "1 < 2 & \"quoted\" 'it'"), ("assistant", "Ja, größer."), ("user", "<|end|> </s>")],
]

CHATML = (
    "{% for message in messages %}{{'<|begin|>' + message['role'] + '\n' + message['content']"
    " + '<|end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|begin|>assistant\n' }}"
    "{% endif %}"
)
LLAMA3 = """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{%- if tools is not none %}{{ tools | tojson(indent=4) }}{% endif %}
{%- if not date_string is defined %}
    {%- set date_string = strftime_now("%Y") %}
{%- endif %}
{{- "<|begin|>system\n\nToday: " + date_string + "\n" + system_message + "<|end|>" }}
{%- for message in messages %}
    {{- '<|begin|>' + message['role'] + '\n\n' + message['content'] | trim + '<|end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|begin|>assistant\n\n' }}
{%- endif %}
"""
MISTRAL = """{{ bos_token }}{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) and messages[0].role != 'system' %}
{{ raise_exception('Conversation roles must alternate user/assistant') }}
{% endif %}
{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}
{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}
{% else %}{{ message | tojson }}{% endif %}{% endfor %}"""
LOOPS = """{% set ns = namespace(n=0, last='') %}
{% for message in messages recursive %}
    {% if loop.first %}{{ loop.length }}/{{ loop.revindex }}{% endif %}
    {% if message.role == 'system' %}{% continue %}{% endif %}
    {% set ns.n = ns.n + 1 %}
    {% generation %}{{ message.content | upper }}{% endgeneration %}
    {% if loop.last or loop.nextitem is undefined %}{{ loop.previtem.role or 'none' }}{% endif %}
    {% if ns.n > 2 %}{% break %}{% endif %}
{% else %}nothing{% endfor %}
{% macro row(x, n=3) %}{{ '-' * n }}{{ x }}{% endmacro %}
{{ row(ns.n) }}{{ row(unk_token, n=1) }} {{ {'a': 'ä<', 'b': [1, none]} | tojson }}
{% for i in range(3) if i != 1 %}{{ i ** 2 }},{% endfor %}{{ additional_special_tokens }}"""
TEMPLATES = {"chatml": CHATML, "llama-3": LLAMA3, "mistral": MISTRAL, "loops": LOOPS}

SPECIAL = ["<unk>", "<s>", "</s>", "<|begin|>", "<|end|>"]


@cache
def corpus() -> tuple[str, ...]:
    held_out = (demo_model().folder / "held-out.txt").read_text(encoding="utf-8")[:20_000]
    return ((assets_folder() / "calibration.txt").read_text(encoding="utf-8"), held_out, *TEXTS)


def byte_level() -> Tokenizer:
    """As GPT-2, Qwen2 and Llama 3 have it."""
    tokenizer = Tokenizer(models.BPE())
    split = Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s+|.")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(split, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return tokenizer


def plain_byte_level() -> Tokenizer:
    """With the prefix space that tokenizer_config.json decides on."""
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def with_byte_fallback(metaspace: bool) -> Tokenizer:
    """As sentencepiece's BPE is converted: Llama 2, Mistral."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    octets = [f"<0x{octet:02X}>" for octet in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=[*SPECIAL, *octets], show_progress=False, max_token_length=8
    )
    tokenizer.train_from_iterator((text[:3000] for text in corpus()), trainer)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] in SPECIAL]
    return Tokenizer.from_str(json.dumps(state))


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=400, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


MAKERS: dict[str, Callable[[], Tokenizer]] = {
    "byte-level": byte_level,
    "byte-level-prefix": plain_byte_level,
    "llama": lambda: with_byte_fallback(metaspace=False),
    "llama-metaspace": lambda: with_byte_fallback(metaspace=True),
    "word-piece": word_piece,
    "unigram": unigram,
}


@cache
def made(kind: str) -> str:
    return MAKERS[kind]().to_str()


def token(content: str, special: bool = True, **facts: bool) -> dict[str, Any]:
    flags = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False}
    return {"content": content, "special": special} | flags | facts


NAMED = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
LISTED = {str(number): token(content) for number, content in enumerate(SPECIAL)}
# What tokenizer_config.json says; "files" are others beside it.
CONFIGS: dict[str, dict[str, Any]] = {
    "generic": NAMED | {"tokenizer_class": "PreTrainedTokenizerFast"},
    "listed": NAMED | {"tokenizer_class": "PreTrainedTokenizer", "added_tokens_decoder": LISTED},
    "llama": NAMED | {"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": LISTED},
    "llama without bos, with eos": {
        "tokenizer_class": "LlamaTokenizerFast",
        "add_bos_token": False,
        "add_eos_token": True,
    },
    "llama with both": {
        "tokenizer_class": "LlamaTokenizerFast",
        "bos_token": token("<|begin|>") | {"__type": "AddedToken"},
        "eos_token": token("<|end|>") | {"__type": "AddedToken"},
        "add_eos_token": True,
    },
    "qwen2": {
        "tokenizer_class": "Qwen2Tokenizer",
        "eos_token": "<|end|>",
        "pad_token": "</s>",
        "bos_token": None,
        "additional_special_tokens": ["<|begin|>", "<|end|>"],
        "split_special_tokens": False,
        "add_prefix_space": False,
        "added_tokens_decoder": LISTED
        | {"5": token("<extra>", special=False), "900": token("<more>", special=False)},
    },
    "gpt2": {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "model_max_length": 5},
    "another flag": NAMED
    | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": LISTED
        | {"4": token("<|end|>", special=False, lstrip=True, rstrip=True)}
        | {"2": token("</s>", special=False)},  # and yet the eos_token
        "extra_special_tokens": {"image_token": "<image>"},
        "split_special_tokens": True,
    },
    "older": {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<nothing>",
        "files": {
            "special_tokens_map.json": {
                "bos_token": token("<s>"),
                "eos_token": "</s>",
                "unk_token": {"content": "<unk>"},
                "additional_special_tokens": ["<|end|>", token("<extra>")],
            },
            "added_tokens.json": {"<added>": 1200},
        },
    },
    "no class": {"files": {"config.json": {"model_type": "mistral"}}},
    "no class either": {"files": {"config.json": {"model_type": "qwen2"}}},
    "class of the model": {
        "files": {"config.json": {"model_type": "llama", "tokenizer_class": "GPT2Tokenizer"}}
    },
}


def write(folder: Path, kind: str, config: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(made(kind), encoding="utf-8")
    files = {"config.json": {"model_type": "llama"}} | config.get("files", {})
    own = {key: value for key, value in config.items() if key != "files"}
    for name, content in (files | {"tokenizer_config.json": own}).items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def both(folder: Path) -> tuple[ChatTokenizer, Any]:
    return ChatTokenizer.load(folder), AutoTokenizer.from_pretrained(str(folder))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("kind", MAKERS)
def test_texts_have_the_ids_of_transformers(kind: str, config: str, tmp_path: Path) -> None:
    ours, theirs = both(write(tmp_path, kind, CONFIGS[config]))
    for text in TEXTS:
        ids = theirs.encode(text)
        assert ours.encode(text) == ids, text
        shown = theirs.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert ours.decode(ids) == shown, text
    assert ours.end_ids == {theirs.eos_token_id} - {None}


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("config", ["generic", "llama", "qwen2", "older"])
@pytest.mark.parametrize("kind", ["byte-level", "llama"])
def test_chats_have_the_ids_of_transformers(
    kind: str, config: str, template: str, tmp_path: Path
) -> None:
    source = {"chat_template": TEMPLATES[template]}
    ours, theirs = both(write(tmp_path, kind, CONFIGS[config] | source))
    for chat in CHATS:
        messages = [ChatMessage(role, content) for role, content in chat]
        turns = [{"role": role, "content": content} for role, content in chat]
        try:
            expected = theirs.apply_chat_template(turns, add_generation_prompt=True)
        except Exception:
            with pytest.raises(BadChatTemplate):
                ours.encode_chat(messages)
        else:
            assert ours.encode_chat(messages) == expected


HELLO = [ChatMessage("user", "Hello")]


@pytest.mark.parametrize(
    "template",
    [
        [{"name": "tool_use", "template": "no"}, {"name": "default", "template": CHATML}],
        {"default": CHATML, "rag": "no"},
    ],
    ids=["list", "dict"],
)
def test_of_several_templates_the_default_one_is_taken(template: Any, tmp_path: Path) -> None:
    ours, theirs = both(
        write(tmp_path, "byte-level", CONFIGS["generic"] | {"chat_template": template})
    )
    turns = [{"role": "user", "content": "Hello"}]
    assert ours.encode_chat(HELLO) == theirs.apply_chat_template(turns, add_generation_prompt=True)


def test_a_template_in_a_file_of_its_own_comes_first(tmp_path: Path) -> None:
    write(tmp_path, "byte-level", CONFIGS["generic"] | {"chat_template": "not this one"})
    (tmp_path / "chat_template.jinja").write_text(CHATML, encoding="utf-8")
    ours, theirs = both(tmp_path)
    turns = [{"role": "user", "content": "Hello"}]
    assert ours.encode_chat(HELLO) == theirs.apply_chat_template(turns, add_generation_prompt=True)


def test_several_templates_without_a_default_count_as_none(tmp_path: Path) -> None:
    template = [{"name": "tool_use", "template": "no"}]
    write(tmp_path, "byte-level", CONFIGS["generic"] | {"chat_template": template})
    with pytest.raises(NoChatTemplate):
        ChatTokenizer.load(tmp_path).encode_chat(HELLO)


def test_without_tokenizer_json_transformers_converts_the_vocabulary(tmp_path: Path) -> None:
    write(tmp_path, "byte-level", {"tokenizer_class": "Qwen2Tokenizer", "chat_template": CHATML})
    model = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = "\n".join(" ".join(pair) for pair in model["merges"])
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
    ours, theirs = both(tmp_path)
    for text in TEXTS:
        assert ours.encode(text) == theirs.encode(text)
    assert ours.encode_chat(HELLO)
    assert ours.end_ids == {theirs.eos_token_id}


def test_a_class_with_rules_of_its_own_is_left_to_transformers(tmp_path: Path) -> None:
    config = NAMED | {"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": True}
    ours, theirs = both(write(tmp_path, "byte-level", config))
    for text in TEXTS:
        assert ours.encode(text) == theirs.encode(text)


def test_a_folder_written_by_transformers_5_is_read(tmp_path: Path) -> None:
    config = CONFIGS["listed"] | {"extra_special_tokens": ["<extra>"]}
    write(tmp_path, "byte-level", config | {"tokenizer_class": "TokenizersBackend"})
    ours = ChatTokenizer.load(tmp_path)
    ids = ours.encode("Hello <extra>")
    assert ours.decode(ids) == "Hello "


def test_a_length_limit_in_the_file_cuts_no_text(tmp_path: Path) -> None:
    write(tmp_path, "byte-level", CONFIGS["generic"])
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    ours, theirs = both(tmp_path)
    text = "Once upon a time there was a fox."
    assert ours.encode(text) == theirs.encode(text)
    assert ours.decode(ours.encode(text)) == text


@pytest.mark.parametrize(
    "config",
    [
        {"added_tokens_decoder": {"x": token("<s>")}},
        {"added_tokens_decoder": {"1": {"content": 7}}},
        {"added_tokens_decoder": ["<s>"]},
        {"chat_template": [{"name": "default"}]},
        {"chat_template": ["default"]},
    ],
    ids=str,
)
def test_nonsense_in_the_configuration_is_an_explained_failure(
    config: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(DamagedFile) as caught:
        ChatTokenizer.load(write(tmp_path, "byte-level", CONFIGS["generic"] | config))
    assert "\n" not in caught.value.said


def test_special_tokens_in_a_text_are_those_tokens(tmp_path: Path) -> None:
    ours = ChatTokenizer.load(write(tmp_path, "byte-level", CONFIGS["listed"]))
    assert ours.encode("a<|end|>") == [*ours.encode("a"), SPECIAL.index("<|end|>")]
