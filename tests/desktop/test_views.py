"""What the window shows around the conversation: figures, pickers, the demo's notice, names."""

from pathlib import Path

from PySide6.QtWidgets import QAbstractButton, QFileDialog, QPlainTextEdit, QTextBrowser
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.state import State
from engine.models import LocalModel, demo_model
from tests.desktop.conftest import OpenWindow, ask, click, wait_for


def test_the_strip_shows_the_engines_figures(ready: Desktop, qtbot: QtBot) -> None:
    strip = ready.window.chat.strip
    assert strip.decode.value.whole == "–"
    ask(qtbot, ready, "hello")
    assert strip.decode.value.whole == "23.4"
    assert strip.prefill.value.whole == "346"
    assert strip.ttft.value.whole == "85 ms"
    qtbot.waitUntil(lambda: strip.memory.value.whole == "812 MB")
    assert strip.peak.value.whole == "1.23 GB"
    assert strip.decode.accessibleName() == "Decode tokens/s: 23.4"


def test_the_figures_move_during_the_answer(ready: Desktop, qtbot: QtBot) -> None:
    ready.controller.ask("write a long text")
    qtbot.waitUntil(lambda: ready.window.chat.strip.decode.value.whole == "23.4")
    assert ready.controller.state is State.GENERATING
    ready.controller.stop()
    wait_for(qtbot, ready, State.READY)


def test_the_kernel_figure_proves_what_was_loaded(ready: Desktop) -> None:
    kernel = ready.window.chat.strip.kernel
    assert kernel.value.whole == "bf16 · native · AVX512_VNNI"
    for fact in ("28 layers quantised", "1 × lm_head, it decides the output", "8 threads"):
        assert fact in kernel.toolTip()


def test_the_demo_says_that_it_is_a_toy_and_points_to_others(ready: Desktop, qtbot: QtBot) -> None:
    assert ready.window.chat.demo.isVisible()
    assert "toy" in ready.window.chat.demo.text.text()
    click(qtbot, ready.window.chat.demo.choose)
    models = ready.window.models
    qtbot.waitUntil(models.finder.isVisible)  # a fresh computer has no other model to list


def test_where_there_are_other_models_the_demo_points_to_the_list(
    ready: Desktop, qtbot: QtBot, tmp_path: Path
) -> None:
    picker = ready.window.chat.header.models
    picker.show_models([demo_model(), LocalModel("org/other", "Other", tmp_path, 1)])
    click(qtbot, ready.window.chat.demo.choose)
    qtbot.waitUntil(picker.menu().isVisible)
    picker.menu().close()


def test_another_model_is_chosen_from_a_folder_and_remembered(
    ready: Desktop, qtbot: QtBot, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    menu = ready.window.chat.header.models.menu()
    next(a for a in menu.actions() if a.text() == "Open a folder…").trigger()
    wait_for(qtbot, ready, State.READY)
    assert not ready.window.chat.demo.isVisible()
    assert ready.settings.value.model == str(tmp_path)
    assert ready.settings.value.folders == (str(tmp_path),)


def test_the_list_shows_the_models_with_their_sizes(ready: Desktop, qtbot: QtBot) -> None:
    menu = ready.window.chat.header.models.menu()
    qtbot.waitUntil(lambda: any("Tern demo" in a.text() for a in menu.actions()))
    demo = next(a for a in menu.actions() if "Tern demo" in a.text())
    assert demo.text().endswith(" MB") and demo.isChecked()


def test_the_kernel_menu_loads_with_other_kernels(ready: Desktop, qtbot: QtBot) -> None:
    ready.menus.kernels["ipex"].trigger()
    qtbot.waitUntil(lambda: "ipex" in ready.window.chat.strip.kernel.value.whole)
    assert ready.settings.value.kernel == "ipex"


def test_every_control_has_a_name(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    for kind in (QAbstractButton, QPlainTextEdit, QTextBrowser):
        for widget in ready.window.findChildren(kind):
            if not widget.objectName().startswith("qt_"):
                assert widget.accessibleName(), widget


def test_the_window_fits_into_480_pixels(open_window: OpenWindow, qtbot: QtBot) -> None:
    made = open_window()
    wait_for(qtbot, made, State.READY)
    made.window.resize(480, 700)
    qtbot.waitUntil(lambda: made.window.width() == 480)
    for part in (
        made.window.chat.header,
        made.window.chat.demo,
        made.window.chat.composer,
        made.window.chat.strip,
    ):
        assert part.minimumSizeHint().width() <= 480, part


def test_a_long_model_name_is_shortened_and_spoken_in_full(ready: Desktop, qtbot: QtBot) -> None:
    assert ready.window.chat.header.models.text() == "Tern demo (a toy)  ▾"
    name = "a-model-with-a-very-long-name-as-they-tend-to-have-nowadays-instruct-v2.5"
    ready.controller.select(model=name)
    wait_for(qtbot, ready, State.READY)
    ready.window.resize(480, 700)
    picker = ready.window.chat.header.models
    qtbot.waitUntil(lambda: "…" in picker.text())
    assert picker.text().endswith("▾") and picker.accessibleName() == f"Model: {name}"
    assert not picker.geometry().intersects(ready.window.chat.header.precisions.geometry())


def test_the_toys_notice_goes_where_another_model_could_not_be_loaded(
    ready: Desktop, qtbot: QtBot
) -> None:
    ready.controller.select(model="missing")
    wait_for(qtbot, ready, State.IDLE)
    assert not ready.window.chat.demo.isVisible()


def test_an_example_that_cannot_be_asked_is_written_into_the_composer(
    ready: Desktop, qtbot: QtBot
) -> None:
    ready.controller.select(model="missing")
    wait_for(qtbot, ready, State.IDLE)
    click(qtbot, ready.window.chat.welcome.examples[0])
    assert ready.window.chat.composer.edit.toPlainText() == "Tell me a story about a fox."
