"""What goes wrong, and that the person keeps everything and is told the way out."""

import json
import signal
from pathlib import Path

import psutil
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.state import State, WayOut
from engine.messages import Precision
from tests.desktop.conftest import (
    OpenWindow,
    ask,
    choose_precision,
    click,
    said,
    shown,
    wait_for,
    wait_for_answer,
    write,
)


def engine_process() -> psutil.Process:
    children = psutil.Process().children()
    return next(child for child in children if "fake_worker" in " ".join(child.cmdline()))


def write_shape(folder: Path) -> None:
    """Write what a model of 3 billion parameters says of its shape."""
    folder.mkdir()
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 28,
        "num_attention_heads": 24,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps(config))


def test_a_crash_in_mid_answer_keeps_the_answer_and_explains(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "please crash")
    wait_for(qtbot, ready, State.CRASHED)
    assert shown(ready) == ["please crash", "These words stay"]
    assert "cut short" in ready.window.chat.transcript.views[1].caption.text()
    notice = ready.window.chat.notice
    assert notice.isVisible() and "killed the engine" in notice.sentence.text()
    assert (
        notice.buttons[WayOut.RESTART].isVisible() and notice.buttons[WayOut.OPEN_LOG].isVisible()
    )


def test_after_a_restart_the_conversation_goes_on(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "please crash")
    wait_for(qtbot, ready, State.CRASHED)
    click(qtbot, ready.window.chat.notice.buttons[WayOut.RESTART])
    wait_for(qtbot, ready, State.READY)
    assert not ready.window.chat.notice.isVisible()
    ask(qtbot, ready, "show the history")
    assert "These words stay" in shown(ready)[3]


def test_a_crash_before_the_first_word_keeps_the_question(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "please crash now")
    wait_for(qtbot, ready, State.CRASHED)
    assert shown(ready) == ["please crash now", ""]
    assert "no answer" in ready.window.chat.transcript.views[1].caption.text()
    assert ready.window.chat.notice.isVisible()


def test_a_lower_precision_chosen_after_a_crash_is_loaded_by_the_restart(
    ready: Desktop, qtbot: QtBot
) -> None:
    write(qtbot, ready, "please crash")
    wait_for(qtbot, ready, State.CRASHED)
    choose_precision(qtbot, ready, Precision.INT4)
    click(qtbot, ready.window.chat.notice.buttons[WayOut.RESTART])
    qtbot.waitUntil(lambda: ready.window.chat.strip.kernel.value.whole.startswith("int4"))


def test_the_engine_killed_from_outside_leaves_the_window_alive(
    ready: Desktop, qtbot: QtBot
) -> None:
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    child = engine_process()
    child.kill()
    wait_for(qtbot, ready, State.CRASHED)
    assert shown(ready)[1].startswith("word0 word1")
    qtbot.keyClicks(ready.window.chat.composer.edit, "still here")
    assert ready.window.chat.composer.edit.toPlainText() == "still here"


def test_an_engine_that_cannot_start_is_explained(open_window: OpenWindow, qtbot: QtBot) -> None:
    made = open_window(command=["/nonexistent/engine"])
    wait_for(qtbot, made, State.CRASHED)
    assert "could not be run" in made.window.chat.notice.sentence.text()


def test_the_log_is_opened(ready: Desktop, qtbot: QtBot, opened_links: list[str]) -> None:
    write(qtbot, ready, "please crash")
    wait_for(qtbot, ready, State.CRASHED)
    click(qtbot, ready.window.chat.notice.buttons[WayOut.OPEN_LOG])
    assert opened_links[0].startswith("file:///") and opened_links[0].endswith("engine.log")


def test_lines_that_are_no_messages_are_passed_over(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "make noise")
    assert shown(ready)[1] == "You said: make noise."


def test_a_failed_load_keeps_the_conversation_and_offers_another_model(
    ready: Desktop, qtbot: QtBot
) -> None:
    ask(qtbot, ready, "hello")
    ready.controller.select(model="missing")
    wait_for(qtbot, ready, State.IDLE)
    assert ready.window.chat.notice.isVisible()
    assert "no model named missing" in ready.window.chat.notice.sentence.text()
    assert ready.settings.value.model != "missing"
    ready.controller.select(model="demo")
    wait_for(qtbot, ready, State.READY)
    assert not ready.window.chat.notice.isVisible()
    assert shown(ready) == ["hello", "You said: hello."]


def test_a_model_that_does_not_fit_can_be_loaded_anyway(ready: Desktop, qtbot: QtBot) -> None:
    ready.controller.select(model="huge")
    wait_for(qtbot, ready, State.IDLE)
    notice = ready.window.chat.notice
    assert "needs about 900.0 GB" in notice.sentence.text()
    assert not notice.buttons[WayOut.LOAD].isVisible()
    click(qtbot, notice.buttons[WayOut.LOAD_ANYWAY])
    wait_for(qtbot, ready, State.READY)
    assert ready.settings.value.model == "huge" and not notice.isVisible()


