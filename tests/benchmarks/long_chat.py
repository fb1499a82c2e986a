"""A long chat to measure with: messages of about 1,500 characters of Markdown each. No Qt."""

from pathlib import Path

from desktop.history import ChatSettings, History
from engine.messages import ChatMessage

ANSWER = """## Part {i}

The **answer** to question {i} has a list and some `inline code`, and it is as long as answers are:

1. First, a sentence that is long enough to be wrapped in a column of a usual width, as most are.
2. Second, *another* one with a [link](https://example.org/{i}) in it.
   - and a nested item
   - and another one

```python
def step_{i}(values: list[float], factor: float = 0.5) -> list[float]:
    \"\"\"Return each value times `factor`.\"\"\"
    result = []
    for value in values:
        if value > {i}:
            result.append(value * factor)  # a comment
    return result
```

| precision | memory | speed |
|---|---:|---:|
| bf16 | 2 bytes | 11.{i} |
| int4 | half a byte | 31.{i} |

> A quotation, which says in other words what was said before, but shorter, and in a kinder way.

And a closing paragraph with a few more words, so that the whole of it comes to about one and a half
thousand characters, which is what an answer has that explains a thing with an example and a table.
It goes on a little longer than anyone would want it to, but that is the way with models: they like
to sum up at the end what they have said already, and to ask whether there is anything else to do.
"""


def texts(count: int) -> list[str]:
    """Return what `count` messages say."""
    return [ANSWER.format(i=i) for i in range(count)]


def as_prompt(count: int, question: str) -> tuple[ChatMessage, ...]:
    """Return the chat as the engine is sent it, with `question` as its last message."""
    said = [
        ChatMessage("assistant" if i % 2 else "user", text) for i, text in enumerate(texts(count))
    ]
    return (*said, ChatMessage("user", question))


def fill(file: Path, count: int) -> int:
    """Write the chat to the history `file`; return its id. Full contexts drop the oldest turns."""
    history = History.open(file)
    chat = history.chats.create(settings=ChatSettings(overflow="drop_oldest")).id
    said = texts(count)
    for question, answer in zip(said[::2], said[1::2], strict=True):
        asked = history.messages.ask(chat, question)
        growing = history.journal.begin_answer(asked.id, model="a model")
        history.journal.end_answer(growing.id, answer, "whole", finish_reason="end")
    history.close()
    return chat
