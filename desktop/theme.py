"""Colours as typed data, light and dark, and the style sheet made of them.

`Theme` follows the system's colour scheme, or the person's choice, and tells the views.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from engine.paths import assets_folder
from engine.settings import ThemeChoice

ZOOMS = (75, 80, 90, 100, 110, 125, 150, 175, 200)  # per cent


@dataclass(frozen=True)
class Palette:
    """One colour scheme. Each pair that meets on the screen keeps WCAG AA (see `PAIRS`)."""

    window: str
    surface: str
    bubble: str
    code: str
    hover: str
    border: str
    outline: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    selection: str
    notice: str
    notice_border: str
    on_notice: str
    link: str
    good: str
    warn: str
    bad: str
    # of code
    keyword: str
    name: str
    string: str
    number: str
    comment: str
    # of tokens, the darker the further from the reference
    shade1: str
    shade2: str
    shade3: str
    shade4: str


LIGHT = Palette(
    window="#f8f9f9",
    surface="#ffffff",
    bubble="#e6eff2",
    code="#eff2f3",
    hover="#e9eeef",
    border="#dfe4e6",
    outline="#818c93",
    text="#1a2024",
    muted="#566169",
    accent="#0a6682",
    accent_hover="#085068",
    on_accent="#ffffff",
    selection="#bfe0ea",
    notice="#fdf3e2",
    notice_border="#e6c88f",
    on_notice="#5a3d06",
    link="#0a6682",
    good="#1b6e3c",
    warn="#805300",
    bad="#a82a22",
    keyword="#8a2f86",
    name="#1d5fa8",
    string="#2f6b2c",
    number="#9a4a12",
    comment="#5b6870",
    shade1="#fbe7da",
    shade2="#f7cfb6",
    shade3="#efb08c",
    shade4="#e59068",
)

DARK = Palette(
    window="#15191c",
    surface="#1d2226",
    bubble="#22343c",
    code="#20272b",
    hover="#2a3136",
    border="#2c3338",
    outline="#6d7980",
    text="#e6eaec",
    muted="#9eaab1",
    accent="#6cc5df",
    accent_hover="#92d6ea",
    on_accent="#06222b",
    selection="#1f5567",
    notice="#2c2517",
    notice_border="#5f4b1f",
    on_notice="#f0d9a8",
    link="#7fd0e8",
    good="#7ed09a",
    warn="#e8c06a",
    bad="#ff9a8f",
    keyword="#d6a0e0",
    name="#8fc1f5",
    string="#a3d39c",
    number="#efb98a",
    comment="#98a5ac",
    shade1="#382a24",
    shade2="#55352a",
    shade3="#72412d",
    shade4="#8e4d30",
)

# (foreground, background, least contrast): 4.5 for text, 3 for the edge of a control.
PAIRS: tuple[tuple[str, str, float], ...] = (
    *((fore, back, 4.5) for fore in ("text", "muted") for back in ("window", "surface", "hover")),
    *(
        (fore, back, 4.5)
        for fore in ("good", "warn", "bad")
        for back in ("window", "surface", "bubble", "hover")
    ),
    ("text", "bubble", 4.5),
    ("muted", "bubble", 4.5),
    *((fore, "code", 4.5) for fore in ("text", "muted", "keyword", "name", "string")),
    *((fore, "code", 4.5) for fore in ("number", "comment", "link", "accent")),
    ("text", "selection", 4.5),
    ("link", "window", 4.5),
    ("link", "bubble", 4.5),
    ("accent", "window", 4.5),
    ("accent", "surface", 4.5),
    ("on_accent", "accent", 4.5),
    ("on_accent", "accent_hover", 4.5),
    ("on_notice", "notice", 4.5),
    *(("text", f"shade{step}", 4.5) for step in range(1, 5)),
    ("accent", "notice", 4.5),
    ("outline", "window", 3.0),
    ("outline", "surface", 3.0),
)

_SCHEMES: dict[ThemeChoice, Qt.ColorScheme] = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class Theme(QObject):
    """The colours in use: known at once, shown by `apply`. `changed` comes when others are shown.

    `apply` comes once the window is built. With a style sheet in force Qt styles anew each widget
    that is put into another, with all that it holds, which takes three times as long as the rest
    of the building.
    """

    changed = Signal(object)  # Palette
    zoomed = Signal(int)  # per cent

    def __init__(
        self, app: QApplication, template: Path, choice: ThemeChoice = "system", zoom: int = 100
    ) -> None:
        super().__init__()
        self._app = app
        self._template = template.read_text(encoding="utf-8")
        self._icons = (assets_folder() / "icons").as_posix()
        self.zoom = _kept_within(zoom)
        app.setStyleSheet("")
        # One style on every system: the sheet is written for it.
        app.setStyle(QStyleFactory.create("Fusion"))
        self._choose(choice)
        app.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)

    def apply(self) -> None:
        """Show the application in these colours."""
        self._app.setPalette(_qt_palette(self.palette))
        self._app.setStyleSheet(self._sheet())

    def choose(self, choice: ThemeChoice) -> None:
        """Follow the system, or keep to light or dark."""
        self._choose(choice)
        self._show_change()

    def set_zoom(self, percent: int) -> None:
        """Show letters and what surrounds them at `percent` of their size; kept within `ZOOMS`."""
        percent = _kept_within(percent)
        if percent != self.zoom:
            self.zoom = percent
            self._app.setStyleSheet(self._sheet())
            self.zoomed.emit(percent)

    def _choose(self, choice: ThemeChoice) -> None:
        self._choice = choice
        self._app.styleHints().setColorScheme(_SCHEMES[choice])
        self.palette = self._colours(self._app.styleHints().colorScheme())

    def _on_scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        self.palette = self._colours(scheme)
        self._show_change()

    def _show_change(self) -> None:
        self.apply()
        self.changed.emit(self.palette)

    def _colours(self, scheme: Qt.ColorScheme) -> Palette:
        """Return those of the choice; `scheme` is the system's."""
        follows = self._choice == "system" and scheme == Qt.ColorScheme.Dark
        return DARK if follows or self._choice == "dark" else LIGHT

    def _sheet(self) -> str:
        names = {"icons": self._icons, "scheme": "dark" if self.palette is DARK else "light"}
        template = Template(scaled(self._template, self.zoom))
        return template.substitute(asdict(self.palette), **names)


