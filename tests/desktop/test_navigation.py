"""The pages and the way between them, by mouse and by keys."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLineEdit,
    QListView,
    QProgressBar,
    QScrollArea,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.lab_page.page import LabTab
from desktop.models_page.page import Tab
from desktop.shell.navigation import Page
from tests.desktop.conftest import OpenWindow, click


def test_the_pages_are_reached_by_keys(ready: Desktop, qtbot: QtBot) -> None:
    window = ready.window
    pages = {Qt.Key.Key_2: Page.MODELS, Qt.Key.Key_3: Page.LAB, Qt.Key.Key_Comma: Page.SETTINGS}
    for key, page in pages.items():
        qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert window.page is page
        assert window.navigation.buttons[page].isChecked()
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.page is Page.CHAT
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.chat.composer.edit)


def test_the_pages_are_reached_by_clicks(ready: Desktop, qtbot: QtBot) -> None:
    click(qtbot, ready.window.navigation.buttons[Page.SETTINGS])
    assert ready.window.settings.isVisible() and not ready.window.chat.isVisible()


def test_writing_and_a_new_chat_lead_back_to_the_chat(ready: Desktop, qtbot: QtBot) -> None:
    for key in (Qt.Key.Key_L, Qt.Key.Key_N):
        ready.window.show_page(Page.MODELS)
        qtbot.keyClick(ready.window, key, Qt.KeyboardModifier.ControlModifier)
        assert ready.window.page is Page.CHAT


def test_a_narrow_window_shows_icons_and_still_speaks_the_names(
    ready: Desktop, qtbot: QtBot
) -> None:
    navigation = ready.window.navigation
    roomy = navigation.width()
    ready.window.resize(460, 700)
    qtbot.waitUntil(lambda: navigation.width() < roomy)
    for page, choice in navigation.buttons.items():
        assert choice.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly
        assert choice.accessibleName() == page.value and page.value in choice.toolTip()


def test_every_page_fits_into_460_pixels(ready: Desktop, qtbot: QtBot) -> None:
    ready.window.resize(460, 700)
    qtbot.waitUntil(lambda: ready.window.width() == 460)
    room = 460 - ready.window.navigation.width()
    for page, widget in ready.window.pages.items():
        ready.window.show_page(page)
        for tab in {Page.MODELS: Tab, Page.LAB: LabTab}.get(page, ()):
            widget.show_tab(tab)
            qtbot.waitUntil(lambda w=widget: w.minimumSizeHint().width() <= room)
            qtbot.waitUntil(lambda w=widget: not cut_off(w))
        qtbot.waitUntil(lambda w=widget: w.minimumSizeHint().width() <= room)
        qtbot.waitUntil(lambda w=widget: not cut_off(w))


def cut_off(page: QWidget) -> list[str]:
    """What scrolls upright only, and is wider than it is seen."""
    return [
        scroller.accessibleName()
        for scroller in page.findChildren(QScrollArea)
        if scroller.isVisible()
        and scroller.horizontalScrollBarPolicy() is Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        and scroller.widget().minimumSizeHint().width() > scroller.viewport().width()
    ]


def test_every_field_has_a_name(ready: Desktop) -> None:
    for kind in (QLineEdit, QComboBox, QTableView, QListView, QProgressBar):
        for page in (ready.window.models, ready.window.lab, ready.window.settings):
            for widget in page.findChildren(kind):
                combo = widget.window() is not ready.window or "Combo" in type(widget).__name__
                assert combo or "spinbox" in widget.objectName() or widget.accessibleName(), widget


def test_find_more_models_leads_from_the_chat_to_the_find_tab(ready: Desktop) -> None:
    menu = ready.window.chat.header.models.menu()
    next(a for a in menu.actions() if a.text() == "Find more models…").trigger()
    assert ready.window.page is Page.MODELS and ready.window.models.tab is Tab.FIND


def test_the_icons_follow_the_colours(open_window: OpenWindow) -> None:
    made = open_window()
    button = made.window.navigation.buttons[Page.CHAT]

    def colour() -> str:
        image = button.icon().pixmap(64).toImage()
        drawn = [image.pixelColor(x, y) for x in range(64) for y in range(64)]
        return max(drawn, key=lambda c: c.alpha()).name()

    made.theme.choose("light")
    light = colour()
    made.theme.choose("dark")
    assert light != colour() == made.theme.palette.text
