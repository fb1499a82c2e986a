"""Text is untrusted: nothing in it is run, loaded or opened unasked, and none of it blocks."""

from collections.abc import Iterator
from time import thread_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QUrl
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.document.look import Look
from desktop.document.text_pane import TextPane
from desktop.document.typesetter import Typesetter
from desktop.markdown.parser import make_parser
from desktop.theme import LIGHT
from desktop.transcript.answer_view import AnswerView
from desktop.transcript.message_view import Means, MessageView
from desktop.transcript.question_view import QuestionView
from desktop.transcript.shown_message import ShownMessage
from tests.desktop.conftest import ask, shown

# Seconds of the processor. Few of these texts come near; a busy machine doubles them.
_STEP = 1.0  # s of CPU that one step may take: many times what it needs on a busy machine
_MESSAGE = 5.0  # that all of a message may take


def test_html_is_shown_as_text(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "some html")
    assert (
        '<b>bold</b> <script>alert(1)</script> <img src="file:///etc/hostname">'
        in (shown(ready)[1])
    )


def test_images_are_named_and_not_loaded(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "some html")
    pane = ready.window.chat.transcript.views[1].body.panes[0]
    assert "[image: a cat]" in pane.toPlainText()
    kind = QTextDocument.ResourceType.ImageResource.value
    assert pane.loadResource(kind, QUrl("file:///etc/hostname")) is None


def test_links_open_only_on_a_click_and_only_to_the_web(
    ready: Desktop, qtbot: QtBot, opened_links: list[str]
) -> None:
    ask(qtbot, ready, "some html")
    pane = ready.window.chat.transcript.views[1].body.panes[0]
    assert opened_links == []
    for link in ("file:///etc/passwd", "javascript:alert(1)", "vscode://x", "https://example.org/"):
        pane.anchorClicked.emit(QUrl(link))
    assert opened_links == ["https://example.org/"]


def test_a_link_says_where_it_leads(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "some html")
    pane = ready.window.chat.transcript.views[1].body.panes[0]
    letters = pane.document().find("a link").charFormat()
    assert letters.anchorHref() == letters.toolTip() == "https://example.org/"
    assert not pane.document().find("a file").charFormat().isAnchor()


def test_the_persons_own_text_is_plain(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "**not bold** <b>x</b>")
    assert shown(ready)[0] == "**not bold** <b>x</b>"


