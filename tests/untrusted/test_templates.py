"""A chat template is a stranger's program: whatever it does ends soon, small, and in words."""

import pytest

from engine.chat_template import ChatTemplate
from engine.errors import BadChatTemplate
from engine.messages import ChatMessage
from engine.telemetry import forget_peak, memory

HELLO = [ChatMessage("user", "Hello")]
_ROOM = 700_000_000  # bytes that may be taken for a moment


def _doubling(step: str, end: str = "") -> str:
    body = f"{{% for i in range(60) %}}{{% set n.x = {step} %}}{{% endfor %}}"
    return f"{{% set n = namespace(x=['aaaa']) %}}{body}{end}"


ENDLESS = {
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "macros": "{% macro m(n) %}{{ m(n - 1) ~ m(n - 1) if n }}{% endmacro %}{{ m(60) }}",
    "slices": "{{ [1] | slice(10**9) | list }}",
    "made texts": "{{ lipsum(n=10**8) }}",
    "sums of lists": "{% set x = [1] * 1000 %}"
    "{{ range(99999) | map('replace', 1, 2) | map('list') | sum(start=[]) | length }}",
    "whole numbers": "{% set n = namespace(x=10**3000) %}"
    "{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "wrapping": "{{ ('a ' * 9000000) | wordwrap(1) }}",
    "nested lists": _doubling("[n.x]", "{{ n.x }}").replace("60", "99999"),
    "nested generators": _doubling("n.x | map('upper')", "{{ n.x | list }}").replace("60", "99999"),
}
LARGE = {
    "sums": _doubling("n.x + n.x"),
    "texts": _doubling("n.x ~ n.x"),
    "sums of texts": _doubling("n.x | string + n.x | string"),
    "lists, written": _doubling("[n.x, n.x]", "{{ n.x }}"),
    "lists, compared": _doubling("[n.x, n.x]", "{{ n.x == n.x + [1] }}"),
    "tuples": _doubling("(n.x, n.x)", "{{ n.x | tojson }}"),
    "dicts": _doubling("{1: n.x, 2: n.x}", "{{ n.x | string }}"),
    "called dicts": _doubling("dict(a=n.x, b=n.x)", "{{ n.x }}"),
    "batches": _doubling("(n.x + n.x) | batch(2) | list", "{{ n.x }}"),
    "macro": "{% macro m(x, n) %}{{ m([x, x], n - 1) if n else x }}{% endmacro %}{{ m(1, 60) }}",
    "replace": "{{ ('a' * 20000) | replace('a', 'a' * 1000000) }}",
    "join": "{{ ('a' * 1000000).join('b' * 20000) }}",
    "center": "{{ 'a' | center(9999999999) }}",
    "percent": "{{ '%10000000000d' % 1 }}",
    "format": "{{ '{:10000000000}'.format(1) }}",
    "indent": "{{ 'a\nb' | indent(10**10) }}",
    "JSON": "{{ [1] | tojson(indent=10**10) }}",
    "a block that is set": "{% set x %}{% for i in range(9999) %}{{ 'a' * 1000000 }}{% endfor %}"
    "{% endset %}{{ x | length }}",
    "a block that is filtered": "{% filter upper %}{% for i in range(9999) %}{{ 'a' * 1000000 }}"
    "{% endfor %}{% endfilter %}",
    "half a character": "{{ '\\ud800' }}",
}


@pytest.mark.parametrize("name", [*ENDLESS, *LARGE])
def test_a_template_without_bounds_is_an_explained_failure(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in ENDLESS:
        monkeypatch.setattr("engine.template_bounds._CPU_S", 0.3)
    forget_peak()
    before = memory()[0]
    with pytest.raises(BadChatTemplate, match="could not be applied"):
        ChatTemplate((ENDLESS | LARGE)[name], {}).render(HELLO)
    assert memory()[1] - before < _ROOM


def test_namespaces_in_each_other_are_not_written_out() -> None:
    text = ChatTemplate(
        "{% set n = namespace(l=1) %}{% for i in range(60) %}{% set b = namespace(x=n.l, y=n.l) %}"
        "{% set n.l = b %}{% endfor %}{{ n.l }}",
        {},
    ).render(HELLO)
    assert text == "<Namespace>"


def test_what_honest_templates_do_is_done() -> None:
    source = (
        "{{ messages[0].content ~ 1 ~ none ~ (messages | length) }} "
        "{{ ([1, 2] + [3]) | join('-') }}"
        "{% set a, b = 1, 2 %} {{ '%s-%d' % ('x', 3) }} {{ (1, 2)[0] + b }}"
        "{% for k, v in {'k': 'v'} | items %} {{ k }}{{ v }}{% endfor %}"
        "{% for k, v in {'k': 'v'}.items() %} {{ k }}{{ v }}{% endfor %}"
        "{% set m = messages + [{'role': 'user', 'content': 'more'}] %} {{ m[-1].content }}"
        " {{ messages | map(attribute='role') | list | tojson }} {{ 'a b' | title }}"
        " {{ messages | selectattr('role', 'equalto', 'user') | list | length }}"
    )
    assert ChatTemplate(source, {}).render(HELLO) == (
        'Hello1None1 1-2-3 x-3 3 kv kv more ["user"] A B 1'
    )
