"""The selected branch of a chat as a document to read: Markdown, or one safe page of HTML."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from desktop.attachments.attachment import as_message
from desktop.history.records import Chat, Message
from desktop.translation import tr

# Nothing is loaded, run or sent, whatever a message says: only the style sheet below applies.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
section { margin: 1.5rem 0; padding-left: 1rem; border-left: 3px solid #8888; }
h2 { font-size: 1rem; margin: 0; }
h2 small { font-weight: normal; opacity: 0.75; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: 0.5rem 0 0; }
"""


def markdown(chat: Chat, path: Sequence[Message]) -> str:
    """Return the messages of `path` as Markdown, as they were typed and generated."""
    parts = [f"# {_title(chat)}", *(_section(message) for message in path)]
    return "\n\n".join(parts) + "\n"


def html_page(chat: Chat, path: Sequence[Message]) -> str:
    """Return the messages of `path` as one page that needs nothing else.

    Their text is shown as it stands: Markdown is not laid out, and HTML in it is text.
    """
    title = escape(_title(chat))
    sections = "".join(_html_section(message) for message in path)
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f'<body>\n<h1 dir="auto">{title}</h1>\n{sections}</body>\n</html>\n'
    )


def _section(message: Message) -> str:
    return f"## {_heading(message)}\n\n{as_message(message.attachments, message.content)}".rstrip()


def _html_section(message: Message) -> str:
    text = escape(as_message(message.attachments, message.content).replace("\0", ""))
    speaker, _, details = _heading(message).partition(" · ")
    return (
        f"<section>\n<h2>{escape(speaker)} <small>{escape(details)}</small></h2>\n"
        f'<pre dir="auto">{text}</pre>\n</section>\n'
    )


def _heading(message: Message) -> str:
    made = datetime.fromtimestamp(message.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
    speaker = tr("You") if message.role == "user" else tr("Answer")
    parts = [speaker, message.model, message.precision, made]
    if message.state != "whole":
        parts.append(tr("cut short"))
    if len(message.siblings) > 1:
        versions = len(message.siblings)
        parts.append(tr("version {place} of {count}", place=message.place, count=versions))
    return " · ".join(part for part in parts if part)


def _title(chat: Chat) -> str:
    return chat.title or tr("A chat")
