"""The language of the window's texts: gettext catalogues, one chosen at the start. No Qt.

A text is written in English where it is shown and looked up there: `tr("Stop")`. Texts with facts
name them, for other languages order them otherwise: `tr("Model: {title}", title=title)`. What is
written down before the language is known (constants, enums) is marked by `mark` and looked up with
`tr` where it is shown. `make translations` collects all of them (`packaging/translations.py`).

What a person, a model or a file says is never looked up: a chat that is called "Stop" stays that.
The sentences of `engine/errors.py`, which the terminal shares, are English for now, and so are the
reasons inside them that the window finds (`desktop/attachments`, `desktop/history`): a sentence has
one language.
"""

import gettext
import locale
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.paths import assets_folder

LANGUAGES: dict[str, str] = {"en": "English", "de": "Deutsch", "ar": "العربية"}
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
DOMAIN = "tern"
# Unicode Bidirectional Algorithm (UAX 9): "left to right, by itself", "as its own first letter, by
# itself", and "the line is from right".
_ISOLATE, _OWN, _ISOLATE_END, _FROM_RIGHT = "\u2066", "\u2068", "\u2069", "\u200f"
_BARE = {ord(","): None, ord("."): None}


class _Active:
    """What is looked up in. The process has one language, as it has one locale."""

    catalogue: gettext.NullTranslations = gettext.NullTranslations()
    language = "en"


def tr(text: str, /, **facts: object) -> str:
    """Return `text` in the chosen language, or else in English, with its facts filled in."""
    said = _Active.catalogue.gettext(text) if text else ""  # "" is the catalogue's own header
    return said.format(**facts) if facts else said


def trn(one: str, many: str, count: int, /, **facts: object) -> str:
    """Return the form of a text that suits `count`, which the text names as {count}."""
    said = _Active.catalogue.ngettext(one, many, count)
    return said.format(count=number(f"{count:,}"), **facts)


def mark(text: str) -> str:
    """Return `text` as it is: it is looked up later, where it is shown."""
    return text


def number(figure: str) -> str:
    """Return a number as the language writes it; `figure` is one of Python's, such as "1,234.5".

    A unit may follow it; among words that run from the right the two are kept together.
    """
    if _Active.language == "de":
        return figure.translate({ord(","): ".", ord("."): ","})
    has_unit = not figure.translate(_BARE).isdigit()
    if has_unit and _Active.language in RIGHT_TO_LEFT:
        return f"{_ISOLATE}{figure}{_ISOLATE_END}"
    return figure


def isolated(text: str) -> str:
    """Return a text of its own direction, such as a name, so that what is around it stays put."""
    return f"{_OWN}{text}{_ISOLATE_END}" if _Active.language in RIGHT_TO_LEFT else text


def line(parts: Iterable[str]) -> str:
    """Return `parts` beside each other; the first of them does not decide where lines begin."""
    begin = _FROM_RIGHT if _Active.language in RIGHT_TO_LEFT else ""
    return begin + " · ".join(filter(None, parts))


def language() -> str:
    """Return the code of the language in use."""
    return _Active.language


def use_language(choice: str, folder: Path | None = None) -> None:
    """Use the language with the code `choice`; "system" is the person's first that Tern speaks.

    folder: the catalogues, in place of those that ship with Tern.
    """
    chosen = resolved(choice)
    _Active.language = chosen
    _Active.catalogue = gettext.translation(
        DOMAIN, folder or catalogues(), languages=[chosen], fallback=True
    )


def resolved(choice: str) -> str:
    """Return the code of the language that `choice` means on this system."""
    return preferred(system_languages(os.environ) if choice == "system" else [choice])


def catalogues() -> Path:
    """Return the folder of the catalogues, <language>/LC_MESSAGES/tern.mo."""
    return assets_folder() / "locale"


def preferred(wanted: Iterable[str]) -> str:
    """Return the first of `wanted` ("de_AT.UTF-8") that Tern speaks, or else English."""
    codes = (name.replace("-", "_").partition("_")[0].partition(".")[0] for name in wanted)
    return next((code for code in codes if code in LANGUAGES), "en")


def system_languages(environment: Mapping[str, str]) -> list[str]:
    """Return what the person's system asks for, the first the dearest."""
    listed = environment.get("LANGUAGE", "").split(":")
    single = (environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    # Windows and macOS name it elsewhere.
    otherwise = locale.getlocale()[0] or ""
    return [name for name in (*listed, *single, otherwise) if name]
