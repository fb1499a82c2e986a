"""Finding: parts of words in any script, and nothing that a person types is an error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.attachments.attachment import Attachment
from desktop.history import History
from desktop.history.folding import fold, place_of, spans
from tests.history.conftest import answered, exchange


def found(history: History, text: str) -> list[str]:
    return [hit.chat.title for hit in history.search(text)]


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("Die Größe des Übermuts", "grösse"),
        ("Die Größe des Übermuts", "GROSSE ubermut"),
        ("Donaudampfschifffahrt", "dampfschiff"),
        ("naïve café", "naive cafe"),
        ("我喜欢北京烤鸭", "北京"),
        ("我喜欢北京烤鸭", "烤"),
        ("我喜欢北京烤鸭", "喜欢北京烤"),
        ("東京タワー", "タワー"),
        ("한국어를 배우다", "한국"),
        ("قرأتُ كِتَابًا جديدًا", "كتاب"),
        ("أحمد ذهب", "احمد"),
        ("كتـــاب", "كتاب"),
        ("שָׁלוֹם עולם", "שלום"),
        ("Ελληνικός", "ελληνικος"),
        ("x = a*b[c]?", "a*b[c]?"),
        ('she said "no way"', '"no way"'),
        ("C++ and C#", "c++"),
        ("a 🐦 sings", "🐦"),
        ("100 % sure", "%"),
        ("snake_case", "e_c"),
        ("İstanbul", "istanbul"),
        ("NUL\0here", "here"),
    ],
)
def test_what_was_written_is_found(temporary: History, content: str, query: str) -> None:
    exchange(temporary, temporary.chats.create("other"), "nothing", "of it")
    chat = temporary.chats.create("the chat")
    exchange(temporary, chat, "ask", content)
    assert found(temporary, query) == ["the chat"]
    hit = temporary.search(query)[0]
    assert hit.spans
    marked = "".join(hit.snippet[start:end] for start, end in hit.spans)
    assert fold(marked).split() or fold(marked) == fold(query)


@pytest.mark.parametrize("query", ["", " ", '"', '""', "\0", "\u0301", '" "', "zzz", "kest zzz"])
def test_what_is_not_there_is_not_found(temporary: History, query: str) -> None:
    exchange(temporary, temporary.chats.create(), "a kestrel", "flies")
    assert temporary.search(query) == []


HOSTILE = [
    "'; DROP TABLE chat; --",
    'content:"x" OR y*',
    "NEAR(a b, 3) AND NOT c",
    "a\"*'()[]{}^~-+:;,.!?",
    '"unclosed',
    "*[*]",
    "\ud800 lone",
    "\0\0\0",
    "[" * 10_000,
    "x " * 10_000,
    "y" * 100_000,
    "👩‍👩‍👧‍👦" * 50,
    "\u202e\u2066",
    "AND OR NOT",
    "%_",
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_no_input_fails(temporary: History, query: str) -> None:
    exchange(temporary, temporary.chats.create(), "a kestrel", "flies")
    assert temporary.search(query) == []


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_any_text_finds_itself_or_nothing_but_never_fails(text: str) -> None:
    history = History.temporary()
    exchange(history, history.chats.create("it"), "q", text)
    hits = history.search(text)
    if fold(text).replace('"', "").strip():
        assert [hit.chat.title for hit in hits] == ["it"]
    history.close()


def test_titles_and_file_names_are_found(temporary: History) -> None:
    chat = temporary.chats.create("Übersee")
    hit = temporary.search("ubersee")[0]
    assert (hit.chat.id, hit.message, hit.matches, hit.snippet) == (chat.id, None, 0, "Übersee")
    assert hit.spans == ((0, 7),)
    notes = Attachment(name="Jahresbericht.pdf", text="", size=0)
    asked = temporary.messages.ask(chat.id, "Sum it up", [notes])
    assert [hit.message for hit in temporary.search("jahresb")] == [asked.id]


def test_every_chat_is_listed_once_with_its_latest_hit(temporary: History) -> None:
    for name in ("first", "second"):
        chat = temporary.chats.create(name)
        exchange(temporary, chat, "a kestrel", "a kestrel too")
        _, last = exchange(temporary, chat, "what?", "Kestrels")
    hits = temporary.search("kestrel")
    assert [(hit.chat.title, hit.matches) for hit in hits] == [("second", 3), ("first", 3)]
    assert hits[0].message == last.id
    assert len(temporary.search("kestrel", limit=1)) == 1


def test_other_versions_are_found_and_can_be_shown(temporary: History) -> None:
    chat = temporary.chats.create()
    question, hidden = exchange(temporary, chat, "bird?", "a kestrel")
    answered(temporary, question, "a tern")
    (hit,) = temporary.search("kestrel")
    temporary.messages.select(hit.message)
    assert temporary.messages.path(chat.id)[-1].id == hidden.id


def test_the_index_follows_every_change(temporary: History) -> None:
    chat = temporary.chats.create("kestrel")
    temporary.chats.rename(chat.id, "tern")
    assert found(temporary, "kestrel") == []
    assert found(temporary, "tern") == ["tern"]
    _, answer = exchange(temporary, chat, "what", "a puffin")
    temporary.journal.continue_answer(answer.id)
    temporary.journal.end_answer(answer.id, "a penguin", "whole")
    assert found(temporary, "puffin") == []
    assert found(temporary, "penguin") == ["tern"]
    temporary.messages.remove(answer.id)
    assert found(temporary, "penguin") == []


def test_a_snippet_shows_the_hit_of_a_long_text(temporary: History) -> None:
    chat = temporary.chats.create()
    exchange(temporary, chat, "q", "füller " * 20_000 + "der Turmfalke\nruft " + "und " * 9000)
    (hit,) = temporary.search("TURMFALKE")
    ((start, end),) = hit.spans
    assert hit.snippet[start:end] == "Turmfalke"
    assert "der Turmfalke ruft" in hit.snippet
    assert len(hit.snippet) <= 170


def test_a_search_costs_one_query(temporary: History) -> None:
    for number in range(30):
        exchange(temporary, temporary.chats.create(), f"kestrel {number}", "answer")
    statements: list[str] = []
    temporary.database._connection.set_trace_callback(statements.append)
    assert len(temporary.search("kestrel")) == 30
    assert len({text for text in statements if "FROM best" in text}) == 1
    assert not any(text.lstrip().startswith("SELECT * FROM chat") for text in statements)


# -- folding -------------------------------------------------------------------------------------


@given(st.text(), st.text())
def test_folding_works_letter_by_letter(first: str, second: str) -> None:
    assert fold(first + second) == fold(first) + fold(second)
    assert fold(fold(first)) == fold(first)


@given(
    st.text(alphabet="aä ßﬁ\u0301한İ🐦", max_size=40),
    st.text(alphabet="aß🐦한i", min_size=1, max_size=3),
)
def test_places_lead_back_to_the_text(text: str, term: str) -> None:
    wanted = fold(term)
    if wanted not in fold(text):
        assert spans(text, [wanted]) == ()
        return
    start, end = spans(text, [wanted])[0]
    assert fold(text[start:end]).find(wanted) >= 0
    assert place_of(text, [wanted]) == start
