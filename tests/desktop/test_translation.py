"""The window's texts: each is looked up, and German and Arabic have all of them."""

import ast
import importlib.util
import re
import string
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from PySide6.QtCore import QLocale, Qt, QTranslator
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.chat_page.panels import EXAMPLES
from desktop.lab_page.page import LabTab
from desktop.models_page.page import Tab
from desktop.shell.navigation import Page
from desktop.state import State
from desktop.translation import LANGUAGES, catalogues, mark, number, tr, trn, use_language
from desktop.widgets import label, plain_label
from engine.paths import Paths
from engine.settings import SettingsFile
from tests.desktop.conftest import ROOT, OpenWindow, ask, shown, wait_for

OTHERS = [code for code in LANGUAGES if code != "en"]
# What Qt shows or speaks, and the places of texts among the arguments (None: all of them).
SHOWING: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(
        [
            "setText",
            "setToolTip",
            "setAccessibleName",
            "setAccessibleDescription",
            "setPlaceholderText",
            "setWindowTitle",
            "setInformativeText",
            "setLabelText",
            "setWhatsThis",
            "setStatusTip",
            "setTitle",
            "setSpecialValueText",
            "setHorizontalHeaderLabels",
            "getExistingDirectory",
            "getOpenFileName",
            "getOpenFileNames",
            "getSaveFileName",
            "Notice",
            "show_notice",
            "tell",
            "explain",
            "RowList",
            "Scroller",
            "QAction",
            "QCheckBox",
            "QLabel",
            "QPushButton",
            "addButton",
            "addMenu",
            "addRow",
            "drawText",
        ]
    ),
    "addItem": (0,),
    "addAction": (0,),
    "plain_label": (0,),
    "plain_button": (0, 2, 3),
}
LOOKED_UP = {"tr": (0,), "trn": (0, 1), "mark": (0,)}
MAKERS = {"label": (0,), "check": (0, 1), "button": (0, 2, 3)}
NAMES = {"Tern"}
FROM_RIGHT = "\u200f"
UNITS = re.compile(r"^[\s\W\d]*(s|ms|B|kB|MB|GB)?[\s\W\d]*$")


def collector() -> ModuleType:
    """`make translations`, which stands outside the packages."""
    spec = importlib.util.spec_from_file_location("collector", ROOT / "packaging/translations.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def texts() -> list[str | tuple[str, str]]:
    made = collector()
    return list(dict.fromkeys(found.text for found in made.texts(ROOT)))


@pytest.fixture
def spoken(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[str]:
    """A language that the window is opened in; English afterwards."""
    settings = SettingsFile.of(Paths.default())
    settings.change(language=request.param)
    locale = QLocale()
    yield request.param
    for translator in qapp.findChildren(QTranslator):
        qapp.removeTranslator(translator)
        translator.deleteLater()
    use_language("en")
    QLocale.setDefault(locale)
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


def read(language: str) -> tuple[Catalog, Catalog]:
    """The catalogue that people write, and the one that the program reads."""
    folder = catalogues() / language / "LC_MESSAGES"
    with (folder / "tern.po").open("rb") as written, (folder / "tern.mo").open("rb") as compiled:
        return read_po(written, locale=language), read_mo(compiled)


def forms(entry: object) -> tuple[str, ...]:
    return tuple(entry) if isinstance(entry, list | tuple) else (str(entry),)


def facts(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


# -- the catalogues ------------------------------------------------------------------------------


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(texts: list[str | tuple[str, str]], language: str) -> None:
    written, compiled = read(language)
    for text in texts:
        for catalogue in (written, compiled):
            message = catalogue.get(text)
            assert message, f"run `make translations`: {text}"
            assert all(forms(message.string)), f"not translated into {language}: {text}"
        assert forms(written[text].string) == forms(compiled[text].string)
    assert {entry.id for entry in written if entry.id} == set(texts), "run `make translations`"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_name_the_facts_that_the_english_names(
    texts: list[str | tuple[str, str]], language: str
) -> None:
    written, _ = read(language)
    for text in texts:
        for form in forms(written[text].string):
            wanted = facts(forms(text)[-1])
            # "one chat" and "two chats" need no figure in some languages.
            may_lack = {"count"} if isinstance(text, tuple) else set()
            assert wanted - may_lack <= facts(form) <= wanted, form


def test_a_menu_has_each_access_key_once_in_each_language(
    texts: list[str | tuple[str, str]],
) -> None:
    bar = [mark("&Chat"), mark("&Engine"), mark("&View"), mark("&Help")]
    for language in LANGUAGES:
        use_language(language)
        keys = [re.findall("&(.)", tr(text))[0].lower() for text in bar]
        assert len(set(keys)) == len(bar), (language, keys)
    use_language("en")


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "لا محادثات"), (1, "محادثة واحدة"), (2, "محادثتان"), (3, "3 محادثات"), (11, "11 محادثة")],
)
def test_arabic_has_its_six_numbers(count: int, said: str) -> None:
    use_language("ar")
    try:
        assert trn("{count} chat", "{count} chats", count).strip(FROM_RIGHT) == said
    finally:
        use_language("en")


def test_numbers_are_written_as_the_language_writes_them() -> None:
    use_language("de")
    try:
        assert number("1,234.5") == "1.234,5"
        assert trn("{count} token", "{count} tokens", 2048) == "2.048 Tokens"
    finally:
        use_language("en")


