"""Everything that is remembered of chats, in one SQLite file. Knows no Qt and no engine process.

How a chat is lived:

    history = History.open(paths.data / "chats.sqlite")     # or History.temporary(): no trace
    chat = history.chats.create()

    question = history.messages.ask(chat.id, "Why is the sky blue?")     # the title is there now
    answer = history.journal.begin_answer(question.id, model="demo", precision=Precision.INT4)
    history.journal.grow(answer.id, text_so_far)            # as text comes; writes twice a second
    history.journal.flush_due()                             # twice a second, by the engine's pulse
    history.journal.end_answer(answer.id, text, "whole", finish_reason="end", metrics=metrics)

    again = history.journal.begin_answer(question.id, model="demo")      # regenerate: a sibling
    other = history.messages.edit(question.id, "Why is the sea blue?")   # edit: a sibling question
    history.journal.continue_answer(answer.id)              # grows again, its text kept

    path = history.messages.path(chat.id)                   # from the root to the selected leaf
    path[1].place, len(path[1].siblings)                    # 1 of 2
    history.messages.select(path[1].siblings[0])            # back, and what followed it
    sent = engine_messages(path, chat.settings.system_prompt)            # what the engine is sent

    found = history.search("blau")                          # chats, each with a snippet
    history.chats.delete(chat.id)                           # hidden; restore() is the undo
    history.chats.purge()                                   # what was deleted is gone for good

    markdown(chat, path), html_page(chat, path)             # export the selected branch
    as_json(history, [chat.id])                             # all branches, loss-free
    import_file(history, file)                              # Tern's JSON, ChatGPT's export or zip

Messages form a tree and nothing in it is overwritten: a regenerated answer and an edited question
are siblings of the old ones. An answer in progress is `growing`; where its process ended without
saying so, the next opening of the file marks it `partial`.

A History belongs to the thread that opened it. The window keeps it in a `HistoryThread`, since a
slow disk or another window's write may keep any call waiting.
"""

from desktop.history.history import History
from desktop.history.importing import import_file
from desktop.history.interchange import Imported, as_json
from desktop.history.prompt import engine_messages
from desktop.history.records import Chat, ChatSettings, Folder, Found, Message, MessageState
from desktop.history.rendering import html_page, markdown
from desktop.history.texts import title_of
from desktop.history.thread import HistoryThread

__all__ = [
    "Chat",
    "ChatSettings",
    "Folder",
    "Found",
    "History",
    "HistoryThread",
    "Imported",
    "Message",
    "MessageState",
    "as_json",
    "engine_messages",
    "html_page",
    "import_file",
    "markdown",
    "title_of",
]