def next_zoom(percent: int, step: int) -> int:
    """Return the zoom a step above `percent`, or below it for -1."""
    if step > 0:
        return next((zoom for zoom in ZOOMS if zoom > percent), ZOOMS[-1])
    return next((zoom for zoom in reversed(ZOOMS) if zoom < percent), ZOOMS[0])


def _kept_within(percent: int) -> int:
    return min(max(percent, ZOOMS[0]), ZOOMS[-1])


def scaled(sheet: str, percent: int) -> str:
    """Return a style sheet with its lengths at `percent`; lines of one px stay as thin."""

    def scale(length: re.Match[str]) -> str:
        px = int(length[1])
        return length[0] if px < 2 else f"{round(px * percent / 100)}px"

    return sheet if percent == 100 else re.sub(r"\b(\d+)px", scale, sheet)


def _qt_palette(colours: Palette) -> QPalette:
    """Return the roles that the style sheet does not reach: links, menus, selections, hints."""
    role = QPalette.ColorRole
    palette = QPalette()
    for target, colour in {
        role.Window: colours.window,
        role.Base: colours.surface,
        role.AlternateBase: colours.code,
        role.Button: colours.surface,
        role.ToolTipBase: colours.surface,
        role.ToolTipText: colours.text,
        role.Text: colours.text,
        role.WindowText: colours.text,
        role.ButtonText: colours.text,
        role.PlaceholderText: colours.muted,
        role.Highlight: colours.selection,
        role.HighlightedText: colours.text,
        role.Link: colours.link,
        role.LinkVisited: colours.link,
        role.Mid: colours.border,
        role.Accent: colours.accent,
    }.items():
        palette.setColor(target, QColor(colour))
    for target in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, QColor(colours.muted))
    return palette
