"""A model folder's tokenizer files -> the `tokenizers` library's own object.

Read as transformers' fast classes read them, without their weight. Where there is no
tokenizer.json, or the class has rules of its own, transformers itself makes the object.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, pre_tokenizers, processors

from engine.bounds import cpu_bound
from engine.errors import DamagedFile, NotAModel, TokenizerFailed
from engine.model_config import read_json
from engine.model_folder import read_file
from engine.tokenizer_bounds import check_growth, explained

_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
_TEMPLATE_FILE = "chat_template.jinja"
_TEMPLATE_LIMIT = 4_000_000  # bytes
_LIMIT = 100_000_000  # bytes of tokenizer.json: the largest known have a third of it
_LOAD_S = 60.0  # CPU time to read and build it all
_ADDED = 50_000  # tokens beside the vocabulary; more take minutes to be added
_SPECIAL = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
_MORE = "additional_special_tokens"
_LLAMA, _QWEN = "LlamaTokenizer", "Qwen2Tokenizer"
_TEXT_END = "<|endoftext|>"
# The classes of transformers that add no more than these defaults to what the files say; the last
# is what its version 5 calls the first.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "PreTrainedTokenizer": {},
    _LLAMA: {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    _QWEN: dict.fromkeys(("eos_token", "unk_token", "pad_token"), _TEXT_END),
    "GPT2Tokenizer": dict.fromkeys(("bos_token", "eos_token", "unk_token"), _TEXT_END),
    "TokenizersBackend": {},
}
# Of a folder that names no class: the model's decides.
_CLASSES = {"llama": _LLAMA, "mistral": _LLAMA, "qwen2": _QWEN, "qwen3": _QWEN}


@dataclass(frozen=True)
class TokenizerFiles:
    """What a folder holds: the tokenizer, its special tokens by name, and its chat template.

    special_tokens: as templates see them, {"bos_token": "<s>", …}. template: "" for none.
    """

    backend: Tokenizer
    special_tokens: Mapping[str, str | list[str]]
    template: str


def read_tokenizer(folder: Path) -> TokenizerFiles:
    """Return what `folder` holds. Raises NotAModel or DamagedFile."""
    if not any((folder / file).is_file() for file in _FILES):
        raise NotAModel(folder=folder, reason="it holds no tokenizer")
    try:
        with explained(), cpu_bound(_LOAD_S):
            return _read(folder)
    except TokenizerFailed as error:  # the library raises all kinds for a damaged file
        reason = error.facts["reason"]
        raise DamagedFile(file=folder / "tokenizer.json", reason=reason) from error


def _read(folder: Path) -> TokenizerFiles:
    config = _json(folder / "tokenizer_config.json")
    kind = _class(folder, config)
    file, template = folder / "tokenizer.json", _template(folder, config)
    if kind not in _DEFAULTS or not file.is_file():
        return _by_transformers(folder, template)
    backend = Tokenizer.from_buffer(read_file(file, _LIMIT))
    check_growth(backend)
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = bool(config.get("split_special_tokens"))
    named = _named_tokens(folder, config, _DEFAULTS[kind])
    special = {name: _contents(value) for name, value in named.items()}
    _add_tokens(backend, _listed_tokens(folder, config, backend), named)
    if kind == _LLAMA:
        _set_ends(backend, config, special)
    else:
        _set_prefix_space(backend, bool(config.get("add_prefix_space")))
    return TokenizerFiles(backend, special, template)


def _by_transformers(folder: Path, template: str) -> TokenizerFiles:
    from transformers import AutoTokenizer

    for key, value in _json(folder / "tokenizer_config.json").items():
        # transformers opens files by such names, wherever they lie.
        if key.endswith("_file") and isinstance(value, str) and Path(value).name != value:
            raise ValueError(f"its {key} is {value!r}")
    tokenizer = AutoTokenizer.from_pretrained(
        str(folder), trust_remote_code=False, local_files_only=True
    )
    if not tokenizer.is_fast:
        raise NotAModel(folder=folder, reason=f"its tokenizer ({type(tokenizer).__name__}) is slow")
    backend = tokenizer.backend_tokenizer
    check_growth(backend)
    backend.no_truncation()
    backend.no_padding()
    return TokenizerFiles(backend, tokenizer.special_tokens_map, template)


def _class(folder: Path, config: Mapping[str, Any]) -> str:
    """Return the name of transformers' class for the folder, without "Fast"."""
    model = _json(folder / "config.json")
    name = config.get("tokenizer_class") or model.get("tokenizer_class")
    if not isinstance(name, str | None):
        raise TypeError(f"its tokenizer_class is {name!s:.80}")
    name = name or _CLASSES.get(str(model.get("model_type")), "PreTrainedTokenizer")
    return str(name).removesuffix("Fast")


