"""Lists as Qt models: what they say, and that the mark stays where it was."""

import pytest
from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from desktop.rows import ROW, Row, RowList, RowModel, Tone
from desktop.settings_page.ledger_table import COLUMNS, LedgerModel
from desktop.theme import DARK, LIGHT
from engine.network import Connection
from tests.desktop.pages import titles


def named(word: str) -> Row:
    return Row(word.partition(" ")[0], word, "under it", "fits", Tone.GOOD)


@pytest.fixture
def listed(qtbot: QtBot) -> RowList:
    made = RowList(RowModel(named), "Words", LIGHT)
    qtbot.addWidget(made)
    made.model().show(["one", "two", "three"])
    made.resize(300, 300)
    made.show()
    return made


def test_the_model_keeps_qts_rules(qtmodeltester: ModelTester) -> None:
    model = RowModel(named)
    model.show(["one", "two"])
    qtmodeltester.check(model)


def test_a_row_is_spoken_in_full(listed: RowList) -> None:
    spoken = listed.model().index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "one, under it, fits"
    assert listed.model().index(0).data(ROW).tone is Tone.GOOD


def test_the_mark_stays_at_its_item_when_others_come_and_go(listed: RowList) -> None:
    assert listed.mark("two")
    listed.model().show(["zero", "one", "two"])
    assert listed.item == "two" and listed.currentIndex().row() == 2
    listed.model().show(["zero"])
    assert listed.item is None
    assert not listed.mark("two")


def test_changed_rows_of_the_same_items_are_told(listed: RowList, qtbot: QtBot) -> None:
    listed.mark("two")
    with qtbot.waitSignal(listed.selected) as told:
        listed.model().show(["one", "two changed", "three"])
    assert told.args == ["two changed"]
    assert titles(listed) == ["one", "two changed", "three"]


def test_enter_and_clicks_choose(listed: RowList, qtbot: QtBot) -> None:
    listed.mark("one")
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        with qtbot.waitSignal(listed.chosen) as told:
            qtbot.keyClick(listed, key)
        assert told.args == ["one"]


def test_a_remark_has_its_own_colour_in_each_theme(listed: RowList) -> None:
    def greens() -> set[str]:
        image = listed.grab().toImage()
        found = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(60)}
        return found & {LIGHT.good, DARK.good}

    assert greens() == {LIGHT.good}
    listed.recolour(DARK)
    assert greens() == {DARK.good}


def test_the_ledger_is_a_table_of_connections(qtmodeltester: ModelTester) -> None:
    model = LedgerModel()
    connection = Connection(
        at="2025-01-02T03:04:05+00:00",
        host="huggingface.co",
        address="1.2.3.4",
        port=443,
        why="Searching the Hub",
        allowed=False,
    )
    model.show(
        [connection, Connection(at="never", host="x", address="x", port=0, why="", allowed=True)]
    )
    qtmodeltester.check(model)
    cells = [model.index(0, column).data() for column in range(len(COLUMNS))]
    assert cells[1:] == ["huggingface.co", "Searching the Hub", "refused"]
    assert cells[0].startswith("02 Jan") or cells[0].startswith("01 Jan")
    assert model.index(1, 0).data() == "never" and model.index(1, 2).data() == "nobody asked for it"
    assert "1.2.3.4" in model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
