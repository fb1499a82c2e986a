"""Finding chats by any part of a word in their titles and messages. Any input is a search."""

import re
from collections.abc import Sequence

from desktop.history.chats import as_chat
from desktop.history.database import Database, Row
from desktop.history.folding import fold, place_of, spans
from desktop.history.records import Found
from desktop.history.texts import clean, one_line

_LONGEST_QUERY = 400  # characters
_MOST_TERMS = 8
_MOST_PARTS = 20  # trigrams of a term that the index is asked for
_BEFORE, _SNIPPET = 40, 160  # characters of a snippet, and of it before the first hit
_TERM = re.compile(r'"([^"]+)"|([^\s"]+)')

# The index holds trigrams without their places: it finds the few texts that have all of a term's,
# and instr looks at those. (SQLite's own GLOB over the index does the same, but its 3.40 finds no
# pair of Chinese letters, and two patterns of which one is short end the process.)
_QUERY = """
    WITH hit (chat, message) AS (
        SELECT rowid, NULL FROM title_index WHERE {titles}
        UNION ALL
        SELECT message.chat, message.id
        FROM message_index JOIN message ON message.id = message_index.rowid WHERE {messages}
    ),
    best (chat, message, matches) AS (
        SELECT chat, max(message), count(message) FROM hit GROUP BY chat
    )
    SELECT chat.*, best.message, best.matches, message.content
    FROM best JOIN chat ON chat.id = best.chat LEFT JOIN message ON message.id = best.message
    WHERE chat.deleted IS NULL ORDER BY chat.updated DESC, chat.id DESC LIMIT ?
"""


def search(database: Database, text: str, limit: int = 50) -> list[Found]:
    """Return the chats with a title or a message that holds every word of `text`, latest first.

    Words match inside longer ones, without case or accents; "words in quotes" match together.
    """
    terms = terms_of(text)
    if not terms:
        return []
    trigrams = _trigrams(terms)
    conditions = ["instr(text, ?)"] * len(terms)
    query = _QUERY.format(
        titles=" AND ".join(["title_index MATCH ?"] * bool(trigrams) + conditions),
        messages=" AND ".join(["message_index MATCH ?"] * bool(trigrams) + conditions),
    )
    values = [trigrams, *terms] if trigrams else terms
    return [_found(row, terms) for row in database.rows(query, *values, *values, limit)]


def terms_of(text: str) -> list[str]:
    """Return the folded words and quoted phrases of `text`, the first few of them."""
    parts = (quoted or word for quoted, word in _TERM.findall(clean(text[:_LONGEST_QUERY])))
    folded = (fold(part).strip() for part in parts)
    return [term for term in folded if term][:_MOST_TERMS]


def _trigrams(terms: Sequence[str]) -> str:
    """The FTS5 query for texts with all three-letter parts of `terms`; "" where all are shorter."""
    parts = dict.fromkeys(
        term[place : place + 3]
        for term in terms
        for place in range(min(len(term) - 2, _MOST_PARTS))
    )
    return " ".join('"{}"'.format(part.replace('"', '""')) for part in parts)


def _found(row: Row, terms: Sequence[str]) -> Found:
    chat = as_chat(row)
    text: str = chat.title if row["message"] is None else row["content"]
    start = max(0, place_of(text, terms) - _BEFORE)
    snippet = one_line(text[start : start + _SNIPPET], _SNIPPET)
    if start:
        snippet = f"…{snippet}"
    return Found(chat, row["message"], row["matches"], snippet, spans(snippet, terms))
