"""A model's chat template: Jinja from a stranger, rendered in a sandbox and within bounds.

Templates are written for transformers, so the environment is the one that it gives them. The
sandbox reaches nothing but the messages; what a template may cost is bounded besides: CPU time,
the size of its text and of products. What still gets through ends the engine process at worst.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import BadChatTemplate
from engine.messages import ChatMessage

_CPU_S = 5.0
_LENGTH = 20_000_000  # characters of the rendered text, and of a product
_TEMPLATE_LENGTH = 1_000_000  # characters
_BITS = 10_000  # of a power
_TURNS = "turns"  # the name of the filter that is put around what a loop runs over


class ChatTemplate:
    """A compiled template with the special tokens that it may name."""

    def __init__(self, source: str, special_tokens: Mapping[str, object]) -> None:
        """Compile it. Raises BadChatTemplate."""
        if len(source) > _TEMPLATE_LENGTH:
            raise BadChatTemplate(reason=f"it has {len(source):,} characters")
        self._special_tokens = special_tokens
        self._environment = _Environment()
        try:
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
            return "".join(self._environment.bounded(self._template.generate(variables)))
        except Exception as error:  # the template is a program: it can fail in any way
            raise BadChatTemplate(reason=_plain(error)) from error


class _Environment(ImmutableSandboxedEnvironment):
    """transformers' environment, with a look at the clock at each call and turn of a loop."""

    intercepted_binops = frozenset(("*", "**"))

    def __init__(self) -> None:
        self.begin()
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", _GenerationBlock],
        )
        self.filters |= {"tojson": _to_json, _TURNS: self._turns}
        self.globals |= {"raise_exception": _raise, "strftime_now": _now}

    def begin(self) -> None:
        """Give what follows its CPU time."""
        self._end = time.thread_time() + _CPU_S

    def bounded(self, pieces: Iterable[str]) -> Iterator[str]:
        """Yield `pieces` as long as they are not too many."""
        length = 0
        for piece in pieces:
            length += len(piece)
            if length > _LENGTH:
                raise TemplateError(f"it writes more than {_LENGTH:,} characters")
            self._check()
            yield piece

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call `function`, unless time is up."""
        self._check()
        return super().call(context, function, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply, unless the product is out of all proportion."""
        if _is_huge(operator, left, right):
            raise TemplateError("one of its products is too large")
        return super().call_binop(context, operator, left, right)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        for loop in source.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, _TURNS, [], [], None, None)
        return super()._generate(source, *args, **kwargs)

    def _turns(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._check()
            yield item

    def _check(self) -> None:
        if time.thread_time() > self._end:
            raise TemplateError(f"it takes more than {_CPU_S:g} seconds")


class _GenerationBlock(Extension):
    """{% generation %} … {% endgeneration %}: what an assistant wrote, marked for training."""

    tags = {"generation"}  # noqa: RUF012 - so it is declared in the base class

    def parse(self, parser: Parser) -> nodes.Node:
        """Return the block's content, in a scope of its own."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


def _is_huge(operator: str, left: Any, right: Any) -> bool:
    if operator == "**":
        whole = isinstance(left, int) and isinstance(right, int)
        return whole and left.bit_length() * right > _BITS
    return any(
        isinstance(values, str | list | tuple)
        and isinstance(count, int)
        and len(values) * count > _LENGTH
        for values, count in ((left, right), (right, left))
    )


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
    return str(error)[:200].rstrip(".") or type(error).__name__
