"""Text to token ids and back: the model's own tokenizer and chat template."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.chat_template import ChatTemplate
from engine.errors import NoChatTemplate
from engine.messages import ChatMessage
from engine.model_config import read_json
from engine.store.hub_cache import title_of
from engine.tokenizer_bounds import bounded, decoding
from engine.tokenizer_files import TokenizerFiles, read_tokenizer

_WINDOW = 8  # ids of the text before, of which a token's text may depend on the last
_UNFINISHED = "\ufffd"  # what a decoder shows for bytes that are no whole character yet


class ChatTokenizer:
    """A model's tokenizer, its chat template and the ids that end a turn."""

    def __init__(self, files: TokenizerFiles, end_ids: frozenset[int], name: str) -> None:
        self._files = files
        self._backend = files.backend
        self.end_ids = end_ids
        self._name = name

    @classmethod
    def load(cls, folder: Path) -> "ChatTokenizer":
        """Return the tokenizer in `folder`. Raises NotAModel or DamagedFile."""
        files = read_tokenizer(folder)
        return cls(files, _end_ids(folder, files), title_of(folder))

    def encode(self, text: str, adds_special: bool = True) -> list[int]:
        """Return the ids of `text`, with the special tokens that the tokenizer itself adds.

        Raises TokenizerFailed.
        """
        with bounded(len(text)):
            ids: list[int] = self._backend.encode(text, add_special_tokens=adds_special).ids
        return ids

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Return a conversation as the text up to where the assistant's answer begins.

        Raises NoChatTemplate or BadChatTemplate.
        """
        if not self._files.template:
            raise NoChatTemplate(model=self._name)
        return self._template.render(messages)

    def encode_chat(self, messages: Sequence[ChatMessage], continues: bool = False) -> list[int]:
        """Return the ids of a conversation, up to where the assistant's answer begins.

        continues: the last message is the beginning of that answer, and stands there open: it is
        put behind the template's prompt as the model had written it, never through the template,
        which may change and would close it. Raises NoChatTemplate or BadChatTemplate.
        """
        beginning = messages[-1].content if continues else ""
        text = self.render(messages[:-1] if continues else messages) + beginning
        # The template itself has written the special tokens.
        return self.encode(text, adds_special=False)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens left out. Raises TokenizerFailed."""
        with decoding():
            text: str = self._backend.decode(ids, skip_special_tokens=True)
        return text

    def name(self, token: int) -> str:
        """Return what the vocabulary calls `token`: "<|im_end|>"; "" where it has no such id."""
        return self._backend.id_to_token(token) or ""

    @functools.cached_property
    def _template(self) -> ChatTemplate:
        return ChatTemplate(self._files.template, self._files.special_tokens)


class Detokenizer:
    """Text of a growing sequence of ids, never ending in half a character.

    Decodes only a short window: text before `_settled` is final, as a token's text can depend on
    the one before it (a leading space) but not on earlier ones. before: the ids of a text that is
    continued, whose end is all that is looked at.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], before: Sequence[int] = ()) -> None:
        self._decode = decode
        self._ids = list(before[-_WINDOW:])
        self._settled = 0
        self._shown = len(self._ids)

    def add(self, token: int) -> str:
        """Return the text that `token` completes, "" where it completes none."""
        self._ids.append(token)
        text = self._pending()
        if text.endswith(_UNFINISHED):
            return ""
        self._settled, self._shown = self._shown, len(self._ids)
        return text

    def flush(self) -> str:
        """Return what was held back, unfinished or not."""
        text = self._pending()
        self._settled, self._shown = self._shown, len(self._ids)
        return text

    def _pending(self) -> str:
        before = self._decode(self._ids[self._settled : self._shown])
        return self._decode(self._ids[self._settled :])[len(before) :]


class StopStrings:
    """Hold back text that may be the beginning of a stop string; end the answer before one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.found = False

    def add(self, text: str) -> str:
        """Return the text that is surely part of the answer, as far as it is known."""
        self._held += text
        places = [(self._held.find(stop), stop) for stop in self._stops]
        # The one that is whole first, so that the size of the pieces makes no difference.
        ends = [(place + len(stop), place) for place, stop in places if place >= 0]
        if ends:
            self.found = True
            safe, self._held = self._held[: min(ends)[1]], ""
            return safe
        keep = max((self._overlap(stop) for stop in self._stops), default=0)
        cut = len(self._held) - keep
        safe, self._held = self._held[:cut], self._held[cut:]
        return safe

    def flush(self) -> str:
        """Return what was held back after all."""
        held, self._held = self._held, ""
        return held

    def _overlap(self, stop: str) -> int:
        """Length of the longest beginning of `stop` that the held text ends with."""
        longest = min(len(stop) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._held.endswith(stop[:n])), 0)


def _end_ids(folder: Path, files: TokenizerFiles) -> frozenset[int]:
    """The ids that end a turn, from generation_config.json, config.json and the tokenizer."""
    ids: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            value = read_json(folder / name).get("eos_token_id")
            values = value if isinstance(value, list) else [value]
            ids.update(v for v in values if isinstance(v, int))
    end = files.backend.token_to_id(str(files.special_tokens.get("eos_token", "")))
    return frozenset(ids if end is None else ids | {end})
