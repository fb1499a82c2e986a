"""What a person can ask of a real engine besides an answer: counts, threads, a full context."""

import time

from engine.messages import (
    ChatMessage,
    Count,
    Counted,
    Done,
    Failed,
    Generate,
    Load,
    Loaded,
    Precision,
    Prefilled,
    Progress,
    SamplingSettings,
)
from engine.messages import Kernel as Kernels
from tests.integration.conftest import GREEDY, Engine

STORY = "Tell me a long story about a fox and a river. " * 20


def load(engine: Engine, **choices: object) -> Loaded | Failed:
    request_id = engine.client.next_id()
    command = Load(request_id=request_id, model="demo", precision=Precision.BF16, **choices)
    engine.send(command)
    event = engine.until(Loaded, Failed)[-1]
    assert isinstance(event, Loaded | Failed)
    return event


def ask(engine: Engine, *texts: str, **options: object) -> list:
    """Questions and answers in turn; the events of what is answered to them."""
    roles = ("user", "assistant")
    turns = tuple(ChatMessage(roles[i % 2], text) for i, text in enumerate(texts))
    command = Generate(request_id=engine.client.next_id(), messages=turns, sampling=GREEDY)
    engine.send(Generate(**{f: getattr(command, f) for f in command.__struct_fields__} | options))
    return engine.until(Done, Failed)


def test_tokens_are_counted_as_the_prompt_will_have_them(engine: Engine) -> None:
    turns = (ChatMessage("system", "Be brief."), ChatMessage("user", "What is 3 plus 4?"))
    engine.send(Count(request_id=77, messages=turns, texts=("one two", "")))
    counted = engine.until(Counted, Failed)[-1]
    assert isinstance(counted, Counted) and counted.request_id == 77
    engine.send(Generate(request_id=engine.client.next_id(), messages=turns, sampling=GREEDY))
    done = engine.until(Done)[-1]
    assert counted.prompt_tokens == done.metrics.prompt_tokens
    assert counted.text_tokens[0] > 0 and counted.text_tokens[1] == 0


def test_the_models_own_settings_come_with_it(engine: Engine) -> None:
    loaded = load(engine)
    assert loaded.generation_defaults.temperature == 0.7
    assert loaded.generation_defaults.top_p == 0.9
    assert loaded.generation_defaults.presence_penalty == 0
    assert loaded.max_context == 1024


def test_threads_are_those_asked_for_and_too_many_are_refused(engine: Engine) -> None:
    assert load(engine, threads=1).threads == 1
    assert isinstance(engine.answer(), Done)
    refused = load(engine, threads=100_000)
    assert isinstance(refused, Failed) and refused.kind == "BadSetting"
    assert "threads cannot be 100000" in refused.sentence
    one = load(engine, threads=1, kernel="torch")
    assert one.threads == 1 and one.kernel is Kernels.TORCH
    assert isinstance(load(engine), Loaded)


def test_the_oldest_turns_are_dropped_and_counted(engine: Engine) -> None:
    assert load(engine, context_length=512).context_length == 512
    turns = (STORY, "Once upon a time.", STORY, "There was a fox.", STORY, "The end.", "Who?")
    stopped = ask(engine, *turns)[-1]
    assert isinstance(stopped, Failed) and stopped.kind == "PromptTooLong"
    events = ask(engine, *turns, overflow="drop_oldest")
    done = events[-1]
    assert isinstance(done, Done) and done.text
    [prefilled] = [event for event in events if isinstance(event, Prefilled)]
    assert prefilled.dropped_messages == done.metrics.dropped_messages > 0
    assert prefilled.dropped_messages % 2 == 0, "a question goes with its answer"
    assert done.metrics.prompt_tokens < 512
    assert isinstance(load(engine), Loaded)


def test_a_question_far_too_long_gets_a_sentence_within_seconds(engine: Engine) -> None:
    for text in ("a" * 2_000_000, "many words " * 180_000):
        begun = time.monotonic()
        failed = ask(engine, text, overflow="drop_oldest")[-1]
        assert isinstance(failed, Failed) and failed.kind == "PromptTooLong"
        assert time.monotonic() - begun < 30


def test_a_presence_penalty_changes_what_is_said(engine: Engine) -> None:
    plain = ask(engine, "Count from 1 to 50.")[-1]
    driven = SamplingSettings(temperature=0, max_new_tokens=40, presence_penalty=2.0)
    assert ask(engine, "Count from 1 to 50.", sampling=driven)[-1].text != plain.text


def test_reading_a_prompt_is_told_in_steps_and_can_be_stopped(engine: Engine) -> None:
    prompt = "Once upon a time there was a fox. " * 80
    request_id = engine.begin_answer(prompt)
    first = next(e for e in iter(engine.next, None) if isinstance(e, Progress))
    engine.client.stop(request_id)
    done = engine.until(Done)[-1]
    assert first.total > 500
    assert done.finish_reason == "stopped" and done.text == ""
