"""General: how the window looks, and which kernels compute."""

from collections.abc import Iterable
from typing import get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QWidget

from desktop import wording
from desktop.theme import ZOOMS
from desktop.translation import LANGUAGES, tr
from desktop.widgets import check, label
from engine.messages import KernelChoice
from engine.settings import ThemeChoice


class GeneralSection(QWidget):
    """The choices that the menus offer too."""

    theme_chosen = Signal(str)
    kernel_chosen = Signal(str)
    language_chosen = Signal(str)
    zoom_chosen = Signal(int)
    tray_wanted = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.themes = _choices(
            tr("Colours"), ((name, tr(text)) for name, text in wording.THEMES.items())
        )
        self.kernels = _choices(
            tr("Kernels"),
            ((name, tr(wording.KERNEL_HELP[name])) for name in get_args(KernelChoice)),
        )
        self.zooms = _choices(
            tr("Size of letters"), ((zoom, wording.percent(zoom / 100)) for zoom in ZOOMS)
        )
        self.languages = _choices(
            tr("Language"), (("system", tr("Like the system")), *LANGUAGES.items())
        )
        self.later = label("The language changes when Tern is started again.", "muted", wraps=True)
        self.tray = check("Hide in the system tray when closed")
        self.no_tray = label("This desktop shows no system tray.", "muted", wraps=True)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(10)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(label("Colours"), self.themes)
        form.addRow(label("Size of letters"), self.zooms)
        form.addRow(label("Language"), self.languages)
        form.addRow("", self.later)
        form.addRow(label("Kernels"), self.kernels)
        form.addRow(self.tray)
        form.addRow(self.no_tray)
        self.themes.activated.connect(lambda: self.theme_chosen.emit(self.themes.currentData()))
        self.kernels.activated.connect(lambda: self.kernel_chosen.emit(self.kernels.currentData()))
        self.zooms.activated.connect(lambda: self.zoom_chosen.emit(self.zooms.currentData()))
        self.languages.activated.connect(
            lambda: self.language_chosen.emit(self.languages.currentData())
        )
        self.tray.toggled.connect(self.tray_wanted)
        self.later.hide()

    def show_language(self, choice: str, is_later: bool) -> None:
        """Show which language is chosen, and whether it is still another one that is shown."""
        self.languages.setCurrentIndex(max(0, self.languages.findData(choice)))
        self.later.setVisible(is_later)

    def show_zoom(self, percent: int) -> None:
        """Show the size of letters, which need not be one of those listed."""
        if self.zooms.findData(percent) < 0:
            self.zooms.addItem(wording.percent(percent / 100), percent)
        self.zooms.setCurrentIndex(self.zooms.findData(percent))

    def show_tray(self, is_wanted: bool, is_there: bool) -> None:
        """Show whether the tray is used; without one it cannot be."""
        self.tray.setChecked(is_wanted)
        self.tray.setEnabled(is_there)
        self.no_tray.setVisible(not is_there)

    def show_theme(self, theme: ThemeChoice) -> None:
        """Show which colours are chosen."""
        self.themes.setCurrentIndex(self.themes.findData(theme))

    def show_kernel(self, kernel: KernelChoice) -> None:
        """Show which kernels are chosen."""
        self.kernels.setCurrentIndex(self.kernels.findData(kernel))


def _choices(name: str, texts: Iterable[tuple[str | int, str]]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setMinimumContentsLength(12)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for value, text in texts:
        box.addItem(text, value)
    return box
