"""Text to token ids and back: the model's own tokenizer and chat template.

The template is Jinja from a stranger; transformers renders it in a sandbox that has no access to
anything but the messages.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import BadChatTemplate, DamagedFile, NoChatTemplate, NotAModel
from engine.messages import ChatMessage
from engine.model_config import read_json
from engine.model_files import has_tokenizer
from engine.store.hub_cache import title_of

_UNFINISHED = "\ufffd"  # what a decoder shows for bytes that are no whole character yet


class ChatTokenizer:
    """A model's tokenizer, its chat template and the ids that end a turn."""

    def __init__(self, tokenizer: Any, end_ids: frozenset[int], name: str) -> None:
        self._tokenizer = tokenizer
        self.end_ids = end_ids
        self._name = name

    @classmethod
    def load(cls, folder: Path) -> "ChatTokenizer":
        """Return the tokenizer in `folder`. Raises NotAModel or DamagedFile."""
        from transformers import AutoTokenizer

        if not has_tokenizer(folder):
            raise NotAModel(folder=folder, reason="it holds no tokenizer")
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                str(folder), trust_remote_code=False, local_files_only=True
            )
        except Exception as error:  # the library raises all kinds for a damaged file
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise DamagedFile(file=folder / "tokenizer.json", reason=reason) from error
        # Only a warning of the library's hangs on it; the context is checked where it is used.
        tokenizer.model_max_length = sys.maxsize
        return cls(tokenizer, _end_ids(folder, tokenizer), title_of(folder))

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, with the special tokens that the tokenizer itself adds."""
        ids: list[int] = self._tokenizer.encode(text)
        return ids

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Return the ids of a conversation, up to where the assistant's answer begins.

        Raises NoChatTemplate or BadChatTemplate.
        """
        if not self._tokenizer.chat_template:
            raise NoChatTemplate(model=self._name)
        turns = [{"role": m.role, "content": m.content} for m in messages]
        try:
            ids: list[int] = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True)
        except Exception as error:  # the template is a program: it can fail in any way
            reason = str(error)[:200].rstrip(".") or type(error).__name__
            raise BadChatTemplate(reason=reason) from error
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens left out."""
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


class Detokenizer:
    """Text of a growing sequence of ids, never ending in half a character.

    Decodes only a short window: text before `_settled` is final, as a token's text can depend on
    the one before it (a leading space) but not on earlier ones.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._settled = 0
        self._shown = 0

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


def _end_ids(folder: Path, tokenizer: Any) -> frozenset[int]:
    """The ids that end a turn, from generation_config.json, config.json and the tokenizer."""
    ids: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            value = read_json(folder / name).get("eos_token_id")
            values = value if isinstance(value, list) else [value]
            ids.update(v for v in values if isinstance(v, int))
    if isinstance(tokenizer.eos_token_id, int):
        ids.add(tokenizer.eos_token_id)
    return frozenset(ids)
