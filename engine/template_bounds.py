"""Jinja's sandbox with bounds: no step of a template may take long, nor make a large value.

Values grow in few ways: by operators, filters, calls, and lists of lists. Each of these goes
through the environment, which measures the outcome. So what doubles in a loop ends early, and
whatever compares or writes a value has little to do.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

_CPU_S = 5.0
_LENGTH = 20_000_000  # characters of a text, the rendered one included
_PARTS = 200_000  # of a value: a list that is in a list twice counts twice
_BITS = 10_000  # of a whole number
_TURNS, _SIZED, _CONCAT = "turns of a loop", "sized", "concatenated"  # no template can name these
# Filters that take very long for a long text, and one that makes texts; no chat needs them.
_SLOW = ("urlize", "wordwrap", "pprint", "xmlattr")


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """transformers' environment, with a look at the clock and at sizes at each step."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, extensions: Iterable[type[Extension]]) -> None:
        self.begin()
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", *extensions],
        )
        del self.globals["lipsum"]
        self.globals["namespace"] = _Namespace
        own = {_TURNS: self._turns, _SIZED: self._sized, _CONCAT: self._concatenated}
        kept = {name: made for name, made in self.filters.items() if name not in _SLOW}
        self.filters = {name: self._checked(made) for name, made in kept.items()} | own

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
        return self._sized(super().call(context, function, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute, unless the outcome is out of all proportion."""
        self._check()
        if _is_huge(operator, left, right):
            raise TemplateError("one of its products is too large")
        return self._sized(super().call_binop(context, operator, left, right))

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Measured().visit(source), *args, **kwargs)

    def _checked(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a filter whose outcome is measured, also where it comes piece by piece."""

        @functools.wraps(function)  # with what it says of the arguments that it wants
        def checked(*args: Any, **kwargs: Any) -> Any:
            self._check()
            made = function(*args, **kwargs)
            return self._turns(made) if isinstance(made, Iterator) else self._sized(made)

        return checked

    def _turns(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._check()
            yield item

    def _concatenated(self, values: list[Any]) -> str:
        self._check()
        texts = [str(value) for value in values]
        if sum(map(len, texts)) > _LENGTH:
            raise TemplateError("one of its texts is too long")
        return "".join(texts)

    def _sized(self, value: Any) -> Any:
        if isinstance(value, str | list | tuple | dict) and _is_too_large(value):
            raise TemplateError("one of its values is too large")
        return value

    def _check(self) -> None:
        if time.thread_time() > self._end:
            raise TemplateError(f"it takes more than {_CPU_S:g} seconds")


class _Namespace(Namespace):
    """Jinja's own, which writes all that is in it: that can be each other, twice."""

    def __repr__(self) -> str:
        return "<Namespace>"


class _Measured(NodeTransformer):
    """Puts a filter around what loops run over, around literals, and in place of `~`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja2's names
        self.generic_visit(node)
        node.iter = _filtered(node.iter, _TURNS)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, _SIZED)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, _SIZED) if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, _SIZED)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), _CONCAT)


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _is_huge(operator: str, left: Any, right: Any) -> bool:
    """Return whether an operator's outcome is too large even to be computed."""
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else 0
        bits = left.bit_length() + right.bit_length() if operator == "*" else bits
        return bits > _BITS
    return operator == "*" and any(
        isinstance(values, str | list | tuple)
        and isinstance(count, int)
        and len(values) * count > (_LENGTH if isinstance(values, str) else _PARTS)
        for values, count in ((left, right), (right, left))
    )


def _is_too_large(value: Any) -> bool:
    """Return whether `value` has too many parts, or texts that are too long together."""
    parts = length = 0
    rest = [iter((value,))]
    while rest:
        for part in rest[-1]:
            parts += 1
            length += len(part) if isinstance(part, str) else 0
            if parts > _PARTS or length > _LENGTH:
                return True
            if isinstance(part, list | tuple):
                rest.append(iter(part))
                break
            if isinstance(part, Mapping):
                rest.append(iter([*part.keys(), *part.values()]))
                break
        else:
            rest.pop()
    return False