# -- nothing goes past the look-up ---------------------------------------------------------------


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Each call in the window's sources: its name, itself, and where it stands."""
    for source in sorted((ROOT / "desktop").rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
                yield name, node, f"{source.relative_to(ROOT)}:{node.lineno}"


def at(call: ast.Call, places: tuple[int, ...] | None) -> list[ast.expr]:
    if places is None:
        return [*call.args, *(keyword.value for keyword in call.keywords)]
    return [call.args[place] for place in places if place < len(call.args)]


def literals(node: ast.expr) -> Iterator[str]:
    """The texts that `node` may be, as far as they are written down."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=values):
            for part in values:
                yield from literals(part)
        case ast.IfExp(body=body, orelse=orelse):
            yield from literals(body)
            yield from literals(orelse)
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from literals(part)
        case ast.BinOp(left=left, right=right):
            yield from literals(left)
            yield from literals(right)


def test_what_is_shown_is_looked_up() -> None:
    for name, call, place in calls():
        if name in SHOWING:
            for text in (text for node in at(call, SHOWING[name]) for text in literals(node)):
                assert text.strip(" –") in NAMES or UNITS.match(text), (
                    f"{place} shows English: {text!r}"
                )


def test_what_is_looked_up_is_written_down_where_it_is() -> None:
    for name, call, place in calls():
        for node in at(call, LOOKED_UP.get(name, ())):
            assert not isinstance(node, ast.JoinedStr), f"{place}: name the facts instead"
        for node in at(call, MAKERS.get(name, ())) if isinstance(call.func, ast.Name) else ():
            is_written = isinstance(node, ast.Constant)
            assert is_written, f"{place}: take plain_{name} for a text that is looked up already"


# -- the window ----------------------------------------------------------------------------------


def seen(made: Desktop) -> Iterator[str]:
    """What can be read, and what a screen reader speaks, of the visible widgets and the menus."""
    for widget in made.window.findChildren(QWidget):
        if widget.isVisible():
            for name in ("text", "placeholderText", "currentText", "title"):
                yield str(widget.property(name) or "")
            yield from (widget.toolTip(), widget.accessibleName(), widget.accessibleDescription())
    for action in made.window.findChildren(QAction):
        yield from (action.text(), action.toolTip())


def english(texts: list[str | tuple[str, str]], seen_texts: set[str]) -> set[str]:
    """Return which of `seen_texts` are the window's in English, and should not be."""
    theirs = {form for entry in texts for form in forms(entry) if tr(form) != form}
    patterns = [
        re.sub(r"\\\{\w+\\\}", ".+", re.escape(form))
        for form in theirs
        if "{" in form and re.search(r"[^\W\d_]{3,}", re.sub(r"\{\w+\}", "", form))
    ]
    pattern = re.compile("|".join(patterns))
    return {text for text in seen_texts if text in theirs or pattern.fullmatch(text)}


def visit(made: Desktop, qtbot: QtBot) -> Iterator[str]:
    """Go through the window, and yield what is seen."""
    yield from seen(made)
    made.window.chat.header.settings.click()
    qtbot.waitUntil(made.window.chat.settings.isVisible)
    yield from seen(made)
    made.window.show_page(Page.MODELS)
    qtbot.waitUntil(lambda: bool(made.library.models))
    for tab in Tab:
        made.window.models.show_tab(tab)
        yield from seen(made)
    made.window.show_page(Page.LAB)
    for lab_tab in LabTab:
        made.window.lab.show_tab(lab_tab)
        yield from seen(made)
    made.window.show_page(Page.SETTINGS)
    yield from seen(made)


@pytest.mark.parametrize(
    ("spoken", "send", "you"),
    [("de", "Senden", "Frage"), ("ar", "إرسال", "السؤال")],
    indirect=["spoken"],
)
def test_the_window_speaks_the_language(
    open_window: OpenWindow,
    qtbot: QtBot,
    texts: list[str | tuple[str, str]],
    spoken: str,
    send: str,
    you: str,
) -> None:
    made = open_window()
    wait_for(qtbot, made, State.READY)
    chat = made.window.chat
    assert chat.composer.button.text() == send
    ask(qtbot, made, "Stop")
    qtbot.waitUntil(lambda: bool(made.shelf.listing.chats))
    # What the person wrote is theirs, in whichever language.
    assert shown(made)[0] == "Stop" and made.shelf.listing.chats[0].title == "Stop"
    assert chat.transcript.views[0].accessibleName().startswith(f"{you}: Stop")
    left = english(texts, set(visit(made, qtbot)))
    assert left <= {*EXAMPLES, "Stop"}, f"still English in {spoken}"


@pytest.mark.parametrize("spoken", ["ar"], indirect=True)
@pytest.mark.usefixtures("spoken")
def test_the_window_is_mirrored_for_a_language_from_the_right(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window()
    wait_for(qtbot, made, State.READY)
    ask(qtbot, made, "Hello")
    window, chat = made.window, made.window.chat

    def left(widget: QWidget) -> int:
        return widget.mapTo(window, widget.rect().topLeft()).x()

    assert window.layoutDirection() is Qt.LayoutDirection.RightToLeft
    assert left(window.navigation) > left(chat.sidebar) > left(chat.transcript)
    assert left(chat.composer.button) < left(chat.composer.edit)
    question, answer = chat.transcript.views[:2]
    assert left(question.body) == left(answer.body) + 14 < left(answer.caption)


def test_a_language_that_is_not_there_is_english(tmp_path: Path) -> None:
    use_language("tlh")
    assert tr("Send") == "Send"


def test_a_text_of_someone_elses_is_shown_as_it_is(qtbot: QtBot) -> None:
    use_language("de")
    try:
        ours, theirs = label("Stop"), plain_label("Stop")
        qtbot.addWidget(ours)
        qtbot.addWidget(theirs)
        assert (ours.text(), theirs.text()) == ("Stopp", "Stop")
    finally:
        use_language("en")
