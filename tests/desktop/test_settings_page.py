"""The Settings page: the menus' choices, and what was connected to and why."""

from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.models_page.page import Tab
from desktop.settings_page.ledger_table import COLUMNS
from desktop.shell.navigation import Page
from engine.settings import SettingsFile
from tests.desktop.conftest import OpenWindow, click
from tests.desktop.pages import open_models, search
from tests.store.conftest import hub  # noqa: F401
from tests.store.hub_server import HubServer


def test_colours_and_kernels_agree_with_the_menus(ready: Desktop, qtbot: QtBot) -> None:
    general = ready.window.settings.general
    general.themes.setCurrentIndex(general.themes.findData("dark"))
    general.themes.activated.emit(general.themes.currentIndex())
    assert ready.settings.value.theme == "dark" and ready.menus.themes["dark"].isChecked()
    ready.menus.themes["light"].trigger()
    assert general.themes.currentData() == "light"
    ready.menus.kernels["native"].trigger()
    assert general.kernels.currentData() == "native"
    general.kernels.setCurrentIndex(general.kernels.findData("ipex"))
    general.kernels.activated.emit(general.kernels.currentIndex())
    assert ready.menus.kernels["ipex"].isChecked()
    qtbot.waitUntil(lambda: "ipex" in ready.window.chat.strip.kernel.value.whole)


def test_sealed_mode_is_remembered_and_lifted(
    hub: HubServer,  # noqa: F811
    ready: Desktop,
    qtbot: QtBot,
    open_window: OpenWindow,
) -> None:
    click(qtbot, ready.window.settings.privacy.sealed)
    assert SettingsFile.of(ready.paths).value.sealed
    again = open_window()
    page = open_models(qtbot, again, Tab.FIND)
    assert again.window.settings.privacy.sealed.isChecked()
    qtbot.waitUntil(page.hindrance.isVisible)
    click(qtbot, again.window.settings.privacy.sealed)
    assert not page.hindrance.isVisible() and page.finder.search.isEnabled()


def test_the_ledger_lists_each_connection_and_why(
    hub: HubServer,  # noqa: F811
    ready: Desktop,
    qtbot: QtBot,
) -> None:
    hub.add_model("tern/chat")
    privacy = ready.window.settings.privacy
    ready.window.show_page(Page.SETTINGS)
    assert privacy.count.text() == "None so far." and not privacy.table.isVisible()
    with ready.network.guard():
        page = open_models(qtbot, ready, Tab.FIND)
        search(qtbot, page, "chat")
    ready.window.show_page(Page.SETTINGS)
    cells = [privacy.connections.index(0, column).data() for column in range(len(COLUMNS))]
    assert cells[1:] == ["127.0.0.1", "Searching the Hub", "allowed"]
    assert privacy.table.isVisible() and "1 connection" in privacy.count.text()


def test_a_token_is_shown_to_be_there_and_never_itself(
    hub: HubServer,  # noqa: F811
    ready: Desktop,
    qtbot: QtBot,
    monkeypatch,
) -> None:
    privacy = ready.window.settings.privacy
    ready.window.show_page(Page.SETTINGS)
    qtbot.waitUntil(lambda: "no access token" in privacy.token.text())
    assert not privacy.forget.isVisible()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    ready.window.show_page(Page.SETTINGS)
    qtbot.waitUntil(lambda: "There is an access token" in privacy.token.text())
    assert "hf_secret" not in privacy.token.text()
