"""Whole comparisons of the demo model in real engine processes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from engine.errors import BadSetting, EmptyPrompt, ModelNotFound
from engine.kernels.base import core_built
from engine.lab.conditions import NoiseWatch
from engine.lab.records import Comparison, Variant
from engine.lab.steps import Answered, Finished, GaveUp, Judged, Running, Wrote
from engine.messages import Precision
from engine.model_config import read_config
from engine.models import demo_model
from engine.paths import Paths
from engine.store.packed import NATIVE_FORMAT, packed_folders, write_manifest
from tests.lab.conftest import (
    BF16,
    INT4,
    INT8,
    QUESTIONS,
    children,
    compare,
    kept_files,
    plan_of,
    runner,
)

NATIVE = Variant(precision=Precision.BF16, kernel="native")
core = pytest.mark.skipif(not core_built(), reason="damages the core's packed weights")


def test_each_variant_answers_and_is_forced_along_the_reference(comparison: Comparison) -> None:
    assert [row.label for row in comparison.rows] == ["bf16", "int8", "int4"]
    assert comparison.failures == ()
    reference, *others = comparison.rows
    for row in comparison.rows:
        assert [bool(answer.text) for answer in row.answers] == [True] * len(QUESTIONS)
        assert row.speed is not None and row.speed.decode_tokens_per_s.value > 0
        assert row.peak_rss_bytes > 10e6
    for row in others:
        lengths = [len(judgement.tokens) for judgement in row.judgements]
        assert lengths == [len(answer.tokens) for answer in reference.answers]
        assert row.kl is not None and row.kl.low <= row.kl.value <= row.kl.high
        assert row.kl.value > 1e-6
        assert row.verdict in comparison.verdict
    assert (reference.kl, reference.verdict) == (None, "")


def test_fewer_bits_take_less_disk_and_lose_more(comparison: Comparison) -> None:
    bf16, int8, int4 = comparison.rows
    assert bf16.disk_bytes == demo_model().size
    assert bf16.disk_bytes > int8.disk_bytes > int4.disk_bytes > 0
    assert int8.kl and int4.kl
    assert int8.kl.value < int4.kl.value


def test_the_tokens_of_a_judgement_are_those_of_the_answer(comparison: Comparison) -> None:
    """Their texts make up the answer, and the token that ends the turn stands last, by its name."""
    for answer, judgement in zip(
        comparison.rows[0].answers, comparison.rows[2].judgements, strict=True
    ):
        *tokens, last = judgement.tokens
        ended = answer.finish_reason == "end"
        text = "".join(token.text for token in (tokens if ended else judgement.tokens))
        assert text == answer.text
        assert last.text.startswith("<") or not ended


def test_each_token_has_both_lists_of_the_likeliest(comparison: Comparison) -> None:
    tokens = [token for row in comparison.rows[1:] for j in row.judgements for token in j.tokens]
    for token in tokens:
        for top in (token.top, token.reference_top):
            chances = [one.probability for one in top]
            assert len(chances) == 5
            assert chances == sorted(chances, reverse=True)
            assert sum(chances) <= 1 + 1e-9
        if token.agrees:
            assert token.top[0].text == token.reference_top[0].text


def test_the_first_departure_is_where_the_greedy_choice_is_another(comparison: Comparison) -> None:
    for judgement in comparison.rows[2].judgements:
        agreed = [token.agrees for token in judgement.tokens]
        assert judgement.departs == (agreed.index(False) if False in agreed else None)


def test_perplexity_is_measured_on_the_text_too(comparison: Comparison) -> None:
    assert all(row.text_perplexity and row.text_perplexity > 1 for row in comparison.rows)
    assert comparison.rows[0].text_perplexity_ratio is None
    assert comparison.rows[1].text_perplexity_ratio == pytest.approx(1, abs=0.1)
    assert comparison.plan.text == ""  # it may be a whole book
    assert comparison.plan.text_name.startswith("fox.txt (SHA-256 ")


def test_steps_come_in_order_and_stream(finished) -> None:
    comparison, steps = finished()
    kinds = [type(step) for step in steps if isinstance(step, Running | Answered | Judged)]
    assert kinds == [Running, *[Answered, Judged] * len(QUESTIONS)] * 3
    for number, row in enumerate(comparison.rows):
        wrote = [s for s in steps if isinstance(s, Wrote) and (s.variant, s.prompt) == (number, 1)]
        assert "".join(step.text for step in wrote) == row.answers[1].text


def test_it_can_be_told_where_and_of_what_it_was_made(comparison: Comparison) -> None:
    assert comparison.machine.cpu and comparison.versions["torch"]
    assert len(comparison.weights) == 64
    assert comparison.plan.sampling.seed is not None
    assert comparison.revision == str(demo_model().folder)


def test_nothing_is_left_after_a_comparison(comparison: Comparison) -> None:
    assert comparison.rows
    assert (children(), kept_files()) == ([], [])


def test_the_same_precision_twice_has_no_difference() -> None:
    comparison, _ = compare(plan_of(BF16, NATIVE))
    row = comparison.rows[1]
    assert row.kl and row.kl.value < 1e-5
    assert row.top1_agreement and row.top1_agreement.value == 1
    assert row.likeness == "same"
    assert "no difference in quality was measurable" in row.verdict


def test_a_reference_in_float32_is_really_that() -> None:
    exact = Variant(precision=Precision.BF16, float32=True)
    comparison, _ = compare(plan_of(exact, BF16))
    reference, row = comparison.rows
    assert (comparison.reference, reference.kernel) == ("fp32", "torch")
    assert reference.proof.weight_dtype == reference.proof.activation_dtype == "fp32"
    assert reference.weight_bytes == 2 * row.weight_bytes
    assert row.kl and 1e-9 < row.kl.value < 0.01


def test_what_a_reference_takes_does_not_teach_what_bf16_takes(tern_home: Path) -> None:
    """The memory that is predicted for a load is corrected by what loads took before."""
    exact = Variant(precision=Precision.BF16, float32=True)
    compare(plan_of(NATIVE, quality=False, questions=QUESTIONS[:1]))
    learned = (tern_home / "cache" / "observed.json").read_bytes()
    compare(plan_of(exact, quality=False, questions=QUESTIONS[:1]))
    assert (tern_home / "cache" / "observed.json").read_bytes() == learned


@core
def test_a_damaged_model_is_found_out(
    lab_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comparison: Comparison
) -> None:
    whole = comparison.rows[2]
    assert whole.likeness in ("same", "close", "worse")
    shutil.copytree(lab_home, tmp_path / "home", dirs_exist_ok=True)
    monkeypatch.setenv("TERN_HOME", str(tmp_path / "home"))
    shuffle_scales()
    damaged = compare(plan_of(BF16, INT4))[0].rows[1]
    assert damaged.likeness == "broken"
    assert "as if its weights were damaged" in damaged.verdict
    assert damaged.kl and whole.kl
    assert damaged.kl.low > whole.kl.high


def shuffle_scales() -> None:
    """Give each group of a layer's int4 weights the scale of another one of its panel.

    As if the rounding itself had done so: the checksums are those of the shuffled files.
    """
    packed = next(one for one in packed_folders(Paths.default().packed) if one.precision == "int4")
    shapes = read_config(demo_model().folder).linear_shapes()
    for file in sorted(packed.folder.glob("layer-00[0-1].safetensors")):
        data = np.fromfile(file, np.uint8)
        header = 8 + int(data[:8].view("<u8")[0])
        entries = json.loads(bytes(data[8:header]))
        for name, (rows, columns) in shapes.items():
            begin, end = (header + place for place in entries[f"{name}.int4"]["data_offsets"])
            scales = places_of_scales(data[begin:end], rows, columns)
            mixed = np.random.default_rng(0).permutation(data[begin:end][scales], axis=1)
            data[begin:end][scales] = mixed
        data.tofile(file)
    write_manifest(packed.folder, demo_model().folder, NATIVE_FORMAT)


def places_of_scales(weight: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Where the scales of an int4 weight lie, [panels, groups * 16] (kernels.h).

    Before each four groups of 256 bytes of codes stands a line of 64 scales, 16 for each.
    """
    groups, panels = columns // 32, -(-rows // 16)
    stored = -(-groups // 2) * 2  # an even number
    panel = -(-stored // 4) * 64 + stored * 256
    of_groups = np.arange(groups) // 4 * (64 + 4 * 256) + np.arange(groups) % 4 * 16
    in_panel = (of_groups[:, None] + np.arange(16)).reshape(-1)
    return np.arange(panels)[:, None] * panel + in_panel


def test_a_busy_machine_spoils_the_speed_and_not_the_quality() -> None:
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(psutil.cpu_count() or 1)
    ]
    try:
        comparison, _ = compare(plan_of(BF16, NATIVE, questions=QUESTIONS[1:2]), NoiseWatch)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    row = comparison.rows[1]
    assert "other processes took" in row.answers[0].spoiled
    assert row.speed is None
    assert row.kl is not None
    assert "could not be measured (other processes took" in row.verdict
    assert any("1 of 1 answers do not count" in said for said in comparison.missing)


def test_spoiled_answers_are_not_averaged_in() -> None:
    class SecondIsSpoiled:
        count = 0

        def __init__(self, _pid: int | None) -> None:
            SecondIsSpoiled.count += 1

        def verdict(self) -> str:
            return "the machine was swapping" if SecondIsSpoiled.count == 2 else ""

    row = compare(plan_of(BF16, quality=False), SecondIsSpoiled)[0].rows[0]
    assert row.spoiled == ("the machine was swapping",)
    counted = [row.answers[place].metrics.decode_tokens_per_s for place in (0, 2)]
    assert row.speed is not None
    assert row.speed.decode_tokens_per_s.value == pytest.approx(np.median(counted))


def test_a_spoiled_reference_is_named_where_a_ratio_is_missing() -> None:
    class FirstIsSpoiled:
        count = 0

        def __init__(self, _pid: int | None) -> None:
            FirstIsSpoiled.count += 1

        def verdict(self) -> str:
            return "the machine was swapping" if FirstIsSpoiled.count == 1 else ""

    row = compare(plan_of(BF16, NATIVE, questions=QUESTIONS[:1]), FirstIsSpoiled)[0].rows[1]
    assert row.speed is not None and row.speed.decode_ratio is None
    assert "could not be measured (the machine was swapping)" in row.verdict


@pytest.mark.parametrize("kind", [Running, Wrote, Judged])
def test_a_stop_ends_it_with_what_there_is(kind: type) -> None:
    running = runner(plan_of(BF16, NATIVE))
    steps = []
    for step in running.steps():
        if isinstance(step, kind) and step not in steps[:-1]:
            running.stop()
        steps.append(step)
    assert isinstance(steps[-1], Finished)
    assert steps[-1].comparison.stopped
    assert len(steps[-1].comparison.rows) == 1
    assert (children(), kept_files()) == ([], [])


def test_a_second_stop_ends_the_process_at_once() -> None:
    running = runner(plan_of(BF16))
    for step in running.steps():
        if isinstance(step, Wrote):
            running.stop()
            running.stop()
    assert isinstance(step, Finished)
    assert step.comparison.stopped


def test_who_looks_away_leaves_nothing_behind() -> None:
    steps = runner(plan_of(BF16, NATIVE)).steps()
    assert any(isinstance(step, Judged) for step in steps)
    assert kept_files()
    steps.close()
    assert (children(), kept_files()) == ([], [])


def test_what_a_killed_program_left_is_swept_up() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = Paths.default().lab / f"{ended.pid}-left"
    left.mkdir(parents=True)
    (left / "0.logs").write_bytes(b"x")
    compare(plan_of(BF16, quality=False, questions=QUESTIONS[:1]))
    assert not left.exists()


def test_a_variant_that_fails_does_not_keep_the_others_from_being_compared() -> None:
    bad = Variant(precision=Precision.INT8, float32=True)  # float32 is bf16's alone
    comparison, steps = compare(plan_of(BF16, bad, NATIVE, questions=QUESTIONS[:1]))
    assert [row.label for row in comparison.rows] == ["bf16", "bf16 (native)"]
    assert [failure.kind for failure in comparison.failures] == ["BadSetting"]
    assert any(isinstance(step, GaveUp) and step.variant == 1 for step in steps)
    assert comparison.rows[1].kl and comparison.rows[1].kl.value < 1e-5


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"variants": ()}, BadSetting),
        ({"variants": (BF16, BF16)}, BadSetting),
        ({"prompts": ()}, BadSetting),
        ({"prompts": plan_of(BF16, questions=("x",) * 51).prompts}, BadSetting),
        ({"prompts": plan_of(BF16, questions=(" ",)).prompts}, EmptyPrompt),
        ({"model": "no/such"}, ModelNotFound),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_before_any_process(
    changes: dict, error: type[Exception]
) -> None:
    plan = msgspec.structs.replace(plan_of(BF16, INT8), **changes)
    with pytest.raises(error):
        next(runner(plan).steps())
