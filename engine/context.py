"""What of a conversation the context has room for, and what is dropped where it has not.

Under "stop" nothing is dropped: a prompt that does not fit is refused, and an answer that fills
the context ends there. Under "drop_oldest" the oldest turns are left out, never the system message
and never the newest question, so that an answer has room. An answer that outgrows even that ends as
"context" too: reading all of it again in mid-answer would falsify its figures.

Turns are dropped in steps of a quarter of the context. So the next turns begin alike, and find
what they share in the KV cache, instead of being read anew each time.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.errors import PromptTooLong
from engine.messages import ChatMessage, Overflow

_ROOM = 512  # tokens kept for an answer whose length is not bounded, in a large context

Encode = Callable[[Sequence[ChatMessage]], list[int]]


@dataclass(frozen=True)
class Fitted:
    """A prompt as token ids, and how many of the oldest messages are not in it."""

    ids: list[int]
    dropped: int = 0


def fit(
    messages: Sequence[ChatMessage],
    encode: Encode,
    context: int,
    overflow: Overflow = "stop",
    max_new_tokens: int | None = None,
) -> Fitted:
    """Return the prompt that `messages` make in a context of so many tokens.

    encode: messages to the ids of their prompt. Raises PromptTooLong, and what `encode` raises.
    """
    ids = encode(messages)
    room = min(max_new_tokens or _ROOM, context // 4) if overflow == "drop_oldest" else 1
    excess = len(ids) + max(1, room) - context
    if excess <= 0:
        return Fitted(ids)
    head = 1 if messages[0].role == "system" else 0
    # A turn begins with its question: templates want the roles to alternate.
    starts = [i for i, m in enumerate(messages) if i > head and m.role == "user"]
    if overflow == "stop" or not starts:
        return _checked(Fitted(ids), context)

    def without(start: int) -> list[int]:
        return encode([*messages[:head], *messages[start:]])

    step = max(1, context // 4)
    excess = -(-excess // step) * step
    place = bisect_left(starts, excess, key=lambda start: len(ids) - len(without(start)))
    start = starts[min(place, len(starts) - 1)]
    return _checked(Fitted(without(start), start - head), context)


def _checked(fitted: Fitted, context: int) -> Fitted:
    if len(fitted.ids) >= context:
        raise PromptTooLong(tokens=len(fitted.ids), context=context)
    return fitted
