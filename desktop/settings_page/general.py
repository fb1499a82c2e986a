"""General: how the window looks, and which kernels compute."""

from collections.abc import Iterable
from typing import get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QWidget

from desktop import wording
from desktop.widgets import label
from engine.messages import KernelChoice
from engine.settings import ThemeChoice


class GeneralSection(QWidget):
    """The choices that the menus offer too."""

    theme_chosen = Signal(str)
    kernel_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.themes = _choices("Colours", wording.THEMES.items())
        self.kernels = _choices(
            "Kernels", ((name, wording.KERNEL_HELP[name]) for name in get_args(KernelChoice))
        )
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(10)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(label("Colours"), self.themes)
        form.addRow(label("Kernels"), self.kernels)
        self.themes.activated.connect(lambda: self.theme_chosen.emit(self.themes.currentData()))
        self.kernels.activated.connect(lambda: self.kernel_chosen.emit(self.kernels.currentData()))

    def show_theme(self, theme: ThemeChoice) -> None:
        """Show which colours are chosen."""
        self.themes.setCurrentIndex(self.themes.findData(theme))

    def show_kernel(self, kernel: KernelChoice) -> None:
        """Show which kernels are chosen."""
        self.kernels.setCurrentIndex(self.kernels.findData(kernel))


def _choices(name: str, texts: Iterable[tuple[str, str]]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setMinimumContentsLength(12)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for value, text in texts:
        box.addItem(text, value)
    return box
