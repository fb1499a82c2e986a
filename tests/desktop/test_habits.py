"""Habits: keys and the list of them, the size of letters, the tray, the window's place."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAction, QInputMethodEvent, QKeySequence, QPalette, QShortcut
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.shell import tray as desktop_tray
from desktop.shell.placement import place
from desktop.shell.shortcuts import ShortcutsDialog, keys_of
from desktop.state import State
from desktop.theme import DARK, LIGHT, next_zoom, scaled
from desktop.transcript.shown_message import Act
from desktop.wiring import habits
from tests.desktop.conftest import OpenWindow, ask, shown, wait_for

NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier


def listed(made: Desktop) -> dict[str, str]:
    return {key.keys: key.act for key in keys_of(made.window)}


@pytest.fixture
def open_window(open_window: OpenWindow, qtbot: QtBot) -> OpenWindow:
    """A function that opens a window and waits until it has settled."""

    def open_it() -> Desktop:
        made = open_window()
        wait_for(qtbot, made, State.READY)
        return made

    return open_it


def press(qtbot: QtBot, made: Desktop, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
    """Press a key while the window is in front."""
    made.window.activateWindow()
    qtbot.waitUntil(made.window.isActiveWindow)
    qtbot.keyClick(made.window, key, modifier)


def dialog_of(made: Desktop) -> ShortcutsDialog:
    return made.window.findChild(ShortcutsDialog)


# -- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "modifier"), [(Qt.Key.Key_F1, NONE), (Qt.Key.Key_Slash, CTRL)])
def test_the_list_of_keys_opens_and_can_be_searched(
    open_window: OpenWindow, qtbot: QtBot, key: Qt.Key, modifier: Qt.KeyboardModifier
) -> None:
    made = open_window()
    press(qtbot, made, key, modifier)
    dialog = dialog_of(made)
    qtbot.waitUntil(dialog.isVisible)
    everything = dialog.shown.rowCount()
    assert everything == len(keys_of(made.window)) > 15
    qtbot.keyClicks(dialog.search, "ctrl+q")
    assert [dialog.shown.index(0, i).data() for i in range(3)] == ["Quit", "Ctrl+Q", "Chat"]
    dialog.search.setText("no such thing")
    assert dialog.shown.rowCount() == 0 and dialog.nothing.isVisible()


def test_the_list_is_read_from_the_window_itself(open_window: OpenWindow) -> None:
    made = open_window()
    assert listed(made)["F1, Ctrl+/"] == "Keyboard shortcuts"
    assert listed(made)["Return"] == "Send the message"
    made.menus.pages[next(iter(made.menus.pages))].setShortcut(QKeySequence("Ctrl+9"))
    added = QShortcut(QKeySequence("Ctrl+8"), made.window)
    added.setWhatsThis("Do something new")
    assert listed(made)["Ctrl+9"] == "Chat" and "Ctrl+1" not in listed(made)
    assert listed(made)["Ctrl+8"] == "Do something new"


def test_no_key_means_two_things(open_window: OpenWindow) -> None:
    made = open_window()
    actions = made.window.findChildren(QAction)
    keys = Counter(key.toString() for action in actions for key in action.shortcuts())
    shortcuts = [shortcut.key() for shortcut in made.window.findChildren(QShortcut)]
    keys += Counter(key.toString() for key in shortcuts)
    in_views = {
        QKeySequence(keys).toString()
        for view in (made.window.chat.transcript, made.window.chat.composer.edit)
        for keys, _ in view.KEYS
    }
    assert [key for key, count in keys.items() if count > 1] == []
    assert in_views & set(keys) == set(), "an action would take the key from the view"


def test_every_key_says_what_it_does(open_window: OpenWindow) -> None:
    assert all(key.act and key.keys for key in keys_of(open_window().window))


# -- the size of letters -------------------------------------------------------------------------


def test_keys_change_the_size_of_all_letters_and_it_is_remembered(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window()
    edit, button = made.window.chat.composer.edit, made.window.chat.composer.button
    before = edit.fontInfo().pixelSize(), button.fontInfo().pixelSize(), edit.height()
    press(qtbot, made, Qt.Key.Key_Plus, CTRL)
    press(qtbot, made, Qt.Key.Key_Equal, CTRL)
    assert made.theme.zoom == 125 == made.settings.value.zoom
    assert edit.fontInfo().pixelSize() == round(before[0] * 1.25)
    assert button.fontInfo().pixelSize() == round(before[1] * 1.25)
    qtbot.waitUntil(lambda: edit.height() > before[2])
    assert made.window.chat.transcript._means.look.zoom == 1.25
    press(qtbot, made, Qt.Key.Key_Minus, CTRL)
    assert made.theme.zoom == 110
    press(qtbot, made, Qt.Key.Key_0, CTRL)
    assert (edit.fontInfo().pixelSize(), made.settings.value.zoom) == (before[0], 100)


def test_the_remembered_size_is_there_from_the_start(open_window: OpenWindow) -> None:
    open_window().theme.set_zoom(150)
    again = open_window()
    assert again.theme.zoom == 150
    assert again.window.chat.transcript._means.look.zoom == 1.5
    assert again.window.settings.general.zooms.currentText() == "150%"
    again.theme.set_zoom(100)


def test_nothing_below_a_message_is_cut_off_at_200_per_cent(ready: Desktop, qtbot: QtBot) -> None:
    ask(qtbot, ready, "hello")
    tools = ready.window.chat.transcript.views[-1].tools
    ready.theme.set_zoom(200)
    qtbot.waitUntil(lambda: tools.height() >= tools.acts[Act.COPY].sizeHint().height())
    view = ready.window.chat.transcript.views[-1]
    assert tools.geometry().bottom() <= view.rect().bottom()
    assert not tools.geometry().intersects(view.caption.geometry())


def test_sizes_stay_between_75_and_200_per_cent(open_window: OpenWindow) -> None:
    theme = open_window().theme
    theme.set_zoom(1000)
    assert theme.zoom == 200 == next_zoom(200, 1)
    theme.set_zoom(1)
    assert theme.zoom == 75 == next_zoom(75, -1)
    theme.set_zoom(100)


def test_hairlines_stay_thin_at_any_size() -> None:
    assert scaled("border: 1px solid; padding: 4px 10px", 200) == (
        "border: 1px solid; padding: 8px 20px"
    )


# -- themes --------------------------------------------------------------------------------------


def test_like_the_system_follows_the_system_while_it_runs(open_window: OpenWindow, qapp) -> None:
    made = open_window()
    made.menus.themes["system"].trigger()
    for scheme, colours in ((Qt.ColorScheme.Dark, DARK), (Qt.ColorScheme.Light, LIGHT)):
        qapp.styleHints().colorSchemeChanged.emit(scheme)  # as the system's change arrives
        assert made.window.palette().color(QPalette.ColorRole.WindowText).name() == colours.text


# -- the tray ------------------------------------------------------------------------------------


@pytest.fixture
def with_tray(monkeypatch: pytest.MonkeyPatch) -> None:
    """A desktop with a tray, which the tests' platform has not."""
    for module in (desktop_tray, habits):
        monkeypatch.setattr(module, "has_tray", lambda: True)


