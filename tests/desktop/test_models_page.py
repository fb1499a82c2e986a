"""Finding and fetching models in the window, from a Hub on loopback."""

from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.models_page.fitting import tone_of
from desktop.models_page.page import ModelsPage, Tab
from desktop.rows import Tone
from desktop.shell.navigation import Page
from desktop.state import State
from engine.fit import Fit
from engine.store.phase import Phase
from tests.desktop.conftest import OpenWindow, click, wait_for
from tests.desktop.pages import choose, only_row, open_models, rows, search, titles, wait_for_phase
from tests.store.conftest import hub, noise_model  # noqa: F401
from tests.store.hub_server import HubServer
from tests.store.test_token import MemoryKeyring

FALCON = b'{"architectures": ["FalconForCausalLM"]}'


@pytest.fixture
def page(hub: HubServer, ready: Desktop, qtbot: QtBot) -> ModelsPage:  # noqa: F811
    """The Find tab, with a few models on the Hub."""
    hub.add_model("tern/demo-chat", downloads=500, likes=7)
    hub.add_model("tern/popular-chat", downloads=300, likes=70)
    hub.add_model("tern/gated-chat", downloads=200, gated="manual")
    hub.add_model("tern/falcon-chat", files=noise_model() | {"config.json": FALCON})
    with ready.network.guard():
        yield open_models(qtbot, ready, Tab.FIND)


def described(qtbot: QtBot, page: ModelsPage) -> None:
    qtbot.waitUntil(lambda: page.finder.list.item.description is not None)


def wait_for_bytes(qtbot: QtBot, page: ModelsPage, count: int) -> None:
    def arrived() -> bool:
        return any(row.state.done > count for row in page.downloads.rows.values())

    qtbot.waitUntil(arrived)


# -- without any network -------------------------------------------------------------------------


def test_suggestions_stand_there_without_a_request_the_best_first(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
) -> None:
    qtbot.waitUntil(lambda: len(rows(page.finder.list)) > 10)
    assert rows(page.finder.list)[0].remark == "recommended"
    detail = page.offer_detail
    assert detail.praise.text().startswith("Recommended for this computer")
    assert [look.precision for look in detail.fit.outlooks] == ["bf16", "int8", "int4"]
    assert {"Parameters", "Licence", "Languages", "Context", "Stored in", "Free there"} <= set(
        detail.facts.shown
    )
    assert detail.fetch.text().startswith("Download ") and detail.fetch.isEnabled()
    qtbot.keyClicks(page.finder.field, "smol")
    for place in range(5):
        page.finder.list.setCurrentIndex(page.finder.offers.index(place))
    assert hub.log == []


def test_verdicts_are_words_and_icons_too(page: ModelsPage, monkeypatch, qtbot: QtBot) -> None:
    monkeypatch.setattr("engine.preflight.available_memory", lambda: 10**8)
    page.finder.list.setCurrentIndex(page.finder.offers.index(1))
    detail = page.offer_detail
    assert {tone_of(look) for look in detail.fit.outlooks} == {Tone.BAD}
    said = [part.text() for part in detail.fit.findChildren(QLabel, "bad")]
    assert said == ["will not fit"] * 3

    def marks() -> list[QLabel]:
        shown = [part for part in detail.fit.findChildren(QLabel) if part.isVisible()]
        return [part for part in shown if not part.pixmap().isNull()]

    qtbot.waitUntil(lambda: len(marks()) == 3)
    assert detail.fetch.text().endswith(" anyway")
    assert "can be loaded anyway" in detail.remark.text()