def test_a_precision_that_fits_is_one_click_away(ready: Desktop, qtbot: QtBot) -> None:
    ready.controller.select(model="huge")
    wait_for(qtbot, ready, State.IDLE)
    offer = ready.window.chat.notice.buttons[WayOut.LOAD_OTHERWISE]
    assert offer.text() == offer.accessibleName() == "Load in int4"
    click(qtbot, offer)
    wait_for(qtbot, ready, State.READY)
    assert ready.controller.selection.precision is Precision.INT4
    assert not ready.window.chat.notice.isVisible()


def test_an_engine_that_was_refused_memory_says_with_what_it_would_do(
    open_window: OpenWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    """The shape of a model of 3 billion parameters, which the fake engine does not read."""
    model = tmp_path / "large"
    write_shape(model)
    made = open_window(model=str(model))
    wait_for(qtbot, made, State.READY)
    made.controller.select(kernel="native")
    wait_for(qtbot, made, State.READY)
    write(qtbot, made, "please be refused")
    wait_for(qtbot, made, State.CRASHED)
    notice = made.window.chat.notice
    assert "gave it no more memory" in notice.sentence.text()
    assert "int8 would need" in notice.sentence.text()
    assert shown(made)[0] == "please be refused"
    click(qtbot, notice.buttons[WayOut.LOAD_OTHERWISE])
    wait_for(qtbot, made, State.READY)
    assert made.controller.selection.precision is Precision.INT8
    ask(qtbot, made, "hello")
    assert said(made) == "You said: hello."


def test_an_engine_that_stands_still_is_told_and_left_alone(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "be stopped")
    notice = ready.window.chat.notice
    qtbot.waitUntil(notice.isVisible)
    assert "stopped by another program" in notice.sentence.text()
    assert ready.controller.state is State.GENERATING and said(ready) == "Before"
    engine_process().resume()
    wait_for(qtbot, ready, State.READY)
    assert said(ready) == "Before and after." and not notice.isVisible()


def test_an_engine_that_stands_still_can_be_started_again(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "be stopped")
    notice, stopped = ready.window.chat.notice, engine_process()
    qtbot.waitUntil(notice.isVisible)
    click(qtbot, notice.buttons[WayOut.RESTART])
    wait_for(qtbot, ready, State.READY)
    assert not stopped.is_running() and not notice.isVisible()
    assert shown(ready) == ["be stopped", "Before"]
    assert "cut short" in ready.window.chat.transcript.views[1].caption.text()
    ask(qtbot, ready, "hello")
    assert said(ready) == "You said: hello."


def test_closing_the_window_of_an_engine_that_stands_still_ends_it(
    ready: Desktop, qtbot: QtBot
) -> None:
    stopped = engine_process()
    stopped.suspend()
    ready.window.close()
    assert not stopped.is_running()


def test_packed_weights_that_were_mended_are_told(ready: Desktop, qtbot: QtBot) -> None:
    ready.controller.select(model="mended")
    wait_for(qtbot, ready, State.READY)
    assert "were damaged" in ready.window.chat.notice.sentence.text()


def test_a_failed_load_gives_the_queued_question_back(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window("--ready-after", "0.3", model="missing")
    write(qtbot, made, "hello")
    wait_for(qtbot, made, State.IDLE)
    assert made.window.chat.composer.edit.toPlainText() == "hello"


def test_loading_shows_progress_and_can_be_cancelled(open_window: OpenWindow, qtbot: QtBot) -> None:
    made = open_window(model="slow")
    qtbot.waitUntil(lambda: made.window.chat.loading.stage.text().startswith("Quantising, 3"))
    bar = made.window.chat.loading.bar
    assert 0 < bar.value() < bar.maximum()
    click(qtbot, made.window.chat.loading.cancel)
    wait_for(qtbot, made, State.IDLE)
    assert not made.window.chat.loading.isVisible()
    assert "cancelled" in made.window.chat.notice.sentence.text()
    click(qtbot, made.window.chat.notice.buttons[WayOut.LOAD])
    wait_for(qtbot, made, State.LOADING)


def test_a_question_that_is_too_long_stays_and_is_explained(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    ask(qtbot, ready, "this is too long")
    assert shown(ready) == ["hello", "You said: hello.", "this is too long", ""]
    assert "context holds" in ready.window.chat.notice.sentence.text()
    ask(qtbot, ready, "show the history")
    assert "too long" not in shown(ready)[-1], "it is not sent again"


def test_closing_in_mid_answer_ends_the_engine(ready: Desktop, qtbot: QtBot) -> None:
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    child = engine_process()
    ready.window.close()
    assert not child.is_running()


def test_closing_while_the_engine_starts_leaves_no_process(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window("--ready-after", "30")
    made.window.close()
    left = [p for p in psutil.Process().children() if "fake_worker" in " ".join(p.cmdline())]
    assert not left


def test_in_a_low_window_nothing_of_what_went_wrong_is_cut_off(
    ready: Desktop, qtbot: QtBot
) -> None:
    ready.window.resize(1000, 640)
    write(qtbot, ready, "write a long text")
    wait_for_answer(qtbot, ready)
    engine_process().send_signal(signal.SIGSEGV)
    wait_for(qtbot, ready, State.CRASHED)
    notice = ready.window.chat.notice
    for label in (notice.sentence, notice.way_out):
        qtbot.waitUntil(lambda it=label: it.height() >= it.heightForWidth(it.width()))
