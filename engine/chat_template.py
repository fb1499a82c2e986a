"""A model's chat template: Jinja from a stranger, rendered in a sandbox and within bounds.

Templates are written for transformers, so the environment is the one that it gives them. The
sandbox reaches nothing but the messages. What a template may cost is bounded too: CPU time, the
size of its text and of each value, the memory of the process. Small values keep each single step
short, so that the clock, which is looked at between steps, is looked at often.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from engine.bounds import cpu_bound, memory_bound
from engine.errors import BadChatTemplate
from engine.messages import ChatMessage
from engine.template_bounds import BoundedEnvironment

_KILLED_S = (
    30.0  # until the system ends the process: for what the environment's own clock cannot stop
)
_MEMORY = 1 << 29  # bytes
_TEMPLATE_LENGTH = 1_000_000  # characters


class ChatTemplate:
    """A compiled template with the special tokens that it may name."""

    def __init__(self, source: str, special_tokens: Mapping[str, object]) -> None:
        """Compile it. Raises BadChatTemplate."""
        if len(source) > _TEMPLATE_LENGTH:
            raise BadChatTemplate(reason=f"it has {len(source):,} characters")
        self._special_tokens = special_tokens
        self._environment = BoundedEnvironment(extensions=[_GenerationBlock])
        self._environment.filters |= {"tojson": _to_json}
        self._environment.globals |= {"raise_exception": _raise, "strftime_now": _now}
        try:
            with cpu_bound(_KILLED_S), memory_bound(_MEMORY):
                self._template = self._environment.from_string(source)
        except Exception as error:  # also RecursionError, where it is nested too deeply
            raise BadChatTemplate(reason=_plain(error)) from error

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Return the text of a conversation, up to where the answer begins.

        Raises BadChatTemplate.
        """
        self._environment.begin()
        variables = dict(self._special_tokens) | {
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
        }
        try:
            with cpu_bound(_KILLED_S), memory_bound(_MEMORY):
                return _joined(self._environment.bounded(self._template.generate(variables)))
        except Exception as error:  # the template is a program: it can fail in any way
            raise BadChatTemplate(reason=_plain(error)) from error


class _GenerationBlock(Extension):
    """{% generation %} … {% endgeneration %}: what an assistant wrote, marked for training."""

    tags = {"generation"}  # noqa: RUF012 - so it is declared in the base class

    def parse(self, parser: Parser) -> nodes.Node:
        """Return the block's content, in a scope of its own."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


def _joined(pieces: Iterable[str]) -> str:
    """Return the text. Raises UnicodeError where half a character is in it (a lone surrogate)."""
    text = "".join(pieces)
    text.encode()
    return text


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter of this name escapes for HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise(message: object) -> NoReturn:
    raise TemplateError(str(message))


def _now(form: str) -> str:
    return datetime.now().strftime(form)


def _plain(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    return str(error)[:200].rstrip(".") or type(error).__name__
