"""Collects the window's texts and brings the catalogues up to date: `make translations`.

A text is found where it is looked up (`tr`, `trn`), where it is marked for later (`mark`), and
where it is given to a maker of uniform widgets (`label`, `button`, `check`), which looks it up.
The engine knows no languages; the one sentence of its own that the window looks up is named here.
Writes assets/locale/<language>/LC_MESSAGES/tern.po, for people, and tern.mo, for the program.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from desktop.translation import DOMAIN, LANGUAGES, catalogues
from engine.models import DEMO_NOTICE

ROOT = Path(__file__).resolve().parent.parent
# The places of texts among the arguments, and their names.
MAKERS: dict[str, dict[int, str]] = {
    "tr": {0: "text"},
    "mark": {0: "text"},
    "label": {0: "text"},
    "check": {0: "text", 1: "explanation"},
    "button": {0: "text", 2: "explanation", 3: "spoken"},
}


@dataclass(frozen=True)
class Found:
    """A text (or its singular and plural) and where it stands."""

    text: str | tuple[str, str]
    file: str
    line: int


def main() -> int:
    """Bring every catalogue up to date; say what is missing in each."""
    found = list(texts(ROOT))
    for language in LANGUAGES:
        if language == "en":
            continue
        folder = catalogues() / language / "LC_MESSAGES"
        folder.mkdir(parents=True, exist_ok=True)
        catalogue = updated(folder / f"{DOMAIN}.po", language, found)
        with (folder / f"{DOMAIN}.po").open("wb") as file:
            write_po(file, catalogue, width=100, omit_header=False, ignore_obsolete=True)
        with (folder / f"{DOMAIN}.mo").open("wb") as file:
            write_mo(file, catalogue)
        missing = [message for message in catalogue if message.id and not is_translated(message)]
        print(f"{language}: {len(catalogue)} texts, {len(missing)} untranslated")
    return 0


def updated(file: Path, language: str, found: list[Found]) -> Catalog:
    """Return the catalogue in `file`, if there is one, with the texts that there are now."""
    template = Catalog(project="Tern", charset="utf-8")
    for text in found:
        template.add(text.text, locations=[(text.file, text.line)])
    catalogue = Catalog(locale=language, project="Tern", charset="utf-8")
    if file.is_file():
        with file.open("rb") as stream:
            catalogue = read_po(stream, locale=language)
    catalogue.header_comment = "# What Tern's window says."
    catalogue.project, catalogue.version, catalogue.msgid_bugs_address = "Tern", "1", ""
    catalogue.fuzzy = False
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    for message in catalogue:  # where a text stands is for people; its line would change daily
        message.locations = [(name, 0) for name in sorted({name for name, _ in message.locations})]
    return catalogue


def is_translated(message: object) -> bool:
    """Return whether all forms of a message of a catalogue are there."""
    string = getattr(message, "string", "")
    return all(string) if isinstance(string, tuple) else bool(string)


def texts(root: Path) -> Iterator[Found]:
    """Yield the texts in the sources of the window."""
    yield Found(DEMO_NOTICE, "engine/models.py", 0)
    for source in sorted((root / "desktop").rglob("*.py")):
        name = source.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for text in _of_call(node):
                    yield Found(text, name, node.lineno)


def _of_call(call: ast.Call) -> Iterator[str | tuple[str, str]]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name == "trn":
        one, many = (_literal(argument) for argument in call.args[:2])
        if one and many:
            yield one, many
        return
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    for place, keyword in MAKERS.get(name, {}).items():
        argument = call.args[place] if place < len(call.args) else given.get(keyword)
        text = _literal(argument)
        if any(map(str.isalpha, text)):
            yield text


def _literal(node: ast.expr | None) -> str:
    """Return the text that `node` writes down, or "" where it computes one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


if __name__ == "__main__":
    sys.exit(main())