def _template(folder: Path, config: Mapping[str, Any]) -> str:
    file = folder / _TEMPLATE_FILE
    if file.is_file():
        return _text(file)
    template = config.get("chat_template") or ""
    if isinstance(template, list):
        template = {named["name"]: named["template"] for named in template}
    return str(template.get("default", "") if isinstance(template, dict) else template)


def _text(file: Path) -> str:
    try:
        return read_file(file, _TEMPLATE_LIMIT).decode()
    except UnicodeDecodeError as error:
        raise DamagedFile(file=file, reason="it is no UTF-8 text") from error


def _named_tokens(
    folder: Path, config: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the special tokens by name: each a text, an AddedToken's facts, or a list of such."""
    named = dict(defaults) | {name: config[name] for name in (*_SPECIAL, _MORE) if name in config}
    if "added_tokens_decoder" not in config:  # as all folders were before 2023
        older = _json(folder / "special_tokens_map.json")
        more = [*(named.get(_MORE) or []), *(older.pop(_MORE, None) or [])]
        named |= {name: older[name] for name in _SPECIAL if name in older} | {_MORE: more}
    extra = config.get("extra_special_tokens") or {}
    named |= extra if isinstance(extra, dict) else {_MORE: [*(named.get(_MORE) or []), *extra]}
    return {name: value for name, value in named.items() if value}


def _listed_tokens(
    folder: Path, config: Mapping[str, Any], backend: Tokenizer
) -> Iterator[AddedToken]:
    """Yield the tokens that the folder lists beside the vocabulary, by their ids."""
    listed: dict[int, AddedToken] = backend.get_added_tokens_decoder()
    if "added_tokens_decoder" in config:
        facts = config["added_tokens_decoder"]
        listed = {int(number): _added_token(token) for number, token in facts.items()}
    else:
        older = _json(folder / "added_tokens.json")
        listed = {number: AddedToken(text) for text, number in older.items()} | listed
    for number in sorted(listed):
        yield listed[number]


def _add_tokens(backend: Tokenizer, listed: Iterable[AddedToken], named: Mapping[str, Any]) -> None:
    """Add tokens that tokenizer.json lacks, and correct what it says of others."""
    special = {_content(token) for value in named.values() for token in _each(value)}
    tokens = []
    for token in listed:
        token.special = token.special or token.content in special
        tokens.append(token)
    known = {token.content for token in (*tokens, *backend.get_added_tokens_decoder().values())}
    for value in named.values():
        tokens += [_added_token(token) for token in _each(value) if _content(token) not in known]
    if len(tokens) > _ADDED:
        raise ValueError(f"it adds {len(tokens):,} tokens")
    backend.add_tokens(tokens)


def _set_ends(
    backend: Tokenizer, config: Mapping[str, Any], special: Mapping[str, str | list[str]]
) -> None:
    """Make texts begin and end as LlamaTokenizerFast does, whatever tokenizer.json says."""
    begin = special.get("bos_token") if config.get("add_bos_token", True) else None
    end = special.get("eos_token") if config.get("add_eos_token", False) else None
    ids = {str(token): backend.token_to_id(str(token)) for token in (begin, end) if token}
    single = [*([begin] if begin else []), "$A", *([end] if end else [])]
    backend.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=list(ids.items())
    )


def _set_prefix_space(backend: Tokenizer, wanted: bool) -> None:
    """Let tokenizer_config.json decide on a space before the text, as transformers does."""
    if backend.pre_tokenizer is None:
        return
    state = json.loads(backend.pre_tokenizer.__getstate__())
    if state.get("add_prefix_space", wanted) != wanted:
        kind = getattr(pre_tokenizers, state.pop("type"))
        backend.pre_tokenizer = kind(**state | {"add_prefix_space": wanted})


def _contents(value: Any) -> str | list[str]:
    return [_content(token) for token in value] if isinstance(value, list) else _content(value)


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _content(token: Any) -> str:
    return str(token["content"] if isinstance(token, dict) else token)


def _added_token(token: Any) -> AddedToken:
    """Return a token from a text, which is special then, or from its facts."""
    if not isinstance(token, dict):
        return AddedToken(str(token), special=True, normalized=False)
    return AddedToken(**{key: value for key, value in token.items() if key != "__type"})


def _json(file: Path) -> dict[str, Any]:
    return read_json(file) if file.is_file() else {}
