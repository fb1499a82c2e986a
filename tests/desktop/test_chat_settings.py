"""The settings of a chat through the real window: panel, personas, what the engine is sent."""

import json

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QMessageBox
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.settings_panel.panel import SettingsPanel
from desktop.settings_panel.stops import from_lines, to_lines
from desktop.state import State
from tests.desktop.conftest import OpenWindow, ask, click, shown, wait_for


def open_panel(made: Desktop, qtbot: QtBot) -> SettingsPanel:
    qtbot.keyClick(made.window, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(made.window.chat.settings.isVisible)
    return made.window.chat.settings


def type_number(qtbot: QtBot, panel: SettingsPanel, name: str, text: str) -> None:
    box = panel.numbers[name].box
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def choose_persona(panel: SettingsPanel, name: str) -> None:
    box = panel.personas.box
    box.setCurrentIndex(box.findData(name))
    box.activated.emit(box.currentIndex())


def sent_settings(made: Desktop, qtbot: QtBot) -> dict[str, object]:
    """What the engine was sent with a question."""
    count = len(shown(made))
    ask(qtbot, made, "show the settings")
    qtbot.waitUntil(lambda: len(shown(made)) == count + 2 and shown(made)[-1].endswith("}"))
    return json.loads(shown(made)[-1])


def test_the_panel_opens_and_closes_by_key_and_button(ready: Desktop, qtbot: QtBot) -> None:
    panel = open_panel(ready, qtbot)
    assert ready.window.chat.header.settings.isChecked()
    qtbot.keyClick(panel.numbers["temperature"].box, Qt.Key.Key_Escape)
    assert not panel.isVisible()
    click(qtbot, ready.window.chat.header.settings)
    assert panel.isVisible()
    click(qtbot, panel.close_button)
    assert not panel.isVisible() and not ready.window.chat.header.settings.isChecked()


def test_the_models_own_defaults_are_shown_and_returned_to(ready: Desktop, qtbot: QtBot) -> None:
    panel = open_panel(ready, qtbot)
    field = panel.numbers["temperature"]
    assert field.box.value() == 0.6 and not field.reset.isVisible()
    type_number(qtbot, panel, "temperature", "1.25")
    assert sent_settings(ready, qtbot)["temperature"] == 1.25
    click(qtbot, field.reset)
    assert field.box.value() == 0.6
    assert sent_settings(ready, qtbot)["temperature"] is None


def test_everything_that_is_set_is_sent(ready: Desktop, qtbot: QtBot) -> None:
    panel = open_panel(ready, qtbot)
    given = {
        "top_k": 30, "top_p": 0.8, "min_p": 0.05, "repetition_penalty": 1.1,
        "presence_penalty": -0.5, "frequency_penalty": 0.4, "seed": 42, "max_new_tokens": 300,
    }  # fmt: skip
    for name, value in given.items():
        type_number(qtbot, panel, name, str(value))
    panel.stops.box.setPlainText("END\n\\n\\n")
    panel.overflow.box.setCurrentIndex(1)
    panel.overflow.box.activated.emit(1)
    ready.window.chat.composer.edit.setFocus()
    qtbot.waitUntil(lambda: ready.desk.talk.settings.sampling.stop != ())
    sent = sent_settings(ready, qtbot)
    assert {name: sent[name] for name in given} == given
    assert sent["stop"] == ["END", "\n\n"]
    assert sent["overflow"] == "drop_oldest"


def test_a_persona_sets_the_system_prompt_and_the_sampling(ready: Desktop, qtbot: QtBot) -> None:
    panel = open_panel(ready, qtbot)
    choose_persona(panel, "Coder")
    assert panel.prompt.value.startswith("You help with programming")
    ask(qtbot, ready, "show the history")
    qtbot.waitUntil(lambda: len(shown(ready)) == 2 and shown(ready)[1].startswith("["))
    assert json.loads(shown(ready)[1])[0] == ["system", panel.prompt.value]
    assert sent_settings(ready, qtbot)["temperature"] == 0.2


def test_settings_stay_with_their_chat(ready: Desktop, qtbot: QtBot) -> None:
    panel = open_panel(ready, qtbot)
    type_number(qtbot, panel, "seed", "7")
    assert sent_settings(ready, qtbot)["seed"] == 7
    first = ready.desk.talk.chat
    ready.desk.new()
    assert panel.numbers["seed"].value is None
    assert sent_settings(ready, qtbot)["seed"] is None
    ready.desk.open(first.id)
    qtbot.waitUntil(lambda: panel.numbers["seed"].value == 7)


def test_a_persona_is_made_kept_as_default_and_deleted(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window()
    wait_for(qtbot, made, State.READY)
    panel = open_panel(made, qtbot)
    bar = panel.personas
    panel.prompt.box.setPlainText("Speak like a pirate.")
    made.window.chat.composer.edit.setFocus()
    qtbot.waitUntil(lambda: made.desk.talk.settings.system_prompt != "")
    bar.create_wanted.emit()
    dialog = made.window.findChild(QInputDialog)
    dialog.setTextValue("Pirate")
    dialog.accept()
    assert bar.box.currentData() == "Pirate"
    bar.default_wanted.emit("Pirate")
    made.desk.new()
    assert panel.prompt.value == "Speak like a pirate."
    bar.delete_wanted.emit("Pirate")
    box = made.window.findChild(QMessageBox)
    click(qtbot, next(b for b in box.buttons() if b.text() == "Delete"))
    assert bar.box.findData("Pirate") < 0
    assert panel.prompt.value == "Speak like a pirate.", "the chat keeps what it has"


def test_the_engine_is_loaded_anew_only_by_its_button(ready: Desktop, qtbot: QtBot) -> None:
    panel = open_panel(ready, qtbot)
    engine = panel.engine
    assert not engine.apply.isVisible()
    for field, value in ((engine.context, 4096), (engine.threads, 3)):
        field.box.setValue(value)
    assert engine.apply.isVisible()
    assert ready.controller.selection.context_length is None
    with qtbot.waitSignal(ready.controller.model_loaded, check_params_cb=bool) as loaded:
        engine.apply.click()
    assert loaded.args[0].context_length == 4096 and loaded.args[0].threads == 3
    assert not engine.apply.isVisible()
    ask(qtbot, ready, "hello")
    qtbot.waitUntil(lambda: ready.desk.talk.chat is not None)
    assert ready.desk.talk.settings.context_length == 4096
    assert ready.desk.talk.settings.threads == 3


def test_the_panel_covers_a_narrow_window_and_stands_beside_a_wide_one(
    ready: Desktop, qtbot: QtBot
) -> None:
    panel = open_panel(ready, qtbot)
    composer = ready.window.chat.composer
    ready.window.resize(1280, 800)
    qtbot.waitUntil(lambda: panel.width() == 330)

    def left(widget) -> int:
        return widget.mapTo(ready.window, widget.rect().topLeft()).x()

    assert left(composer) + composer.width() <= left(panel)
    ready.window.resize(480, 800)
    qtbot.waitUntil(lambda: panel.width() > 400)
    assert left(panel) + panel.width() == ready.window.width()


def test_every_setting_says_what_it_does(ready: Desktop, qtbot: QtBot) -> None:
    panel = open_panel(ready, qtbot)
    fields = [*panel.numbers.values(), panel.prompt, panel.stops, panel.overflow]
    for field in (*fields, panel.engine.context, panel.engine.precision, panel.engine.threads):
        assert field.editor.accessibleName()
        assert field.editor.accessibleDescription().endswith(".")


def test_stop_strings_are_written_as_lines() -> None:
    stops = ("END", "\n\n", "a\\b", "\t")
    assert from_lines(to_lines(stops)) == stops
    assert from_lines("one\n\ntwo\n") == ("one", "two")
