"""How far back an answer has read: where the context was full, the oldest messages were dropped."""

from bisect import bisect_right
from collections.abc import Sequence

from desktop.history import Message, engine_messages


def first_read(path: Sequence[Message]) -> int | None:
    """Return the id of the first message that the last answer has read; None where it was all."""
    for place in range(len(path) - 1, 0, -1):
        metrics = path[place].metrics
        if metrics is None:
            continue
        # The engine counts what it was sent, which leaves out questions that got no answer.
        dropped = metrics.dropped_messages
        sent = [len(engine_messages(path[: i + 1])) for i in range(place)] if dropped else []
        first = bisect_right(sent, dropped)
        return path[first].id if dropped and first < place else None
    return None
