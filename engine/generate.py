"""A prompt to a stream of text: the loop around the model.

Pure function of its arguments: it knows nothing of processes or messages on the wire.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engine.errors import EmptyPrompt, PromptTooLong
from engine.language_model import LanguageModel, Logits
from engine.messages import FinishReason, Metrics, SamplingSettings
from engine.sampling import Sampler
from engine.telemetry import Stopwatch
from engine.tokenizer import ChatTokenizer, Detokenizer, StopStrings

# Tokens between two reports of progress. Weights are read once a block, so small ones are slow:
# with 32 tokens a prompt takes 1.5 times as long on a model of a billion parameters.
PREFILL_BLOCK = 256


@dataclass(frozen=True)
class PrefillProgress:
    """`done` of `total` prompt tokens have been computed."""

    done: int
    total: int


@dataclass(frozen=True)
class PrefillEnd:
    """The prompt is in the cache; `cached` of its tokens were there before."""

    prompt_tokens: int
    cached: int
    tokens_per_s: float


@dataclass(frozen=True)
class Text:
    """More text, possibly "", after one more token; figures so far."""

    text: str
    completion_tokens: int
    ttft_s: float
    decode_tokens_per_s: float
    context_used: int


@dataclass(frozen=True)
class End:
    """The whole answer, why it ended, and its figures.

    tokens: the ids that were drawn, the one that ended the turn included.
    """

    text: str
    finish_reason: FinishReason
    metrics: Metrics
    tokens: tuple[int, ...] = ()


Step: TypeAlias = PrefillProgress | PrefillEnd | Text | End


def generate(
    model: LanguageModel,
    tokenizer: ChatTokenizer,
    prompt: Sequence[int],
    settings: SamplingSettings,
    should_stop: Callable[[], bool],
    defaults: Mapping[str, object] | None = None,
    ignore_end: bool = False,
    continues: bool = False,
) -> Iterator[Step]:
    """Yield the steps of one answer to `prompt` (token ids); the last is an `End`.

    should_stop is asked after each layer while the prompt is read, where the kernels let it, and
    before each token. `defaults` is the model's own generation config. continues: the prompt ends
    within the answer. Raises EmptyPrompt, PromptTooLong or BadSetting.
    """
    watch = Stopwatch()
    if not prompt:
        raise EmptyPrompt()
    if len(prompt) >= model.context_length:
        raise PromptTooLong(tokens=len(prompt), context=model.context_length)
    before = prompt if continues else ()
    answer = _Answer(model, tokenizer, settings, watch, ignore_end, before)
    sampler = Sampler.settle(settings, defaults or {})
    cached = model.keep_prefix(prompt)
    watch.prefill_begins()
    logits = yield from _prefill(model, prompt, should_stop)
    watch.prefill_ends()
    computed = model.used - cached
    if logits is not None:
        yield PrefillEnd(len(prompt), cached, computed / max(watch.prefill_s, 1e-9))
        yield from answer.tokens(logits, sampler, list(prompt), should_stop)
    metrics = watch.metrics(len(prompt), cached, computed, model.used, model.context_length)
    yield End(answer.text, answer.finish_reason, metrics, tuple(answer.drawn))


def _prefill(
    model: LanguageModel, prompt: Sequence[int], should_stop: Callable[[], bool]
) -> Generator[PrefillProgress, None, Logits | None]:
    """Read what of `prompt` the cache lacks; return the last logits, None where it was stopped."""
    cached = model.used
    logits = None

    def look() -> None:
        if should_stop():
            raise _Stopped

    for start in range(cached, len(prompt), PREFILL_BLOCK):
        yield PrefillProgress(start - cached, len(prompt) - cached)
        try:
            look()
            logits = model.extend(prompt[start : start + PREFILL_BLOCK], look)
        except _Stopped:
            return None
    return logits


class _Stopped(Exception):
    """The person stopped it."""


class _Answer:
    """The answer as it grows."""

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: ChatTokenizer,
        settings: SamplingSettings,
        watch: Stopwatch,
        ignore_end: bool,
        before: Sequence[int],
    ) -> None:
        self.text = ""
        self.drawn: list[int] = []
        self.finish_reason: FinishReason = "stopped"
        self._model = model
        self._end_ids = frozenset() if ignore_end else tokenizer.end_ids
        self._detokenizer = Detokenizer(tokenizer.decode, before)
        self._stops = StopStrings(settings.stop)
        self._limit = settings.max_new_tokens
        self._watch = watch

    def tokens(
        self,
        logits: Logits,
        sampler: Sampler,
        context: list[int],
        should_stop: Callable[[], bool],
    ) -> Iterator[Text]:
        """Yield a `Text` for each token, until something ends the answer."""
        while (reason := self._over(should_stop)) is None:
            token = sampler.draw(logits, context, self._watch.count)
            self._watch.token()
            self.drawn.append(token)
            if token in self._end_ids:
                reason = "end"
                break
            context.append(token)
            yield self._step(self._stops.add(self._detokenizer.add(token)))
            if self._stops.found:
                reason = "stop-string"
                break
            if self._model.used < self._model.context_length and not self._at_limit():
                logits = self._model.extend([token])
        self.finish_reason = reason
        if not self._stops.found:
            rest = self._stops.add(self._detokenizer.flush()) + self._stops.flush()
            if rest:
                yield self._step(rest)

    def _over(self, should_stop: Callable[[], bool]) -> FinishReason | None:
        if should_stop():
            return "stopped"
        if self._at_limit():
            return "length"
        # The last drawn token is not in the cache yet, and there is no room for it any more.
        if self._watch.count and self._model.used >= self._model.context_length:
            return "context"
        return None

    def _at_limit(self) -> bool:
        return self._limit is not None and self._watch.count >= self._limit

    def _step(self, text: str) -> Text:
        self.text += text
        return Text(
            text,
            self._watch.count,
            self._watch.ttft_s,
            self._watch.decode_tokens_per_s,
            self._model.used,
        )
