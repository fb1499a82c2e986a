"""One variant's way through a plan, in an engine process of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.errors import Stopped
from engine.lab.conditions import NoiseWatch
from engine.lab.process import LabProcess
from engine.lab.records import Answer, Judgement, Plan, Prompt
from engine.lab.steps import Answered, Judged, Running, Step, Working, Wrote
from engine.lab.tally import Record, too_short
from engine.messages import (
    AnyEvent,
    Chunk,
    Done,
    Force,
    Forced,
    Generate,
    Load,
    Loaded,
    Progress,
    SamplingSettings,
    Score,
    Scored,
)

Watch: TypeAlias = Callable[[int | None], NoiseWatch]

# Read between two answers: nothing of the next prompt is then in the KV cache, whatever it shares
# with the last one. The first of them also warms the process up.
_BETWEEN = Generate(
    request_id=0,
    prompt="+",
    sampling=SamplingSettings(temperature=0, repetition_penalty=1, max_new_tokens=4),
    ignore_end=True,
)


@dataclass(frozen=True)
class Course:
    """Variant `number` of a plan. What comes of it goes into `record`.

    reference: the record of the first variant, whose answers all are forced along. folder: where
    its log-probabilities are.
    """

    plan: Plan
    number: int
    record: Record
    reference: Record
    process: LabProcess
    folder: Path
    watch: Watch

    def steps(self) -> Iterator[Step]:
        """Yield what happens. Raises what `LabProcess.ask` raises."""
        yield from self._load()
        for place, prompt in enumerate(self.plan.prompts):
            yield from self._answer(place, prompt)
            if self.plan.quality and place < len(self.reference.answers):
                yield from self._judge(place, prompt)
        if self.plan.text:
            yield from self._score()

    def _load(self) -> Iterator[Step]:
        variant, plan = self.record.variant, self.plan
        request = Load(
            request_id=0,
            model=plan.model,
            precision=variant.precision,
            kernel=variant.kernel,
            context_length=plan.context_length,
            quantisation=plan.quantisation,
            threads=plan.threads,
            regardless=plan.regardless,
            float32=variant.float32,
        )
        for event in self.process.ask(request):
            yield from self._progress(event)
            if isinstance(event, Loaded):
                self.record.loaded = event
                yield Running(self.number, event)

    def _answer(self, place: int, prompt: Prompt) -> Iterator[Step]:
        for _ in self.process.ask(_BETWEEN):
            pass
        watch = self.watch(self.process.pid)
        request = Generate(
            request_id=0,
            messages=prompt.messages,
            prompt=prompt.text,
            sampling=self.plan.sampling,
        )
        for event in self.process.ask(request):
            yield from self._progress(event)
            if isinstance(event, Chunk):
                yield Wrote(
                    self.number,
                    place,
                    event.text,
                    event.completion_tokens,
                    event.decode_tokens_per_s,
                )
            elif isinstance(event, Done):
                if event.finish_reason == "stopped":
                    raise Stopped
                answer = Answer(
                    text=event.text,
                    finish_reason=event.finish_reason,
                    tokens=event.tokens,
                    metrics=event.metrics,
                    spoiled=watch.verdict() or too_short(event.metrics.completion_tokens),
                )
                self.record.answers.append(answer)
                yield Answered(self.number, place, answer)

    def _judge(self, place: int, prompt: Prompt) -> Iterator[Step]:
        file = f"{self.folder.name}/{place}.logs"
        is_reference = self.record is self.reference
        request = Force(
            request_id=0,
            answer=self.reference.answers[place].tokens,
            messages=prompt.messages,
            prompt=prompt.text,
            keep=file if is_reference else "",
            reference="" if is_reference else file,
        )
        for event in self.process.ask(request):
            yield from self._progress(event)
            if isinstance(event, Forced):
                judgement = Judgement(tokens=event.tokens)
                self.record.judgements.append(judgement)
                yield Judged(self.number, place, judgement)

    def _score(self) -> Iterator[Step]:
        for event in self.process.ask(Score(request_id=0, text=self.plan.text)):
            yield from self._progress(event)
            if isinstance(event, Scored):
                self.record.text_perplexity = event.perplexity

    def _progress(self, event: AnyEvent) -> Iterator[Step]:
        if isinstance(event, Progress):
            yield Working(self.number, event.stage, event.done, event.total)
