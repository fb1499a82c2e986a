"""What the tests of the pages share: ways to get there and to wait for what is shown."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.models_page.downloads_view import DownloadRow
from desktop.models_page.page import ModelsPage, Tab
from desktop.rows import ROW, Row, RowList
from desktop.shell.navigation import Page
from engine.store.phase import Phase
from tests.desktop.conftest import click


def open_models(qtbot: QtBot, made: Desktop, tab: Tab = Tab.LOCAL) -> ModelsPage:
    """Go to the Models page, once the disk has been read."""
    made.window.show_page(Page.MODELS)
    made.window.models.show_tab(tab)
    qtbot.waitUntil(lambda: bool(made.library.models))
    return made.window.models


def rows(listed: RowList) -> list[Row]:
    model = listed.model()
    return [model.index(place, 0).data(ROW) for place in range(model.rowCount())]


def titles(listed: RowList) -> list[str]:
    return [row.title for row in rows(listed)]


def choose(qtbot: QtBot, listed: RowList, title: str) -> None:
    """Click the row named `title`."""
    place = titles(listed).index(title)
    index = listed.model().index(place, 0)
    listed.scrollTo(index)
    where = listed.visualRect(index).center()
    qtbot.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=where)


def search(qtbot: QtBot, page: ModelsPage, text: str) -> None:
    """Type `text`, press Enter, and wait for what comes of it."""
    page.finder.field.clear()
    qtbot.keyClicks(page.finder.field, text)
    qtbot.keyClick(page.finder.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "Searching" not in page.finder.status.text())


def question(qtbot: QtBot, made: Desktop) -> QMessageBox:
    """The question that the window asks."""

    def asked() -> list[QMessageBox]:
        return [box for box in made.window.findChildren(QMessageBox) if box.isVisible()]

    qtbot.waitUntil(lambda: len(asked()) == 1)
    return asked()[0]


def answer(qtbot: QtBot, box: QMessageBox, text: str) -> None:
    """Click the button `text` of a question."""
    click(qtbot, next(b for b in box.findChildren(QPushButton) if b.text() == text))


def below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def only_row(page: ModelsPage) -> DownloadRow:
    return next(iter(page.downloads.rows.values()))


def wait_for_phase(qtbot: QtBot, page: ModelsPage, phase: Phase) -> DownloadRow:
    def arrived() -> bool:
        found = page.downloads.rows.values()
        return any(row.state.phase is phase for row in found)

    qtbot.waitUntil(arrived)
    return only_row(page)
