"""Code -> pieces of text with the name of a colour each, by Pygments.

Only lexers of languages that people write are used: a lexer is a heap of regular expressions that
runs over untrusted text.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, _TokenType

if TYPE_CHECKING:  # large, and not needed when the window starts
    from pygments.lexer import Lexer

Span = tuple[str, str]  # text, and the field of the palette that colours it ("" for plain text)

# What stands after ``` -> Pygments' name of the lexer.
LANGUAGES: dict[str, str] = {
    "bash": "Bash",
    "c": "C",
    "c++": "C++",
    "cmake": "CMake",
    "cpp": "C++",
    "cs": "C#",
    "csharp": "C#",
    "css": "CSS",
    "dart": "Dart",
    "diff": "Diff",
    "docker": "Docker",
    "dockerfile": "Docker",
    "elixir": "Elixir",
    "go": "Go",
    "golang": "Go",
    "haskell": "Haskell",
    "html": "HTML",
    "ini": "INI",
    "java": "Java",
    "javascript": "JavaScript",
    "js": "JavaScript",
    "json": "JSON",
    "jsx": "JavaScript",
    "julia": "Julia",
    "kotlin": "Kotlin",
    "latex": "TeX",
    "lua": "Lua",
    "make": "Makefile",
    "makefile": "Makefile",
    "perl": "Perl",
    "php": "PHP",
    "powershell": "PowerShell",
    "py": "Python",
    "python": "Python",
    "python3": "Python",
    "r": "S",
    "rb": "Ruby",
    "ruby": "Ruby",
    "rs": "Rust",
    "rust": "Rust",
    "scala": "Scala",
    "sh": "Bash",
    "shell": "Bash",
    "sql": "SQL",
    "swift": "Swift",
    "tex": "TeX",
    "toml": "TOML",
    "ts": "TypeScript",
    "tsx": "TypeScript",
    "typescript": "TypeScript",
    "xml": "XML",
    "yaml": "YAML",
    "yml": "YAML",
    "zsh": "Bash",
}
_LONGEST_LINE = 1_000  # characters; what is longer is no code that a person reads
# The first that holds a token's type gives its colour.
_COLOURS: tuple[tuple[_TokenType, str], ...] = (
    (Comment.Preproc, "keyword"),
    (Comment, "comment"),
    (String, "string"),
    (Number, "number"),
    (Keyword.Constant, "number"),
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (Name.Function, "name"),
    (Name.Class, "name"),
    (Name.Decorator, "name"),
    (Name.Builtin, "name"),
    (Name.Tag, "keyword"),
    (Name.Attribute, "name"),
    (Generic.Inserted, "string"),
    (Generic.Deleted, "number"),
    (Generic.Heading, "name"),
    (Generic.Subheading, "name"),
)


def make_lexer(language: str) -> "Lexer | None":
    """Return a lexer for what stands after ```, or None. Takes a while when first asked."""
    from pygments.lexers import find_lexer_class

    name = LANGUAGES.get(language.lower())
    kind = find_lexer_class(name) if name else None
    if kind is None:
        return None
    lexer: Lexer = kind(ensurenl=False, stripnl=False)
    list(lexer.get_tokens("x"))  # compiles its expressions
    return lexer


def spans(code: str, lexer: "Lexer") -> list[Span]:
    """Return `code` in pieces; put together they are `code`."""
    if any(len(line) > _LONGEST_LINE for line in code.split("\n")):
        return [(code, "")]
    pieces = [(text, _colour(kind)) for _, kind, text in lexer.get_tokens_unprocessed(code)]
    return _merged(pieces)


def _merged(pieces: Iterable[Span]) -> list[Span]:
    return [
        ("".join(text for text, _ in group), colour)
        for colour, group in groupby(pieces, key=lambda piece: piece[1])
    ]


def _colour(kind: _TokenType) -> str:
    return next((colour for family, colour in _COLOURS if family in kind.split()), "")
