"""A history as somebody has it after a few months, for the pictures of the window."""

import time
from pathlib import Path

from desktop.history import History
from engine.messages import Kernel, Metrics, Precision

_DAY = 86_400  # seconds
_SHOWN = "What is overfitting, and how do I notice it early?"
# Questions, and how many days ago they were asked.
_LOOSE: dict[str, float] = {
    "Plan a week in Lisbon": 0.1,
    "Fix a segmentation fault in my C++ parser": 0.2,
    "Was bedeutet Quantisierung?": 1.1,
    "How do tides work?": 3,
    "ما هو الذكاء الاصطناعي؟": 4,
    "What is the difference between a mutex, a semaphore and a condition variable?": 15,
    "Names for a small grey cat": 70,
    "Explain inflation as to a child": 400,
}
_FILED: dict[str, dict[str, float]] = {
    "Work": {"Quarterly report: what changed since spring?": 2, "A polite reminder to a client": 9},
    "Recipes": {"Sourdough with little time": 12},
}
_PINNED = "My reading list"
_ANSWER = """Overfitting means that a model learns the **noise** of its training data.

| what you see | what helps |
|---|---|
| training loss falls, validation loss rises | early stopping |
| large weights | weight decay |

```python
def should_stop(losses: list[float], patience: int = 3) -> bool:
    best = losses.index(min(losses))
    return best < len(losses) - patience
```

The penalty is $\\lambda \\sum_i w_i^2$, and a *validation set* tells you when to stop.
"""
_CUT = (
    "With little data, cross-validation is worth its cost: every example serves for testing "
    "once. Augmentation helps too, and"
)
_METRICS = Metrics(
    prompt_tokens=40,
    cached_tokens=0,
    completion_tokens=148,
    ttft_s=0.2,
    prefill_s=0.2,
    prefill_tokens_per_s=300.0,
    decode_tokens_per_s=23.4,
    token_ms_p50=40.0,
    token_ms_p95=44.0,
    context_used=188,
    context_length=2048,
    peak_rss_bytes=1_000_000_000,
)


def fill(file: Path) -> int:
    """Write the chats to `file`; return the id of one with versions and a partial answer."""
    history = History.open(file)
    for name, questions in _FILED.items():
        folder = history.chats.add_folder(name).id
        for question, days in questions.items():
            _add(history, question, days, folder)
    history.chats.pin(_add(history, _PINNED, 40))
    for question, days in _LOOSE.items():
        _add(history, question, days)
    chat = _add(history, _SHOWN, 0)
    asked = history.messages.path(chat)[0]
    _answer(history, asked.id, _ANSWER)
    again = history.messages.ask(chat, "And if there is very little data?")
    _answer(history, again.id, _CUT, is_whole=False)
    history.close()
    return chat


def _add(history: History, question: str, days: float, folder: int | None = None) -> int:
    chat = history.chats.create(folder=folder).id
    _answer(history, history.messages.ask(chat, question).id, "Certainly. Here is what I know.")
    with history.database.writing() as connection:
        moment = time.time() - days * _DAY
        connection.execute("UPDATE chat SET updated = ? WHERE id = ?", (moment, chat))
    return chat


def _answer(history: History, question: int, text: str, is_whole: bool = True) -> None:
    growing = history.journal.begin_answer(
        question, model="Tern demo", precision=Precision.INT4, kernel=Kernel.NATIVE
    )
    history.journal.end_answer(
        growing.id,
        text,
        "whole" if is_whole else "partial",
        finish_reason="end" if is_whole else None,
        metrics=_METRICS if is_whole else None,
    )
