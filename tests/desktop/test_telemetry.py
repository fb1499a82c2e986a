"""The figures in full: their course, how each is computed, and those of old answers."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTableView
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.telemetry import figures
from desktop.telemetry.answer_record import AnswerRecord
from desktop.telemetry.curve import Curve, ticks
from desktop.theme import LIGHT
from engine.messages import Chunk, Done, Memory, Metrics
from tests.desktop.conftest import ask, click


def metrics(**changes: object) -> Metrics:
    values: dict[str, object] = {
        "prompt_tokens": 40,
        "cached_tokens": 30,
        "completion_tokens": 9,
        "ttft_s": 0.2,
        "prefill_s": 0.1,
        "prefill_tokens_per_s": 100.0,
        "decode_tokens_per_s": 16.0,
        "token_ms_p50": 41.25,
        "token_ms_p95": 90.5,
        "context_used": 49,
        "context_length": 2048,
        "peak_rss_bytes": 1_500_000_000,
    }
    return Metrics(**(values | changes))


def chunk(tokens: int, mean: float) -> Chunk:
    return Chunk(
        request_id=1,
        text="",
        completion_tokens=tokens,
        ttft_s=0.2,
        decode_tokens_per_s=mean,
        context_used=0,
    )


def table_of(made: Desktop) -> dict[str, str]:
    table = made.telemetry.table
    return {table.item(i, 0).text(): table.item(i, 1).text() for i in range(table.rowCount())}


def test_the_speed_between_two_reports_is_taken_from_the_engines_clock() -> None:
    record = AnswerRecord(clock=lambda: 0.0)
    record.begin()
    record.add(chunk(1, 0.0))
    record.add(chunk(5, 4 / 0.4))  # 4 tokens in 0.4 s: 10 a second
    record.add(chunk(6, 5 / 0.5))  # too soon after it
    record.add(chunk(10, 9 / 0.65))  # 5 more tokens in 0.25 s more: 20 a second
    assert [time for time, _ in record.speed] == pytest.approx([0.6, 0.85])
    assert [speed for _, speed in record.speed] == pytest.approx([10.0, 20.0])


def test_a_short_answer_has_a_sample_too() -> None:
    record = AnswerRecord(clock=lambda: 0.0)
    record.begin()
    figures_of_it = metrics(completion_tokens=3, decode_tokens_per_s=20.0)
    record.add(Done(request_id=1, text="", finish_reason="end", metrics=figures_of_it))
    assert record.speed == [(pytest.approx(0.3), pytest.approx(20.0))]


def test_memory_is_followed_during_an_answer_alone() -> None:
    now = 5.0
    record = AnswerRecord(clock=lambda: now)
    record.add(Memory(rss_bytes=100, peak_rss_bytes=100))
    assert record.memory == []
    record.begin()
    now = 7.0
    record.add(Memory(rss_bytes=300, peak_rss_bytes=300))
    assert record.memory == [(0.0, 100.0), (2.0, 300.0)]
    assert record.memory_at(1.9) == 100
    record.add(Done(request_id=1, text="", finish_reason="end", metrics=metrics()))
    count = len(record.memory)
    record.add(Memory(rss_bytes=900, peak_rss_bytes=900))
    assert len(record.memory) == count


@pytest.mark.parametrize("largest", [0.3, 1.0, 7.3, 25.0, 812e6, 1.23e9])
def test_marks_on_an_axis_are_few_and_round(largest: float) -> None:
    marks = ticks(largest)
    assert marks[0] == 0 and largest / 2 < marks[-1] <= largest * (1 + 1e-9)
    assert 2 <= len(marks) - 1 <= 4
    assert f"{marks[1]:.1e}"[:3] in ("1.0", "2.0", "2.5", "5.0")


def test_ctrl_t_opens_the_figures_of_the_last_answer(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    qtbot.keyClick(ready.window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(ready.telemetry.isVisible)
    shown = table_of(ready)
    assert shown["Per token, p50"] == "40.0 ms" and shown["Per token, p95"] == "44.0 ms"
    assert shown["Ended by"] == "end of the answer"
    assert shown["From the cache"] == "0 tokens (0%)"
    assert shown["Threads"] == "8" and shown["Instruction set"] == "AVX512_VNNI"
    assert shown["Quantised layers"] == "28 / 30"
    assert ready.telemetry.speed.reading.startswith("23.4")


def test_every_figure_says_how_it_is_computed(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    click(qtbot, ready.window.chat.strip.details)
    table = ready.telemetry.table
    assert table.rowCount() == 19
    explanations = [table.item(i, 2).text() for i in range(table.rowCount())]
    assert all(text.endswith(".") and len(text) > 25 for text in explanations)
    assert len(set(explanations)) == len(explanations)


def test_the_curves_grow_while_the_panel_is_open(ready: Desktop, qtbot: QtBot) -> None:
    ready.telemetry.come_forward()
    ready.controller.ask("write a long text")
    qtbot.waitUntil(lambda: len(ready.telemetry.speed._points) > 2)
    assert ready.telemetry.heading.text() == "The answer in progress"
    ready.controller.stop()
    qtbot.waitUntil(lambda: table_of(ready).get("Ended by") == "Stop")


def test_the_figures_kept_with_an_old_answer_are_shown(ready: Desktop, qtbot: QtBot) -> None:
    ready.telemetry.come_forward()
    ready.telemetry.show_answer(metrics(), "context")
    shown = table_of(ready)
    assert shown["Decode tokens/s"] == "16.0" and shown["Per token, p95"] == "90.5 ms"
    assert shown["From the cache"] == "30 tokens (75%)"
    assert shown["Ended by"] == "a full context"
    assert "Threads" not in shown, "what runs now need not be what ran then"
    assert not ready.telemetry.speed.isVisible()
    ask(qtbot, ready, "hello")
    qtbot.waitUntil(ready.telemetry.speed.isVisible)


def test_a_single_token_has_no_percentiles() -> None:
    rows = {r.figure: r.value for r in figures.of_answer(metrics(completion_tokens=1), "length")}
    assert rows[figures.P50] == "–" and rows[figures.ANSWER] == "1 token"


def test_the_curves_can_be_read_as_a_table(ready: Desktop, qtbot: QtBot) -> None:
    ready.telemetry.come_forward()
    ask(qtbot, ready, "hello")
    ready.telemetry.as_table.click()
    view = next(
        v for v in ready.telemetry.findChildren(QTableView) if v is not ready.telemetry.table
    )
    qtbot.waitUntil(view.isVisible)
    samples = ready.telemetry.samples
    assert samples.rowCount() == len(ready.telemetry.record.speed) > 0
    assert samples.index(0, 1).data() == "23.4" and samples.index(0, 2).data() == "812 MB"


@pytest.fixture
def curve(qtbot: QtBot) -> Curve:
    made = Curve("Tokens/s", "How.", lambda value: f"{value:.0f} tokens/s", LIGHT)
    qtbot.addWidget(made)
    made.resize(500, 160)
    made.show_points([(0.0, 10.0), (1.0, 20.0), (4.0, 5.0)])
    made.show()
    qtbot.waitExposed(made)
    return made


def test_the_pointer_reads_out_the_nearest_sample(curve: Curve, qtbot: QtBot) -> None:
    assert curve.reading == "5 tokens/s"
    plot = curve._plot()
    QTest.mouseMove(curve, QPoint(round(plot.left() + plot.width() * 0.3), 80))
    qtbot.waitUntil(lambda: curve.reading == "1.00 s: 20 tokens/s")


def test_the_arrow_keys_read_out_each_sample(curve: Curve, qtbot: QtBot) -> None:
    curve.setFocus()
    for key, reading in [
        (Qt.Key.Key_Home, "0 ms: 10 tokens/s"),
        (Qt.Key.Key_Right, "1.00 s: 20 tokens/s"),
        (Qt.Key.Key_End, "4.00 s: 5 tokens/s"),
        (Qt.Key.Key_Left, "1.00 s: 20 tokens/s"),
    ]:
        qtbot.keyClick(curve, key)
        assert curve.reading == reading
        assert curve.accessibleDescription().startswith(reading)


def test_the_curve_is_painted_in_the_themes_colour(curve: Curve) -> None:
    image = curve.grab().toImage()
    colours = {image.pixelColor(x, y).name() for x in range(500) for y in range(160)}
    assert LIGHT.accent in colours


def test_an_empty_curve_paints_and_reads_a_dash(curve: Curve) -> None:
    curve.show_points([])
    curve.grab()
    assert curve.reading == "–"
