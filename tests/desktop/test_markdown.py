"""Markdown without a window: units that settle, thinking, colours of code, formulas."""

from itertools import pairwise
from time import process_time

import pytest

from desktop.markdown.formula import draw
from desktop.markdown.highlight import LANGUAGES, make_lexer, spans
from desktop.markdown.parser import is_safe, make_parser
from desktop.markdown.reader import Reader, Unit
from desktop.markdown.thinking import Parts, split

TEXT = (
    "# Title\n\nA paragraph\nof *two* lines.\n\n"
    "1. one\n1. two\n   - nested\n\n     more\n1. three\n\n"
    "> said\n\n```python\n"
    + "\n".join(f"x{i} = {i}" + "\n" * (i % 9 == 0) for i in range(300))
    + "\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n$$\nx\n$$\n\nThe end"
)


def read(reader: Reader, text: str, growing: bool) -> tuple[list[Unit], list[Unit]]:
    settled: list[Unit] = []
    while True:
        step = reader.read(text, growing)
        settled += step.settled
        if not step.more:
            return settled, list(step.open)


def kinds(units: list[Unit]) -> list[tuple[str, int]]:
    return [(unit.kind, unit.number) for unit in units if unit.begins]


def code(units: list[Unit]) -> str:
    return "".join(unit.tokens[0].content for unit in units if unit.kind == "fence")


@pytest.mark.parametrize("step", [1, 7, 100])
def test_growing_text_settles_into_what_it_is_as_a_whole(step: int) -> None:
    whole, _ = read(Reader(make_parser()), TEXT, growing=False)
    reader = Reader(make_parser())
    grown: list[Unit] = []
    for end in range(step, len(TEXT) + step, step):
        settled, still_open = read(reader, TEXT[:end], growing=True)
        grown += settled
        assert "".join(unit.source for unit in [*grown, *still_open]) == TEXT[:end]
    grown += read(reader, TEXT, growing=False)[0]
    assert kinds(grown) == kinds(whole)
    assert [number for kind, number in kinds(whole) if number] == [1, 2, 3]
    assert code(grown) == code(whole)


def test_only_the_last_unit_is_read_again() -> None:
    reader = Reader(make_parser())
    read(reader, TEXT + "\n", growing=True)
    settled, still_open = read(reader, TEXT + "\n\nand more\n", growing=True)
    assert [unit.source for unit in settled] == ["The end\n\n"]
    assert [unit.source for unit in still_open] == ["and more\n"]


def test_long_blocks_are_read_in_slices() -> None:
    rows = "".join(f"| {i} | b |\n" for i in range(2000))
    for text in (f"| a | b |\n|---|---|\n{rows}\nend", f"```\n{rows}```\n\nend", "a" * 30_000):
        units, _ = read(Reader(make_parser()), text, growing=False)
        assert "".join(unit.source for unit in units) == text
        assert max(len(unit.source) for unit in units) <= 3_000
        assert len({unit.kind for unit in units[:-1]}) == 1


def test_code_in_pieces_is_one_block_of_code() -> None:
    text = "```c\n" + "int x;\n" * 3000 + "```\n"
    units, _ = read(Reader(make_parser()), text, growing=False)
    assert len(units) > 3 and {unit.block for unit in units} == {0}
    assert [unit.begins for unit in units] == [True] + [False] * (len(units) - 1)
    assert [unit.ends for unit in units] == [False] * (len(units) - 1) + [True]


def test_a_link_may_be_defined_at_the_end() -> None:
    text = "[a][1]\n\n" + "x\n\n" * 4000 + "[1]: https://example.org/"
    units, _ = read(Reader(make_parser()), text, growing=False)
    assert "link_open" in [child.type for child in units[0].tokens[1].children or ()]
    growing = Reader(make_parser())
    read(growing, text[:10], growing=True)
    assert growing.is_outdated(text)


