"""Writes pictures of the Models and Settings pages: `make screenshots`.

    screenshots_pages.py FOLDER

The window and the store are the real ones; the Hub is the tests' own, on loopback, so nothing
leaves this computer.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the tests' Hub

import screenshots
from PySide6.QtCore import QDeadlineTimer, QEventLoop
from PySide6.QtWidgets import QApplication

from desktop import app as desktop_app
from desktop.app import Desktop
from desktop.models_page.page import Tab
from desktop.shell.navigation import Page
from engine.paths import Paths
from engine.settings import ThemeChoice
from engine.store.reference import Reference
from tests.store.hub_server import HubServer

THEMES: tuple[ThemeChoice, ...] = ("light", "dark")
SIZES = ((1280, 800), (460, 760))
MODELS = (
    ("HuggingFaceTB/SmolLM2-135M-Instruct", 812_345, 271, False),
    ("HuggingFaceTB/SmolLM2-360M-Instruct", 530_112, 164, False),
    ("meta-llama/Llama-3.2-1B-Instruct", 2_410_778, 1_312, "manual"),
)
LIMIT_MS = 120_000


def main() -> int:
    """Write the pictures of both pages, in light and dark, wide and narrow."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QT_SCALE_FACTOR", "2")
    os.environ.setdefault("TERN_ISA", "avx2")  # a common desktop computer, wherever this runs
    with tempfile.TemporaryDirectory() as home, HubServer() as hub:
        _isolate(home, hub)
        for repo, downloads, likes, gated in MODELS:
            hub.add_model(repo, downloads=downloads, likes=likes, gated=gated)
        app = QApplication(sys.argv[:1])
        app.setFont(screenshots.font())
        desktop = desktop_app.build(app, Paths.default())
        desktop_app.start(desktop)
        try:
            with desktop.network.guard():
                _take_all(desktop, hub, folder)
        finally:
            desktop.window.close()
    return 0


def _isolate(home: str, hub: HubServer) -> None:
    """A fresh user's computer, whose Hub is reached through `hub` as a proxy."""
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ |= {
        "TERN_HOME": f"{home}/tern",
        "HF_HUB_CACHE": f"{home}/hub",
        "HF_ENDPOINT": "http://huggingface.co",
        "HTTP_PROXY": hub.url,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def _take_all(desktop: Desktop, hub: HubServer, folder: Path) -> None:
    window, models = desktop.window, desktop.window.models
    _wait(lambda: bool(desktop.library.models) and bool(models.finder.offers.items))

    def take(name: str) -> None:
        for width, height in SIZES:
            window.resize(width, height)
            for theme in THEMES:
                desktop.theme.choose(theme)
                _settle()
                window.grab().save(str(folder / f"{name}-{theme}-{width}.png"))

    def take_tab(name: str, tab: Tab, detail: bool = False) -> None:
        models.show_tab(tab)
        models.show_detail(detail)
        take(name)

    window.show_page(Page.MODELS)
    take_tab("models-local", Tab.LOCAL)
    take_tab("models-suggested", Tab.FIND)
    take_tab("models-no-downloads", Tab.DOWNLOADS)
    desktop.hub.search("instruct", "downloads")
    _wait(lambda: desktop.finding.is_search)
    take_tab("models-found", Tab.FIND)
    for place, name in ((1, "models-detail"), (0, "models-gated")):
        models.finder.list.setCurrentIndex(models.finder.offers.index(place))
        models.finder.list.chosen.emit(models.finder.list.item)
        _wait(lambda: models.finder.list.item.description is not None)
        take_tab(name, Tab.FIND, detail=True)
    os.environ["HF_ENDPOINT"] = hub.url  # requests would ask a proxy for what it is redirected to
    del os.environ["HTTP_PROXY"]
    hub.fault("slow", path="model.safetensors", at=400_000, times=9)
    desktop.hub.download(Reference(MODELS[0][0]))
    desktop.hub.download(Reference(MODELS[1][0]))
    _wait(lambda: any(row.state.done > 2e6 for row in models.downloads.rows.values()))
    take_tab("models-downloading", Tab.DOWNLOADS)
    window.show_page(Page.SETTINGS)
    take("settings")
    window.settings.show_privacy()
    take("settings-privacy")
    window.settings.privacy.sealed.click()
    window.show_page(Page.MODELS)
    take_tab("models-sealed", Tab.FIND)


def _wait(arrived: Callable[[], bool]) -> None:
    deadline = QDeadlineTimer(LIMIT_MS)
    while not arrived():
        if deadline.hasExpired():
            raise SystemExit("The window did not get there in time.")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)


def _settle() -> None:
    """Let the window paint."""
    settled = QDeadlineTimer(150)
    while not settled.hasExpired():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)


if __name__ == "__main__":
    sys.exit(main())