def test_closing_ends_the_window_unless_the_tray_was_chosen(
    with_tray: None, open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window()
    with qtbot.waitSignal(made.window.closing):
        made.window.close()


@pytest.mark.usefixtures("with_tray")
def test_with_the_tray_closing_hides_the_window_and_quitting_ends_it(
    open_window: OpenWindow, qtbot: QtBot
) -> None:
    made = open_window()
    made.window.settings.general.tray.click()
    assert made.settings.value.tray
    with qtbot.assertNotEmitted(made.window.closing):
        made.window.close()
    assert not made.window.isVisible()
    made.tray._icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    assert made.window.isVisible()
    with qtbot.waitSignal(made.window.closing):
        made.tray.menu.actions()[-1].trigger()


@pytest.mark.usefixtures("with_tray")
def test_a_tray_that_went_away_keeps_no_window_hidden(
    open_window: OpenWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = open_window()
    made.window.settings.general.tray.click()
    monkeypatch.setattr(desktop_tray, "has_tray", lambda: False)
    with qtbot.waitSignal(made.window.closing):
        made.window.close()


def test_a_desktop_without_a_tray_says_so(open_window: OpenWindow) -> None:
    general = open_window().window.settings.general
    assert not general.tray.isEnabled()
    assert not general.no_tray.isHidden() and "no system tray" in general.no_tray.text()


# -- the window's place --------------------------------------------------------------------------

SCREEN = QRect(0, 0, 1920, 1080)
SECOND = QRect(1920, 0, 1280, 1024)


def test_a_place_on_a_screen_that_is_gone_is_forgotten() -> None:
    there = QRect(2000, 100, 900, 700)
    assert place(there, [SCREEN, SECOND]) == there
    assert place(there, [SCREEN]) is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (QRect(1700, 100, 900, 700), QRect(1020, 100, 900, 700)),  # over the edge
        (QRect(0, 0, 4000, 3000), SCREEN),  # larger than the screen
        (QRect(100, -500, 900, 700), None),  # its top is out of reach
    ],
)
def test_a_window_is_brought_wholly_onto_its_screen(wanted: QRect, found: QRect | None) -> None:
    assert place(wanted, [SCREEN]) == found


