"""The Markdown dialect: CommonMark with GitHub's tables and strikethrough, and formulas.

HTML is text. Nesting is bounded; what is nested deeper is kept as a plain paragraph.
"""

from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

_SAFE_SCHEMES = frozenset({"http", "https", "mailto"})
_DEEPEST = 24  # a list takes two levels, a quotation one
_LONGEST_FORMULA = 1_000  # characters
_MOST_BRACKETS = 300  # in a paragraph: looking for a link's end takes the square of their number
_INLINE = (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$"))
_BLOCK = (("$$", "$$"), ("\\[", "\\]"))


def is_safe(url: str) -> bool:
    """Return whether a link may be opened: to the web or to mail, nothing else."""
    try:
        return urlsplit(url.strip()).scheme.lower() in _SAFE_SCHEMES
    except ValueError:
        return False


def make_parser() -> MarkdownIt:
    """Return a parser of the dialect; links that may not be opened stay text."""
    parser = MarkdownIt()
    parser.block = _BoundedBlocks()
    parser.configure("commonmark", {"html": False, "maxNesting": _DEEPEST})
    parser.enable(["table", "strikethrough"])
    parser.block.ruler.before(
        "fence", "math", _block_formula, {"alt": ["paragraph", "blockquote", "list"]}
    )
    # Before "escape", which would take the backslash of \( away.
    parser.inline.ruler.before("escape", "math", _inline_formula)
    parser.core.ruler.before("inline", "bounds", _leave_tangles)
    parser.validateLink = is_safe  # type: ignore[method-assign]
    return parser


class _BoundedBlocks(ParserBlock):
    """Keeps what is nested too deep, which its parent drops."""

    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803
        if state.level < state.md.options.maxNesting:
            super().tokenize(state, startLine, endLine)
            return
        state.push("paragraph_open", "p", 1).map = [startLine, endLine]
        inline = state.push("inline", "", 0)
        inline.map, inline.children = [startLine, endLine], []
        inline.meta["plain"] = state.getLines(startLine, endLine, state.blkIndent, False)
        state.push("paragraph_close", "p", -1)
        state.line = endLine


def _leave_tangles(state: StateCore) -> None:
    """Keep a paragraph that would take too long as it is."""
    for token in state.tokens:
        if token.type == "inline" and token.content.count("[") > _MOST_BRACKETS:
            token.meta["plain"], token.content = token.content, ""


def _inline_formula(state: StateInline, silent: bool) -> bool:
    source, start = state.src, state.pos
    if source[start] not in "$\\":
        return False
    opening, closing = next(((o, c) for o, c in _INLINE if source.startswith(o, start)), ("", ""))
    inner = start + len(opening)
    end = (
        source.find(closing, inner, min(state.posMax, inner + _LONGEST_FORMULA)) if opening else -1
    )
    if end <= inner or (opening == "$" and not _is_formula(source, inner, end)):
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content = source[inner:end].strip()
        token.markup = source[start : end + len(closing)]
        token.block = opening in ("$$", "\\[")
    state.pos = end + len(closing)
    return True


def _is_formula(source: str, inner: int, end: int) -> bool:
    """Return whether `$…$` is no pair of prices: pandoc's rule ("tex_math_dollars")."""
    return (
        not source[inner].isspace()
        and not source[end - 1].isspace()
        and not source[end + 1 : end + 2].isdigit()
    )


def _block_formula(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Take `$$` or `\\[` at the start of a line, up to its end before the next empty line."""
    begin = state.bMarks[start_line] + state.tShift[start_line]
    opening, closing = next(((o, c) for o, c in _BLOCK if state.src.startswith(o, begin)), ("", ""))
    if not opening or state.is_code_block(start_line):
        return False
    lines: list[str] = []
    for line in range(start_line, end_line):
        if line > start_line and (state.isEmpty(line) or state.sCount[line] < state.blkIndent):
            return False
        first = begin + len(opening) if line == start_line else state.bMarks[line]
        text = state.src[first : state.eMarks[line]]
        found = text.find(closing)
        lines.append(text if found < 0 else text[:found])
        if found >= 0:
            if text[found + len(closing) :].strip():
                return False
            break
    else:
        return False
    content = "\n".join(lines).strip()
    if not content or len(content) > _LONGEST_FORMULA:
        return False
    if not silent:
        state.line = line + 1
        token = state.push("math_block", "math", 0)
        token.block, token.content, token.map = True, content, [start_line, state.line]
        token.markup = f"{opening}\n{content}\n{closing}"
    return True
