"""The exported page: whatever a chat holds, nothing of it is live."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.attachments.attachment import Attachment
from desktop.history import History, html_page
from tests.history.conftest import answered

TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "small",
    "section",
    "pre",
}
ATTRIBUTES = {"charset", "http-equiv", "content", "name", "dir"}

HOSTILE = [
    "<script>alert(1)</script>",
    "</pre><img src=x onerror=alert(1)>",
    "</title></style><script src=//evil.example></script>",
    '" onload="alert(1)',
    "<!--<script>",
    "]]><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;b&gt; &#60;script&#62;",
    "<\0script>alert(1)</script>",
    "\ufeff<iframe srcdoc='x'>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
]


class Page(HTMLParser):
    """What a page is made of: its tags, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.odd: list[str] = []
        self.text: list[str] = []
        self._shown = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)
        self._shown = tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self._shown = False

    def handle_data(self, data: str) -> None:
        if self._shown:
            self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


def page_of(text: str) -> str:
    """A page with `text` wherever a chat takes text."""
    history = History.temporary()
    chat = history.chats.create(text)
    file = Attachment(name=text or "x", text=text, size=1, note=text)
    question = history.messages.ask(chat.id, text, [file])
    answered(history, question, text)
    answer = history.journal.begin_answer(question.id, model=text)
    history.journal.end_answer(answer.id, text, "partial")
    page = html_page(history.chats.get(chat.id), history.messages.path(chat.id))
    history.close()
    return page


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_message_is_markup(text: str) -> None:
    page = Page(page_of(text))
    assert page.tags == Page(page_of("plain")).tags
    assert set(page.tags) == TAGS
    assert set(page.attributes) == ATTRIBUTES
    assert page.odd == []
    assert page.text[-1] == text.replace("\0", "")


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("<>&\"'/!-=sScript \n\0\r]")) | st.characters()))
def test_no_text_is_markup(text: str) -> None:
    assert Page(page_of(text)).tags == Page(page_of("plain")).tags


def test_the_page_may_load_run_and_send_nothing() -> None:
    page = page_of("https://example.org")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    rules = dict(rule.split(maxsplit=1) for rule in policy[1].split("; "))
    assert rules.pop("style-src") == "'unsafe-inline'"
    assert set(rules.values()) == {"'none'"}
    assert "default-src" in rules and "form-action" in rules
    assert page.index("Content-Security-Policy") < page.index("<title>")
    assert "url(" not in page and "@import" not in page
