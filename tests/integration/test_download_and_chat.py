"""The whole way of a new user: find a model in the window, fetch it, and chat with it."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from desktop.models_page.page import Tab
from desktop.shell.navigation import Page
from desktop.state import State
from engine.client import worker_command
from engine.fit import Fit
from engine.messages import Chunk
from engine.store.phase import Phase
from tests.desktop.conftest import OpenWindow, click, home, open_window, shown, wait_for, write  # noqa: F401
from tests.desktop.pages import choose, open_models, search, wait_for_phase
from tests.store.conftest import hub  # noqa: F401
from tests.store.hub_server import HubServer


def test_a_model_is_found_downloaded_loaded_and_answers(
    hub: HubServer,  # noqa: F811
    home: Path,  # noqa: F811
    model_cache: Path,
    open_window: OpenWindow,  # noqa: F811
    qtbot: QtBot,
) -> None:
    hub.add_model("tern/demo-chat")
    assert not (home / "config").exists() and not model_cache.exists(), "a fresh user's computer"
    made = open_window(command=worker_command())
    with made.network.guard():
        page = open_models(qtbot, made, Tab.FIND)
        search(qtbot, page, "demo")
        choose(qtbot, page.finder.list, "demo-chat")
        qtbot.waitUntil(lambda: page.finder.list.item.description is not None)
        assert {look.fit for look in page.offer_detail.fit.outlooks} == {Fit.FITS}
        progress: list[int] = []
        made.hub.downloads_changed.connect(lambda states: progress.append(states[0].done))
        click(qtbot, page.offer_detail.fetch)
        row = wait_for_phase(qtbot, page, Phase.DONE)
    assert progress == sorted(progress) and progress[-1] > 10_000_000
    click(qtbot, row.chat)
    assert made.window.page is Page.CHAT
    wait_for(qtbot, made, State.READY)
    assert not made.window.chat.demo.isVisible(), "it is the downloaded one, not the toy"
    grown: list[str] = []
    made.controller.figures_arrived.connect(
        lambda event: grown.append(event.text) if isinstance(event, Chunk) else None
    )
    write(qtbot, made, "What is 3 plus 4?")
    wait_for(qtbot, made, State.GENERATING)
    wait_for(qtbot, made, State.READY)
    assert "7" in shown(made)[1].removeprefix("3 plus 4")
    assert grown, "the answer was streamed"
    assert made.settings.value.model == "tern/demo-chat"