@given(st.tuples(*[st.integers(-5000, 5000)] * 2, *[st.integers(1, 6000)] * 2))
def test_wherever_it_was_it_is_within_reach_now(geometry: tuple[int, int, int, int]) -> None:
    found = place(QRect(*geometry), [SCREEN, SECOND])
    assert found is None or SCREEN.contains(found) or SECOND.contains(found)


def test_a_maximised_window_is_so_again_and_keeps_its_other_size(open_window: OpenWindow) -> None:
    made = open_window()
    made.window.setGeometry(QRect(QPoint(20, 30), made.window.minimumSize()))
    made.window.showMaximized()
    made.window.close()
    assert made.settings.value.maximized
    again = open_window()
    assert again.window.isMaximized()


def test_an_emoji_is_one_letter_from_the_key_to_the_answer(ready: Desktop, qtbot: QtBot) -> None:
    edit = ready.window.chat.composer.edit
    edit.insertPlainText("a👩‍🚀")
    qtbot.keyClick(edit, Qt.Key.Key_Left)
    assert edit.textCursor().position() == 1, "the cursor goes over the whole of it"
    edit.setPlainText("👋🏽 hello 👩‍🚀")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: any("You said: 👋🏽 hello 👩‍🚀" in text for text in shown(ready)))


def test_what_an_input_method_composes_is_sent_when_it_is_done(
    ready: Desktop, qtbot: QtBot
) -> None:
    edit = ready.window.chat.composer.edit
    QApplication.sendEvent(edit, QInputMethodEvent("にほん", []))
    assert edit.toPlainText() == "", "it is shown, but not yet written"
    done = QInputMethodEvent()
    done.setCommitString("日本")
    QApplication.sendEvent(edit, done)
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: any("You said: 日本" in text for text in shown(ready)))


def test_a_text_from_right_to_left_stands_at_its_side(ready: Desktop, qtbot: QtBot) -> None:
    ready.window.chat.composer.edit.setPlainText("שלום עולם")
    qtbot.keyClick(ready.window.chat.composer.edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(ready.window.chat.transcript.views))
    block = ready.window.chat.transcript.views[0].body.panes[0].document().firstBlock()
    assert block.textDirection() == Qt.LayoutDirection.RightToLeft
