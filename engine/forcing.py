"""Teacher forcing: a model is led along a given answer, and what it would have said is noted.

Each token goes through the kernels that write answers (`extend` with one token, after the prompt in
blocks), not through those that read prompts (`all_logits`). They round differently: attention adds
up in another order, and int8 and bf16 tiles of many rows are other instructions than those of one.
The decode path is what a person gets, so the decode path is what is compared.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.errors import EmptyPrompt, PromptTooLong
from engine.generate import PREFILL_BLOCK
from engine.kept_logits import Keeper, Outlook, read_kept
from engine.language_model import LanguageModel
from engine.messages import ForcedToken, Likely
from engine.tokenizer import ChatTokenizer, Detokenizer


@dataclass(frozen=True)
class Lesson:
    """What a model is forced along: token ids of a prompt and of an answer to it.

    keep: the file that takes what this model would have said; reference: that of another model.
    """

    prompt: Sequence[int]
    answer: Sequence[int]
    keep: Path | None = None
    reference: Path | None = None


def force(
    model: LanguageModel,
    tokenizer: ChatTokenizer,
    lesson: Lesson,
    on_token: Callable[[int, int], None],
) -> tuple[ForcedToken, ...]:
    """Return what `model` makes of each token of the answer.

    on_token(done, total) is called before each step, in the prompt after each layer too; what it
    raises ends the work. Raises EmptyPrompt, PromptTooLong, UnknownToken, NotEnoughDisk or
    UnwritableFolder for what is kept, and DamagedFile for the reference.
    """
    if not lesson.prompt or not lesson.answer:
        raise EmptyPrompt()
    tokens = len(lesson.prompt) + len(lesson.answer)
    if tokens > model.context_length:
        raise PromptTooLong(tokens=tokens, context=model.context_length)
    pieces = _Pieces(tokenizer, lesson.prompt)
    found = []
    with ExitStack() as files:
        keeper, kept = None, None
        if lesson.keep:
            keeper = files.enter_context(Keeper(lesson.keep, len(lesson.answer)))
        for token, outlook in outlooks(model, lesson, on_token):
            if lesson.reference and kept is None:
                vocabulary = len(outlook.logs)
                kept = files.enter_context(
                    read_kept(lesson.reference, len(lesson.answer), vocabulary)
                )
            found.append(pieces.noted(token, outlook, next(kept) if kept else None))
            if keeper:
                keeper.add(outlook)
    return tuple(found)


def outlooks(
    model: LanguageModel, lesson: Lesson, on_token: Callable[[int, int], None]
) -> Iterator[tuple[int, Outlook]]:
    """Yield each token of the answer, and what the model would have put in its place.

    What of the prompt is in the cache already is not read again.
    """
    prompt, answer = lesson.prompt, lesson.answer
    total = len(prompt) + len(answer)
    model.keep_prefix(prompt)
    # keep_prefix leaves at least the last token of the prompt to compute.
    while model.used < len(prompt):
        on_token(model.used, total)
        block = prompt[model.used : model.used + PREFILL_BLOCK]
        logits = model.extend(block, functools.partial(on_token, model.used, total))
    for place, token in enumerate(answer):
        on_token(len(prompt) + place, total)
        yield token, Outlook.of(logits, token)
        if place + 1 < len(answer):
            logits = model.extend([token])


class _Pieces:
    """Token ids as a person reads them, in the place where they stand."""

    def __init__(self, tokenizer: ChatTokenizer, before: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._before = list(before)
        self._text = Detokenizer(tokenizer.decode, before)

    def noted(self, token: int, outlook: Outlook, reference: Outlook | None) -> ForcedToken:
        """Return what is told of the next token of the answer."""
        text = self._text.add(token) or self._special(token)
        noted = ForcedToken(text=text, nats=outlook.nats, top=self._likely(outlook))
        if reference:
            noted = msgspec.structs.replace(
                noted,
                reference_nats=reference.nats,
                reference_top=self._likely(reference),
                kl=outlook.divergence_from(reference),
                agrees=outlook.top[0] == reference.top[0],
            )
        self._before.append(token)
        return noted

    def _likely(self, outlook: Outlook) -> tuple[Likely, ...]:
        return tuple(Likely(self._as_next(i), outlook.probability(i)) for i in outlook.top)

    def _as_next(self, token: int) -> str:
        text = Detokenizer(self._tokenizer.decode, self._before)
        return text.add(token) or self._special(token) or text.flush()

    def _special(self, token: int) -> str:
        """Return the name of a token that has no text, "" for half a character."""
        return "" if self._tokenizer.decode([token]) else self._tokenizer.name(token)
