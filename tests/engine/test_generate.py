"""The loop around the model: what a front-end sees of one answer, and of the next one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import BadSetting, EmptyPrompt, PromptTooLong
from engine.generate import End, PrefillEnd, PrefillProgress, Step, Text, generate
from engine.language_model import Logits, common_prefix
from engine.loader import LoadedModel
from engine.messages import ChatMessage, Metrics, SamplingSettings
from engine.models import demo_model
from tests.engine.conftest import distance, load_folder
from tests.engine.random_models import save_random_model

PROMPT = list(range(20, 60))


@pytest.fixture(scope="module")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model, which never ends an answer by itself for long."""
    return save_random_model(tmp_path_factory.mktemp("model") / "llama", "llama-untied")


@pytest.fixture
def loaded(random_folder: Path) -> LoadedModel:
    return load_folder(random_folder)


@pytest.fixture
def chat() -> LoadedModel:
    """The demo model with an empty cache."""
    return load_folder(demo_model().folder)


def run(
    loaded: LoadedModel,
    prompt: Sequence[int],
    should_stop: Callable[[], bool] = lambda: False,
    ignore_end: bool = True,
    continues: bool = False,
    **asked: Any,
) -> list[Step]:
    settings = SamplingSettings(**({"temperature": 0, "max_new_tokens": 8} | asked))
    return list(
        generate(
            loaded.model,
            loaded.tokenizer,
            prompt,
            settings,
            should_stop,
            loaded.generation_defaults,
            ignore_end,
            continues,
        )
    )


def end_of(steps: Sequence[Step]) -> End:
    assert isinstance(steps[-1], End)
    assert not any(isinstance(step, End) for step in steps[:-1])
    assert "".join(step.text for step in steps[:-1] if isinstance(step, Text)) == steps[-1].text
    return steps[-1]


def prefill_of(steps: Sequence[Step]) -> PrefillEnd:
    [prefill] = [step for step in steps if isinstance(step, PrefillEnd)]
    return prefill


def greedy(loaded: LoadedModel, prompt: Sequence[int], count: int) -> list[int]:
    loaded.model.keep_prefix([-1, -1])
    ids: list[int] = []
    logits = loaded.model.extend(prompt)
    for _ in range(count):
        ids.append(int(logits.argmax()))
        logits = loaded.model.extend(ids[-1:])
    loaded.model.keep_prefix([-1, -1])
    return ids


def assert_near(logits: Logits, expected: Logits) -> None:
    """Equal up to bf16's rounding, which depends on how many tokens are computed at once."""
    assert distance(logits, expected) < 0.01


# -- the answer ----------------------------------------------------------------------------------


def test_the_answer_is_the_models_greedy_text(loaded: LoadedModel) -> None:
    ids = greedy(loaded, PROMPT, 8)
    assert end_of(run(loaded, PROMPT)).text == loaded.tokenizer.decode(ids)


def test_an_answer_has_at_most_the_tokens_asked_for(loaded: LoadedModel) -> None:
    for limit in (1, 2, 7):
        end = end_of(run(loaded, PROMPT, max_new_tokens=limit))
        assert end.finish_reason == "length"
        assert end.metrics.completion_tokens == limit


def test_an_answer_ends_with_the_end_of_the_turn(chat: LoadedModel) -> None:
    prompt = chat.tokenizer.encode_chat([ChatMessage("user", "Hello")])
    end = end_of(run(chat, prompt, ignore_end=False, max_new_tokens=300))
    assert end.finish_reason == "end"
    assert end.text
    assert "<|end|>" not in end.text


def test_an_answer_goes_on_past_the_end_of_the_turn_where_asked(chat: LoadedModel) -> None:
    prompt = chat.tokenizer.encode_chat([ChatMessage("user", "Hello")])
    short = end_of(run(chat, prompt, ignore_end=False, max_new_tokens=300))
    longer = short.metrics.completion_tokens + 5
    end = end_of(run(chat, prompt, ignore_end=True, max_new_tokens=longer))
    assert end.finish_reason == "length"
    assert end.metrics.completion_tokens == longer