def test_nesting_has_an_end_and_loses_nothing() -> None:
    text = "> " * 100 + "deep"
    tokens = make_parser().parse(text)
    assert max(token.level for token in tokens) < 40
    kept = next(token.meta["plain"] for token in tokens if token.type == "inline")
    assert kept.endswith("> deep") and kept.count(">") + 24 >= 100


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "vbscript:x",
        "//example.org",
        "/etc/passwd",
        "",
    ],
)
def test_unsafe_links_are_text(url: str) -> None:
    assert not is_safe(url)
    tokens = make_parser().parse(f"[a]({url}) <{url}>")
    links = [child.attrs["href"] for t in tokens for child in t.children or () if child.attrs]
    assert not any(links)


def test_prices_are_no_formulas() -> None:
    def formulas(text: str) -> list[str]:
        tokens = make_parser().parse(text)
        inner = [child for token in tokens for child in token.children or ()]
        return [token.content for token in [*tokens, *inner] if token.type.startswith("math")]

    assert formulas("It costs $5, or $10 for two.") == []
    assert formulas(r"$a$ \(b\) $$c$$ \[d\]") == ["a", "b", "c", "d"]
    assert formulas("$$\na\n+b\n$$\n\n\\[\nc\n\\]") == ["a\n+b", "c"]
    assert formulas("`$a$`\n\n```\n$b$\n```\n\n\\$c$") == []
    assert formulas("$$\nnever\n\nended") == []


# -- thinking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", Parts("", "plain")),
        ("<think>\na\n</think>\n\nb", Parts("a", "b")),
        ("<think>a", Parts("a", "", is_open=True)),
        ("<THINKING>a</THINKING>b", Parts("a", "b")),
        ("<think>\n\n</think>\n\nb", Parts("", "b")),
        ("reasoned\n</think>\n\nb", Parts("reasoned", "b")),
        ("<thi", Parts("", "")),
        ("<b>", Parts("", "<b>")),
        (
            "Use `<think>` so:\n\n```\n</think>\n```",
            Parts("", "Use `<think>` so:\n\n```\n</think>\n```"),
        ),
    ],
)
def test_thinking_is_taken_apart(text: str, parts: Parts) -> None:
    assert split(text) == parts


# -- code ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", sorted(set(LANGUAGES.values())))
def test_each_language_has_a_lexer_that_loses_nothing(language: str) -> None:
    lexer = make_lexer(next(name for name, of in LANGUAGES.items() if of == language))
    assert lexer
    text = "\n\ndef f(x):\n\treturn 'a' # ü 🦊\n<a b='c'>{\"d\": [1]}</a>\n"
    pieces = spans(text, lexer)
    assert "".join(piece for piece, _ in pieces) == text
    assert all(one[1] != other[1] for one, other in pairwise(pieces))


def test_unknown_languages_are_plain() -> None:
    assert make_lexer("../../evil") is None


# -- formulas --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "latex",
    [
        "E=mc^2",
        r"x < 0 \land y > 1",
        r"\int_0^\infty e^{-x^2}\,dx=\frac{\sqrt{\pi}}{2}",
        r"\begin{pmatrix}a&b\\c&d\end{pmatrix}",
        r"\mathcal{L}(\theta)=-\sum_i y_i\log\hat{y}_i",
    ],
)
def test_formulas_are_drawn(latex: str) -> None:
    formula = draw(latex, 15, display=True)
    assert formula and formula.width > 10 and 0 <= formula.depth < formula.height
    assert formula.svg.startswith(b"<svg") and b"<image" not in formula.svg


@pytest.mark.parametrize(
    "latex", [r"\frac{", r"\nonsense{x}", "x_a_b", "a\x00b", r"\text{<b>}", ""]
)
def test_what_is_no_formula_is_not_drawn(latex: str) -> None:
    assert draw(latex, 15, display=False) is None


@pytest.mark.parametrize(
    "latex",
    [
        "x^{" * 60 + "}" * 60,
        r"\frac{1}{" * 50 + "1" + "}" * 50,
        r"\left(" * 60 + "x" + r"\right)" * 60,
        r"\begin{matrix}" * 20 + "x" + r"\end{matrix}" * 20,
        r"\newcommand{\x}{\x\x}\x",
        "{" * 500 + "}" * 500,
        "a" * 100_000,
    ],
)
def test_formulas_that_would_take_for_ever_are_given_up(latex: str) -> None:
    draw("x", 15, display=False)  # reads the font
    began = process_time()
    draw(latex, 15, display=True)
    assert process_time() - began < 3