def test_where_nothing_may_connect_the_page_says_so_at_once(
    ready: Desktop, qtbot: QtBot, monkeypatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ready.hub.check()
    page = open_models(qtbot, ready, Tab.FIND)
    assert page.hindrance.isVisible()
    assert "HF_HUB_OFFLINE" in page.hindrance.sentence.text()
    assert not page.finder.search.isEnabled() and not page.offer_detail.fetch.isEnabled()
    assert len(rows(page.finder.list)) > 10, "the suggestions are there all the same"


def test_in_sealed_mode_nothing_connects(
    page: ModelsPage,
    ready: Desktop,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
    monkeypatch,
) -> None:
    reached: list[object] = []
    monkeypatch.setattr("socket.socket.connect", lambda _self, target: reached.append(target))
    click(qtbot, ready.window.settings.privacy.sealed)
    assert ready.settings.value.sealed
    assert "Sealed mode" in page.hindrance.sentence.text() and page.hindrance.isVisible()
    assert not page.finder.field.isEnabled() and not page.offer_detail.ask.isEnabled()
    ready.hub.search("tern", "downloads")  # what the person can no longer ask for
    qtbot.waitUntil(page.finder.notice.isVisible)
    ready.hub.download(page.finder.list.item.reference)
    row = wait_for_phase(qtbot, page, Phase.FAILED)
    assert "Sealed mode is on" in row.line.text()
    assert reached == [] and hub.log == []
    click(qtbot, page.hindrance.action)
    assert ready.window.page is Page.SETTINGS and ready.window.settings.privacy.sealed.isChecked()


# -- search --------------------------------------------------------------------------------------


def test_a_search_lists_what_tern_can_run_the_most_downloaded_first(
    page: ModelsPage, qtbot: QtBot
) -> None:
    search(qtbot, page, "tern chat")
    assert titles(page.finder.list) == ["demo-chat", "popular-chat", "gated-chat"]
    first = rows(page.finder.list)[0].subtitle
    assert "500 downloads" in first and "7 likes" in first and "apache-2.0" in first
    assert "hide 1 more" in page.finder.status.text()
    page.finder.sort.setCurrentIndex(1)
    assert titles(page.finder.list)[0] == "popular-chat"
    click(qtbot, page.finder.free)
    assert "gated-chat" not in titles(page.finder.list)
    click(qtbot, page.finder.runnable)
    place = titles(page.finder.list).index("falcon-chat")
    assert rows(page.finder.list)[place].remark == "cannot run"
    click(qtbot, page.finder.back)
    assert rows(page.finder.list)[0].remark == "recommended"


def test_results_are_asked_about_when_they_are_clicked_not_before(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
) -> None:
    search(qtbot, page, "tern")
    asked = len(hub.log)
    qtbot.keyClick(page.finder.list, Qt.Key.Key_Down)
    assert page.offer_detail.title.text() == "popular-chat"
    assert len(hub.log) == asked
    choose(qtbot, page.finder.list, "demo-chat")
    described(qtbot, page)
    shown = page.offer_detail.facts.shown
    assert shown["Files"].startswith("model.safetensors, 10 MB")
    assert shown["Context"] == "1,024 tokens" and shown["Architecture"] == "LlamaForCausalLM"
    assert {look.fit for look in page.offer_detail.fit.outlooks} == {Fit.FITS}
    assert page.offer_detail.fetch.text() == "Download 11 MB"
    assert not page.offer_detail.ask.isVisible()


def test_a_pasted_address_is_looked_at_even_where_a_filter_would_hide_it(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
) -> None:
    search(qtbot, page, f"{hub.url}/tern/falcon-chat/tree/main")
    assert titles(page.finder.list) == ["falcon-chat"]
    notice = page.offer_detail.notice
    qtbot.waitUntil(notice.isVisible)
    assert "FalconForCausalLM" in notice.sentence.text()
    assert "Llama" in notice.way_out.text()
    assert not page.offer_detail.fetch.isVisible()


def test_a_name_that_is_not_there_becomes_words(page: ModelsPage, qtbot: QtBot) -> None:
    search(qtbot, page, "tern/chat")
    assert not page.finder.notice.isVisible()
    assert "Nothing was found" in page.finder.status.text()


def test_what_goes_wrong_is_said_and_can_be_tried_again(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
) -> None:
    search(qtbot, page, "https://example.org/a/b")
    assert "leads elsewhere" in page.finder.notice.sentence.text()
    hub.close()
    search(qtbot, page, "tern")
    assert "cannot be reached" in page.finder.notice.sentence.text()
    assert len(rows(page.finder.list)) > 10, "the suggestions stay"


def test_a_hostile_repository_is_named_and_cannot_be_fetched(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
    model_cache: Path,
) -> None:
    hub.repositories["tern/demo-chat"].extra_siblings.append(
        {"rfilename": "../../evil.json", "size": 3, "blobId": "0" * 40}
    )
    search(qtbot, page, "tern")
    choose(qtbot, page.finder.list, "demo-chat")
    notice = page.offer_detail.notice
    qtbot.waitUntil(notice.isVisible)
    assert "would leave the model's folder" in notice.sentence.text()
    assert "evil.json" in notice.sentence.text()
    click(qtbot, page.offer_detail.fetch)
    row = wait_for_phase(qtbot, page, Phase.FAILED)
    assert "would leave the model's folder" in row.line.text()
    assert not list(model_cache.rglob("*evil*"))


def test_a_gated_model_says_what_to_accept_and_takes_the_token(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
    opened_links: list[str],
) -> None:
    kept = MemoryKeyring()
    before = keyring.get_keyring()
    keyring.set_keyring(kept)
    try:
        search(qtbot, page, "gated")
        choose(qtbot, page.finder.list, "gated-chat")
        gate = page.offer_detail.gate
        qtbot.waitUntil(gate.isVisible)
        assert "accept the terms" in gate.sentence.text()
        assert not page.offer_detail.fetch.isVisible() and opened_links == []
        click(qtbot, gate.page)
        assert opened_links == [f"{hub.url}/tern/gated-chat"]
        hub.repositories["tern/gated-chat"].granted.add("hf_secret")
        qtbot.keyClicks(gate.token, "hf_secret")
        assert "hf_secret" not in gate.token.displayText()
        qtbot.keyClick(gate.token, Qt.Key.Key_Return)
        qtbot.waitUntil(page.offer_detail.fetch.isVisible)
        assert gate.token.text() == "" and not gate.isVisible()
        assert list(kept.kept.values()) == ["hf_secret"]
    finally:
        keyring.set_keyring(before)


# -- downloads -----------------------------------------------------------------------------------


def fetch(qtbot: QtBot, page: ModelsPage, title: str = "demo-chat") -> None:
    search(qtbot, page, "tern")
    choose(qtbot, page.finder.list, title)
    described(qtbot, page)
    click(qtbot, page.offer_detail.fetch)


def test_a_download_tells_its_progress_and_ends_in_a_chat(
    hub: HubServer,  # noqa: F811
    page: ModelsPage,
    ready: Desktop,
    qtbot: QtBot,
) -> None:
    hub.fault("slow", "*.safetensors", at=8_000_000)  # bytes a second, of 10 million
    seen: list[float] = []
    ready.hub.downloads_changed.connect(
        lambda states: seen.append(ready.window.navigation.progress.value())
    )
    fetch(qtbot, page)
    assert page.tab is Tab.DOWNLOADS
    row = wait_for_phase(qtbot, page, Phase.DONE)
    assert max(seen) > 0 and not ready.window.navigation.progress.isVisible()
    assert row.line.text() == "Done: 11 MB"
    qtbot.waitUntil(lambda: "demo-chat" in titles(page.local.list))
    click(qtbot, row.chat)
    assert ready.window.page is Page.CHAT
    wait_for(qtbot, ready, State.READY)
    assert ready.settings.value.model == "tern/demo-chat"
    page.show_tab(Tab.FIND)
    assert page.offer_detail.fetch.text() == "Chat with it"


def test_a_paused_download_goes_on_where_it_was(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
) -> None:
    slow = hub.fault("slow", path="model.safetensors", at=4_000_000)
    fetch(qtbot, page)
    wait_for_bytes(qtbot, page, 2_000_000)
    row = only_row(page)
    assert " left" in row.line.text() and "/s" in row.line.text()
    click(qtbot, row.pause)
    wait_for_phase(qtbot, page, Phase.PAUSED)
    assert row.line.text().startswith("Paused at ")
    assert row.resume.isVisible() and not row.pause.isVisible()
    slow.times = 0
    click(qtbot, row.resume)
    wait_for_phase(qtbot, page, Phase.DONE)
    assert hub.sent("model.safetensors") < 11_500_000


def test_a_cancelled_download_leaves_nothing(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
    model_cache: Path,
) -> None:
    hub.fault("slow", path="model.safetensors", at=4_000_000)
    fetch(qtbot, page)
    wait_for_bytes(qtbot, page, 1_000_000)
    click(qtbot, only_row(page).cancel)
    qtbot.waitUntil(lambda: not page.downloads.rows)
    assert page.downloads.empty.isVisible()
    assert not list(model_cache.glob("models--*"))


def test_a_failed_download_says_why_and_can_be_tried_again(
    page: ModelsPage,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
) -> None:
    search(qtbot, page, "tern")
    choose(qtbot, page.finder.list, "popular-chat")
    described(qtbot, page)
    gone = hub.repositories.pop("tern/popular-chat")
    click(qtbot, page.offer_detail.fetch)
    row = wait_for_phase(qtbot, page, Phase.FAILED)
    assert "The Hub has no tern/popular-chat" in row.line.text()
    assert row.resume.text() == "Try again"
    hub.add(gone)
    click(qtbot, row.resume)
    wait_for_phase(qtbot, page, Phase.DONE)


def test_the_queue_is_there_again_after_a_restart(
    page: ModelsPage,
    ready: Desktop,
    hub: HubServer,  # noqa: F811
    qtbot: QtBot,
    open_window: OpenWindow,
) -> None:
    hub.fault("slow", path="model.safetensors", at=4_000_000)
    fetch(qtbot, page)
    wait_for_bytes(qtbot, page, 2_000_000)
    ready.window.close()
    again = open_window()
    rows_again = open_models(qtbot, again, Tab.DOWNLOADS).downloads
    qtbot.waitUntil(lambda: len(rows_again.rows) == 1)
    assert next(iter(rows_again.rows.values())).line.text().startswith("Paused at ")


# -- by keys, and in a narrow window -------------------------------------------------------------


def test_a_model_is_found_and_fetched_by_keys_alone(
    page: ModelsPage, ready: Desktop, qtbot: QtBot
) -> None:
    window = ready.window

    def press(key: Qt.Key) -> None:
        qtbot.keyClick(QApplication.focusWidget(), key)

    def tab_to(is_there: Callable[[], bool]) -> None:
        for _ in range(30):
            if is_there():
                return
            press(Qt.Key.Key_Tab)
        raise AssertionError("the keys do not lead there")

    window.show_page(Page.CHAT)
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is page.finder.field)
    qtbot.keyClicks(page.finder.field, "tern")
    press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: titles(page.finder.list)[0] == "demo-chat")
    tab_to(page.finder.list.hasFocus)
    press(Qt.Key.Key_Return)
    described(qtbot, page)
    tab_to(page.offer_detail.fetch.hasFocus)
    press(Qt.Key.Key_Space)
    wait_for_phase(qtbot, page, Phase.DONE)
    tab_to(only_row(page).chat.hasFocus)
    press(Qt.Key.Key_Space)
    assert window.page is Page.CHAT
    qtbot.waitUntil(window.chat.composer.edit.hasFocus)


def test_in_a_narrow_window_the_detail_stands_in_place_of_the_list(
    page: ModelsPage, ready: Desktop, qtbot: QtBot
) -> None:
    ready.window.resize(460, 700)
    qtbot.waitUntil(lambda: not page.offer_detail.isVisible())
    choose(qtbot, page.finder.list, titles(page.finder.list)[2])
    assert page.offer_detail.isVisible() and not page.finder.isVisible()
    qtbot.waitUntil(page.back.hasFocus)
    qtbot.keyClick(page.back, Qt.Key.Key_Space)
    assert page.finder.isVisible() and not page.offer_detail.isVisible()
    qtbot.waitUntil(page.finder.list.hasFocus)