def test_a_stop_string_ends_the_answer_and_is_not_shown(loaded: LoadedModel) -> None:
    whole = end_of(run(loaded, PROMPT, max_new_tokens=20)).text
    stop = whole[len(whole) // 2 :][:3]
    end = end_of(run(loaded, PROMPT, max_new_tokens=20, stop=("no such text", stop)))
    assert end.finish_reason == "stop-string"
    assert end.text == whole[: whole.index(stop)]
    assert end.metrics.completion_tokens < 20


def test_a_stop_string_that_never_comes_changes_nothing(loaded: LoadedModel) -> None:
    whole = end_of(run(loaded, PROMPT)).text
    # The answer ends like this stop string begins.
    end = end_of(run(loaded, PROMPT, stop=(f"{whole[-2:]} and more",)))
    assert end.text == whole
    assert end.finish_reason == "length"


def test_the_same_seed_gives_the_same_answer(loaded: LoadedModel) -> None:
    def sampled(seed: int) -> str:
        return end_of(run(loaded, PROMPT, temperature=1.5, seed=seed, max_new_tokens=20)).text

    assert sampled(1) == sampled(1)
    assert sampled(1) != sampled(2)


# -- the context ---------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [1, 2, 10])
def test_an_answer_ends_with_the_context(random_folder: Path, room: int) -> None:
    loaded = load_folder(random_folder, context_length=len(PROMPT) + room)
    end = end_of(run(loaded, PROMPT, max_new_tokens=None))
    assert end.finish_reason == "context"
    assert end.metrics.completion_tokens == room
    assert end.metrics.context_used == end.metrics.context_length == loaded.model.context_length


def test_a_prompt_that_fills_the_context_is_refused(random_folder: Path) -> None:
    loaded = load_folder(random_folder, context_length=len(PROMPT))
    with pytest.raises(PromptTooLong, match=r"40 tokens.* holds 40"):
        run(loaded, PROMPT)
    assert end_of(run(loaded, PROMPT[:-1])).metrics.completion_tokens == 1


def test_an_empty_prompt_is_refused(loaded: LoadedModel) -> None:
    with pytest.raises(EmptyPrompt):
        run(loaded, [])


def test_a_bad_setting_leaves_the_cache_as_it_was(loaded: LoadedModel) -> None:
    run(loaded, PROMPT)
    used = loaded.model.used
    with pytest.raises(BadSetting):
        run(loaded, [1, 2, 3], top_p=2.0)
    assert loaded.model.used == used


# -- stopping ------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 3])
def test_stopping_ends_the_answer_within_a_token(loaded: LoadedModel, after: int) -> None:
    seen: list[Step] = []
    settings = SamplingSettings(temperature=0)
    steps = generate(
        loaded.model, loaded.tokenizer, PROMPT, settings, lambda: stop, ignore_end=True
    )
    stop = False
    for step in steps:
        seen.append(step)
        stop = sum(isinstance(s, Text) for s in seen) >= after
    end = end_of(seen)
    assert end.finish_reason == "stopped"
    assert after <= end.metrics.completion_tokens <= after + 1
    assert end.text == loaded.tokenizer.decode(greedy(loaded, PROMPT, 5))[: len(end.text)]


def stopped_while_reading(loaded: LoadedModel, prompt: Sequence[int], blocks: int) -> list[Step]:
    asked = 0
    questions = 1 + loaded.config.layers  # of a block: before it, and after each layer

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > blocks * questions

    return run(loaded, prompt, should_stop)


LONG = [20 + n % 1000 for n in range(900)]


def test_stopping_while_a_long_prompt_is_read_ends_without_an_answer(chat: LoadedModel) -> None:
    steps = stopped_while_reading(chat, LONG, blocks=1)
    end = end_of(steps)
    assert end.finish_reason == "stopped"
    assert end.text == ""
    assert end.metrics.completion_tokens == 0
    assert end.metrics.ttft_s == 0
    assert 0 < end.metrics.context_used < len(LONG)
    assert not any(isinstance(step, PrefillEnd) for step in steps)


def test_a_block_can_be_stopped_after_any_layer(chat: LoadedModel) -> None:
    asked = iter([False, True])
    end = end_of(run(chat, LONG, lambda: next(asked)))
    assert end.finish_reason == "stopped" and end.metrics.context_used == 0
    assert end_of(run(chat, LONG)).text == end_of(run(load_folder(demo_model().folder), LONG)).text


def test_after_stopping_in_the_prompt_what_was_read_is_of_use(chat: LoadedModel) -> None:
    read = end_of(stopped_while_reading(chat, LONG, blocks=1)).metrics.context_used
    again = run(chat, LONG)
    assert prefill_of(again).cached == read
    assert end_of(again).text == end_of(run(load_folder(demo_model().folder), LONG)).text


@pytest.mark.parametrize("blocks", [0, 1])
def test_the_speed_of_a_stopped_prompt_counts_only_what_was_read(
    chat: LoadedModel, blocks: int
) -> None:
    metrics = end_of(stopped_while_reading(chat, LONG, blocks)).metrics
    read = metrics.prefill_tokens_per_s * metrics.prefill_s
    assert read <= metrics.context_used + 0.5


# -- the cache -----------------------------------------------------------------------------------


def test_the_next_turn_reads_only_what_is_new(loaded: LoadedModel) -> None:
    answer = greedy(loaded, PROMPT, 6)
    first = run(loaded, PROMPT, max_new_tokens=6)
    assert prefill_of(first).cached == 0
    assert prefill_of(first).prompt_tokens == len(PROMPT)
    # The last token of an answer is drawn and not read.
    longer = PROMPT + answer[:5] + [7, 8, 9]
    second = run(loaded, longer)
    assert prefill_of(second).cached == len(PROMPT) + 5
    progress = [step for step in second if isinstance(step, PrefillProgress)]
    assert progress == [PrefillProgress(0, 3)]
    metrics = end_of(second).metrics
    assert metrics.cached_tokens == len(PROMPT) + 5
    assert metrics.prompt_tokens == len(longer)


def test_the_same_prompt_again_reads_its_last_token_alone(loaded: LoadedModel) -> None:
    first = end_of(run(loaded, PROMPT)).text
    again = run(loaded, PROMPT)
    assert prefill_of(again).cached == len(PROMPT) - 1
    assert end_of(again).text == first


def test_a_conversations_next_turn_finds_all_of_the_last_prompt(chat: LoadedModel) -> None:
    turns = [ChatMessage("user", "What is 3 plus 4?")]
    first = chat.tokenizer.encode_chat(turns)
    answer = end_of(run(chat, first, ignore_end=False)).text
    turns += [ChatMessage("assistant", answer), ChatMessage("user", "And 2 plus 2?")]
    second = chat.tokenizer.encode_chat(turns)
    steps = run(chat, second, ignore_end=False)
    assert prefill_of(steps).cached >= len(first)
    fresh = load_folder(demo_model().folder)
    assert end_of(steps).text == end_of(run(fresh, second, ignore_end=False)).text


def test_a_continued_answer_is_the_one_that_was_cut(chat: LoadedModel) -> None:
    question = ChatMessage("user", "Tell me a story about a fox.")
    prompt = chat.tokenizer.encode_chat([question])
    whole = end_of(run(chat, prompt, ignore_end=False, max_new_tokens=40)).text
    cut = end_of(run(chat, prompt, ignore_end=False, max_new_tokens=15)).text
    opened = chat.tokenizer.encode_chat([question, ChatMessage("assistant", cut)], continues=True)
    steps = run(chat, opened, ignore_end=False, continues=True, max_new_tokens=25)
    assert cut + end_of(steps).text == whole
    assert prefill_of(steps).cached >= len(prompt)


def test_logits_over_a_kept_prefix_are_those_of_a_whole_reading(random_folder: Path) -> None:
    kept, whole = load_folder(random_folder).model, load_folder(random_folder).model
    kept.extend(PROMPT)
    kept.extend([500, 501])
    changed = [*PROMPT[:30], 7, 8, 9]
    shared = kept.keep_prefix(changed)
    assert shared == common_prefix(PROMPT, changed) == 30
    assert_near(kept.extend(changed[shared:]), whole.extend(changed))


def test_an_edited_message_is_answered_as_by_a_fresh_model(chat: LoadedModel) -> None:
    def ids(question: str) -> list[int]:
        return chat.tokenizer.encode_chat([ChatMessage("user", question)])

    run(chat, ids("Tell me a story about a fox."), max_new_tokens=40)
    edited = run(chat, ids("Tell me what 2 plus 2 is."), ignore_end=False, max_new_tokens=40)
    assert prefill_of(edited).cached > 0
    fresh = load_folder(demo_model().folder)
    expected = run(fresh, ids("Tell me what 2 plus 2 is."), ignore_end=False, max_new_tokens=40)
    assert end_of(edited).text == end_of(expected).text


def test_a_prompt_read_in_blocks_gives_the_logits_of_one_reading(chat: LoadedModel) -> None:
    model = chat.model
    whole = model.extend(LONG)
    for size in (1, 7, 256):
        model.keep_prefix([-1, -1])
        blocks = [LONG[:100][start : start + size] for start in range(0, 100, size)]
        for block in blocks:
            logits = model.extend(block)
        model.keep_prefix([-1, -1])
        assert_near(logits, model.extend(LONG[:100]))
    model.keep_prefix([-1, -1])
    for start in range(0, len(LONG), 256):
        logits = model.extend(LONG[start : start + 256])
    assert_near(logits, whole)


def test_scoring_a_text_does_not_disturb_the_next_answer(loaded: LoadedModel) -> None:
    before = end_of(run(loaded, PROMPT)).text
    blocks = list(loaded.model.all_logits(PROMPT[::-1]))
    assert np.concatenate(blocks).shape == (len(PROMPT), loaded.config.vocab_size)
    again = run(loaded, PROMPT)
    assert prefill_of(again).cached == 0
    assert end_of(again).text == before


# -- the figures ---------------------------------------------------------------------------------


def metrics_of(loaded: LoadedModel, count: int) -> Metrics:
    return end_of(run(loaded, PROMPT, max_new_tokens=count)).metrics


def test_the_figures_of_an_answer_fit_together(loaded: LoadedModel) -> None:
    metrics = metrics_of(loaded, 10)
    assert metrics.prompt_tokens == len(PROMPT)
    assert metrics.cached_tokens == 0
    assert metrics.completion_tokens == 10
    assert 0 < metrics.prefill_s <= metrics.ttft_s
    assert metrics.prefill_tokens_per_s == pytest.approx(len(PROMPT) / metrics.prefill_s)
    assert metrics.context_used == len(PROMPT) + 9
    assert metrics.context_length == loaded.model.context_length
    assert metrics.peak_rss_bytes > 50_000_000
    # Decode: nine gaps between ten tokens.
    mean_ms = 1e3 / metrics.decode_tokens_per_s
    assert metrics.token_ms_p50 <= metrics.token_ms_p95 <= 9 * mean_ms


@pytest.mark.parametrize("count", [2, 3, 4, 5, 20, 21])
def test_the_percentiles_are_positive_and_in_order(loaded: LoadedModel, count: int) -> None:
    metrics = metrics_of(loaded, count)
    assert 0 < metrics.token_ms_p50 <= metrics.token_ms_p95


def test_an_answer_of_one_token_has_no_decode_speed(loaded: LoadedModel) -> None:
    metrics = metrics_of(loaded, 1)
    assert metrics.ttft_s > 0
    assert metrics.decode_tokens_per_s == metrics.token_ms_p50 == metrics.token_ms_p95 == 0


def test_each_text_step_tells_the_figures_so_far(loaded: LoadedModel) -> None:
    steps = [step for step in run(loaded, PROMPT) if isinstance(step, Text)]
    counts = [step.completion_tokens for step in steps]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert len({step.ttft_s for step in steps}) == 1
    assert all(len(PROMPT) <= step.context_used <= len(PROMPT) + 8 for step in steps)
