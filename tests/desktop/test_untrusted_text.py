"""The engine's text is untrusted: nothing in it is run, loaded or opened unasked."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextDocument
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.message_body import MessageBody
from tests.desktop.conftest import ask, shown


def test_html_is_shown_as_text(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "some html")
    assert (
        '<b>bold</b> <script>alert(1)</script> <img src="file:///etc/hostname">'
        in (shown(ready)[1])
    )


def test_images_are_named_and_not_loaded(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "some html")
    body = ready.window.chat.transcript.views[1].body
    assert "[image: a cat]" in body.toPlainText()
    kind = QTextDocument.ResourceType.ImageResource.value
    assert body.loadResource(kind, QUrl("file:///etc/hostname")) is None


def test_links_open_only_on_a_click_and_only_to_the_web(
    ready: Desktop, qtbot: QtBot, opened_links: list[str]
) -> None:
    ask(qtbot, ready, "some html")
    body = ready.window.chat.transcript.views[1].body
    assert opened_links == []
    for link in ("file:///etc/passwd", "javascript:alert(1)", "vscode://x", "https://example.org/"):
        body.anchorClicked.emit(QUrl(link))
    assert opened_links == ["https://example.org/"]


def test_the_persons_own_text_is_plain(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "**not bold** <b>x</b>")
    assert shown(ready)[0] == "**not bold** <b>x</b>"


def test_code_stands_in_a_box_in_a_fixed_width_font(qtbot: QtBot) -> None:
    body = MessageBody()
    qtbot.addWidget(body)
    body.show_markdown("Text\n\n```\nfirst\nsecond\n```\n\nMore\n\n```\nthird\n```")
    boxes = body.document().rootFrame().childFrames()
    assert len(boxes) == 2
    block = body.document().findBlock(boxes[0].firstPosition())
    assert block.text() == "first"
    assert block.begin().fragment().charFormat().fontFixedPitch()
    assert [line for line in body.toPlainText().split("\n") if line] == [
        "Text",
        "first",
        "second",
        "More",
        "third",
    ]


def test_unfinished_markdown_never_fails(qtbot: QtBot) -> None:
    body = MessageBody()
    qtbot.addWidget(body)
    text = "# H\n\n```py\nx = [1](2)\n```\n\n| a | b |\n|---|---|\n| **1 | `2 |\n\n- [ ] ![x](y\n"
    for end in range(len(text)):
        body.show_markdown(text[:end])
        body.fit(300)
