"""What goes wrong offers its ways out as buttons, and each of them does what it says."""

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.state import State, WayOut
from desktop.support_dialog import SupportDialog
from desktop.ways_out import _ANSWERING, _LOADING
from engine.errors import catalogue
from engine.messages import Precision
from tests.desktop.conftest import ask, choose_precision, click, wait_for


def offered(made: Desktop) -> set[WayOut]:
    notice = made.window.chat.notice
    assert notice.isVisible()
    return {offer for offer, button in notice.buttons.items() if button.isVisible()}


def fail_to_load(qtbot: QtBot, made: Desktop, kind: str) -> None:
    made.controller.select(model=f"fails:{kind}")
    wait_for(qtbot, made, State.IDLE)
    assert made.window.chat.notice.sentence.text() == f"It is a case of {kind}."
    assert made.window.chat.notice.way_out.text() == "Go another way."


def take(qtbot: QtBot, made: Desktop, offer: WayOut) -> None:
    click(qtbot, made.window.chat.notice.buttons[offer])


def test_each_kind_of_failure_offers_what_its_way_out_says(ready: Desktop, qtbot: QtBot) -> None:
    known = {*catalogue(), "Bug"}
    assert known >= {*_LOADING, *_ANSWERING}
    for kind, offers in _LOADING.items():
        fail_to_load(qtbot, ready, kind)
        assert offered(ready) == set(offers), kind
    ready.controller.select(model="demo")
    wait_for(qtbot, ready, State.READY)
    for kind, offers in _ANSWERING.items():
        ask(qtbot, ready, f"fails:{kind}")
        qtbot.waitUntil(ready.window.chat.notice.isVisible)
        assert offered(ready) == set(offers), kind


def test_a_lower_precision_is_loaded_until_there_is_none(ready: Desktop, qtbot: QtBot) -> None:
    for expected in (Precision.INT8, Precision.INT4):
        fail_to_load(qtbot, ready, "NotEnoughMemory")
        take(qtbot, ready, WayOut.LOWER)
        wait_for(qtbot, ready, State.IDLE)
        assert ready.controller.selection.precision is expected
    assert WayOut.LOWER not in offered(ready)
    choose_precision(qtbot, ready, Precision.BF16)
    wait_for(qtbot, ready, State.IDLE)
    assert WayOut.LOWER in offered(ready)


def test_kernels_and_precisions_are_chosen_by_buttons(ready: Desktop, qtbot: QtBot) -> None:
    ready.controller.select(kernel="ipex")
    for kind, offer in (
        ("KernelUnavailable", WayOut.AUTO_KERNEL),
        ("NothingQuantised", WayOut.NATIVE_KERNEL),
        ("AlreadyQuantised", WayOut.INT4),
    ):
        fail_to_load(qtbot, ready, kind)
        take(qtbot, ready, offer)
        wait_for(qtbot, ready, State.IDLE)
        chosen = ready.controller.selection
        assert {
            WayOut.AUTO_KERNEL: chosen.kernel == "auto",
            WayOut.NATIVE_KERNEL: chosen.kernel == "native",
            WayOut.INT4: chosen.precision is Precision.INT4,
        }[offer]


def test_another_model_is_chosen_from_the_list(ready: Desktop, qtbot: QtBot) -> None:
    fail_to_load(qtbot, ready, "PickleOnly")
    take(qtbot, ready, WayOut.OTHER_MODEL)
    qtbot.waitUntil(lambda: QApplication.activePopupWidget() is not None)
    QApplication.activePopupWidget().close()


def test_a_prompt_too_long_leads_to_the_settings_and_to_a_new_chat(
    ready: Desktop, qtbot: QtBot
) -> None:
    ask(qtbot, ready, "fails:PromptTooLong")
    qtbot.waitUntil(ready.window.chat.notice.isVisible)
    for _ in range(2):  # it does not close them again
        take(qtbot, ready, WayOut.CHAT_SETTINGS)
        assert ready.window.chat.settings.isVisible()
    take(qtbot, ready, WayOut.NEW_CHAT)
    qtbot.waitUntil(lambda: not ready.desk.talk.path)


def test_a_bug_in_the_engine_leads_to_its_log_and_a_support_archive(
    ready: Desktop, qtbot: QtBot, opened_links: list[str]
) -> None:
    ask(qtbot, ready, "fails:Bug")
    qtbot.waitUntil(ready.window.chat.notice.isVisible)
    take(qtbot, ready, WayOut.OPEN_LOG)
    assert opened_links == [ready.paths.engine_log.as_uri()]
    take(qtbot, ready, WayOut.SUPPORT)
    qtbot.waitUntil(ready.window.findChild(SupportDialog).isVisible)


@pytest.mark.parametrize("width", [460, 1000])
def test_all_buttons_of_a_notice_have_room(ready: Desktop, qtbot: QtBot, width: int) -> None:
    ready.window.resize(width, 760)
    fail_to_load(qtbot, ready, "NotEnoughMemory")
    notice = ready.window.chat.notice
    qtbot.wait(50)
    shown = [notice.buttons[offer] for offer in WayOut if offer in offered(ready)]
    assert shown[0].mapTo(notice, QPoint()).x() == notice.sentence.x(), "hidden ones take no room"
    for button in shown:
        assert button.width() >= button.sizeHint().width()
        assert notice.rect().contains(button.mapTo(notice, button.rect().bottomRight()))
