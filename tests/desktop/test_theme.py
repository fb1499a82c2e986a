"""Colours: readable in light and dark, and switched as a whole."""

import pytest
from PySide6.QtGui import QPalette

from desktop.theme import DARK, LIGHT, PAIRS, Palette, contrast
from tests.desktop.conftest import OpenWindow


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("fore", "back", "least"), PAIRS)
def test_what_meets_on_the_screen_is_readable(
    palette: Palette, fore: str, back: str, least: float
) -> None:
    assert contrast(getattr(palette, fore), getattr(palette, back)) >= least


def test_black_on_white_has_the_greatest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_the_view_menu_switches_the_colours(open_window: OpenWindow) -> None:
    made = open_window()
    made.menus.themes["dark"].trigger()
    assert made.window.palette().color(QPalette.ColorRole.WindowText).name() == DARK.text
    assert DARK.window in made.theme._app.styleSheet()
    made.menus.themes["light"].trigger()
    assert made.window.palette().color(QPalette.ColorRole.WindowText).name() == LIGHT.text
    assert made.settings.value.theme == "light"