# -- fuzz ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def means(qapp: QApplication) -> Iterator[Means]:
    typesetter = Typesetter()
    yield Means(Look(LIGHT, qapp.font().family()), typesetter, make_parser())
    typesetter.close()


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetching and loading fail the test."""

    def refuse(*_: object) -> None:
        raise AssertionError("something was to be loaded")

    monkeypatch.setattr(TextPane, "loadResource", refuse)
    monkeypatch.setattr("desktop.transcript.message_view.open_link", refuse)


def live(means: Means, text: str, growing: bool = False, role: str = "assistant") -> MessageView:
    """Show `text` as the transcript does, step by step; no step may take long."""
    state = "growing" if growing else "whole"
    kind = AnswerView if role == "assistant" else QuestionView
    view = kind(ShownMessage(1, role, text, state), means, None)
    view.fit(430)
    finish(view)
    return view


def finish(view: MessageView) -> None:
    began = thread_time()
    while not view.is_done:
        step = thread_time()
        view.advance()
        assert thread_time() - step < _STEP
    assert thread_time() - began < _MESSAGE


def end(*views: MessageView) -> None:
    for view in views:
        view.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


PIECES = st.sampled_from(
    [
        *("# ", "- ", "* ", "1. ", "> ", "```", "```python\n", "~~~", "|", "|---|", "\n", "\n\n"),
        *("**", "*", "_", "~~", "`", "[", "](", ")", "![", "<", ">", "&amp;", "&#0;", "\\", "    "),
        *("$", "$$", "\\(", "\\)", "\\[", "\\]", "\\frac{", "}", "^", "<think>", "</think>"),
        *("[ ] ", "[x] ", "---", "===", "[a]: b", "https://example.org/", "javascript:alert(1)"),
        *(
            "<script>",
            "<img src=x onerror=y>",
            "<table>",
            "<!--",
            "<style>*{}</style>",
            "\r\n",
            "\t",
        ),
        *(
            "שלום",
            "\u202e",
            "\u200f",
            "e\u0301\u0301",
            "👩‍👩‍👧‍👦",
            "🦊",
            "\x00",
            "\ufffc",
            "\ufdd0",
            "\u2028",
        ),
        *("\u2029", "\ud800", "\u00ad", "word ", "a", "1", ":", "🏳️‍🌈", "\x0c", "\x1b[31m"),
    ]
)
MARKDOWN = st.lists(PIECES, max_size=60).map("".join)
fuzzed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.usefixtures("no_way_out")
@fuzzed
@given(text=MARKDOWN | st.text(max_size=300))
def test_any_text_is_shown_and_copied(qtbot: QtBot, means: Means, text: str) -> None:
    view = live(means, text)
    for pane in view.body.panes:
        pane.selectAll()
        pane.createMimeDataFromSelection()
        assert pane.height() > 0
    end(view)


@pytest.mark.usefixtures("no_way_out")
@fuzzed
@given(text=MARKDOWN, data=st.data())
def test_growing_text_ends_as_the_same_text_at_once(
    qtbot: QtBot, means: Means, text: str, data: st.DataObject
) -> None:
    at_once = live(means, text)
    view = live(means, "", growing=True)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    for cut in cuts:
        view.show_message(ShownMessage(1, "assistant", text[:cut], "growing"))
        finish(view)
    view.show_message(ShownMessage(1, "assistant", text))
    finish(view)
    assert "".join(u.source for p in view.body.panes for u in p._settled) == "".join(
        u.source for p in at_once.body.panes for u in p._settled
    )
    end(view, at_once)


@pytest.mark.usefixtures("no_way_out")
@pytest.mark.parametrize("role", ["assistant", "user"])
@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "word " * 20_000,
        "e" + "\u0301" * 20_000,
        "👩‍👩‍👧‍👦" * 5_000,
        "שלום " * 20_000,
        "\u202e" * 10_000 + "x",
        "\x00" * 10_000,
        "\n" * 30_000,
        "> " * 5_000 + "x",
        "- " * 5_000 + "x",
        "\n".join("  " * i + "- item" for i in range(200)),
        "\n".join("> " * i + "said" for i in range(200)),
        "```python\n" + "x = '''\n" * 10_000,
        "```" + "x" * 50_000,
        "```\n" + "\n" * 30_000,
        "```java\n" + "\n" * 6_000,
        "| a " * 200 + "|\n" + "|---" * 200 + "|\n" + ("| b " * 200 + "|\n") * 50,
        "|a|b|\n|-|-|\n" + "|1|2|\n" * 3_000,
        "[" * 20_000,
        "![](" * 10_000,
        "[a](" * 10_000,
        "*a_" * 20_000,
        "`" * 20_000 + "a",
        "$" * 20_000,
        "$x^{" * 5_000,
        "$" + "x^{" * 200 + "}" * 200 + "$",
        "<" * 20_000,
        "<a href='x'>" * 5_000,
        "&lt;" * 20_000,
        "https://example.org/" * 5_000,
        "[a]: https://example.org/\n" * 5_000,
        "# " * 20_000,
        "1. x\n" * 3_000,
        "<think>" * 10_000,
        "~~" * 20_000,
    ],
    ids=lambda text: ascii(text[:12]) if len(text) > 10 else text,
)
def test_hostile_text_blocks_nothing(qtbot: QtBot, means: Means, text: str, role: str) -> None:
    end(live(means, text, role=role))
