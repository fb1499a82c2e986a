"""The header: which model, in which precision, and New chat.

The model list is filled from outside; choosing emits a signal and changes nothing by itself.
"""

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from desktop import wording
from desktop.icons import icon
from desktop.state import Selection
from desktop.theme import Palette
from desktop.translation import tr
from desktop.widgets import button, choose, plain_button, styled
from engine.messages import Loaded, Precision
from engine.models import LocalModel

_ARROW = "  ▾"
_ROOMY = 480  # px of width for all of the words
_FEW = 8  # letters, of which an ellipsis in the middle would leave nothing to read
_ICON = 20  # px at 100 %
_PADDING = 18  # px at both sides of the name, with the border


class ModelPicker(QPushButton):
    """A button with the model's name that opens the list of models on this computer."""

    model_chosen = Signal(str)
    list_wanted = Signal()
    more_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "picker")
        self._selected = ""
        self._title = ""
        self._models: list[LocalModel] = []
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self.list_wanted)
        self.setMenu(self._menu)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(72)
        self.setToolTip(tr("Choose a model"))
        self._fill()

    @Slot(object)
    def show_models(self, models: "list[LocalModel]") -> None:
        """List `models`."""
        if models != self._models:
            self._models = models
            self._fill()

    def show_selected(self, name: str, title: str = "") -> None:
        """Name the model in use; `title` where it is known."""
        known = next((model.title for model in self._models if model.name == name), "")
        self._selected = name
        self._title = title or known or Path(name).name
        self.setAccessibleName(tr("Model: {title}", title=self._title))
        self.updateGeometry()
        self._show_title()
        self._fill()

    def sizeHint(self) -> QSize:
        """As wide as the whole name."""
        metrics = self.fontMetrics()
        # 2 px more, since each advance is rounded.
        width = metrics.horizontalAdvance(self._title) + metrics.horizontalAdvance(_ARROW) + 2
        return QSize(width + _PADDING, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the name to what fits."""
        super().resizeEvent(event)
        self._show_title()

    def _show_title(self) -> None:
        metrics = self.fontMetrics()
        room = self.width() - _PADDING - metrics.horizontalAdvance(_ARROW)
        # Of a name in full the end tells as much as the beginning; of three letters none does.
        is_short = room < metrics.horizontalAdvance("M" * _FEW)
        mode = Qt.TextElideMode.ElideRight if is_short else Qt.TextElideMode.ElideMiddle
        title = metrics.elidedText(self._title, mode, room)
        self.setText(_menu_text(title) + _ARROW)

    @Slot()
    def open_list(self) -> None:
        """Open the list, as a click does; where it offers no other model, ask for more."""
        if any(model.name != self._selected for model in self._models):
            self.showMenu()
        else:
            self.more_wanted.emit()

    def _fill(self) -> None:
        self._menu.clear()
        for model in self._models:
            # What follows a tab stands at the right.
            action = QAction(f"{_menu_text(model.title)}\t{wording.size(model.size)}", self._menu)
            action.setCheckable(True)
            action.setChecked(model.name == self._selected)
            action.setToolTip(str(model.folder))
            action.setData(model.name)
            action.triggered.connect(self._on_chosen)
            self._menu.addAction(action)
        self._menu.addSeparator()
        self._menu.addAction(tr("Open a folder…"), self._open_folder)
        self._menu.addAction(tr("Find more models…"), self.more_wanted.emit)

    def _on_chosen(self) -> None:
        action = self.sender()
        assert isinstance(action, QAction)
        self.model_chosen.emit(action.data())

    def _open_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.window(), tr("Open a model folder"))
        if folder:
            self.model_chosen.emit(folder)


class PrecisionPicker(QFrame):
    """bf16, int8 and int4 side by side; one is chosen."""

    precision_chosen = Signal(object)  # Precision

    def __init__(self) -> None:
        super().__init__()
        styled(self, "segments")
        self.setAccessibleName(tr("Precision"))
        self.buttons: dict[Precision, QPushButton] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        for precision, explanation in wording.PRECISION_HELP.items():
            spoken = tr("Precision {precision}", precision=precision)
            choice = plain_button(str(precision), "segment", tr(explanation), spoken)
            choice.setCheckable(True)
            self._group.addButton(choice)
            self.buttons[precision] = choice
            row.addWidget(choice)
        self._group.buttonClicked.connect(self._on_clicked)

    def show_selected(self, precision: Precision) -> None:
        """Mark `precision` as chosen."""
        choose(self.buttons[precision])

    def _on_clicked(self, clicked: QPushButton) -> None:
        self.precision_chosen.emit(Precision(clicked.text()))


class Header(QWidget):
    """The way to the list of chats, the pickers and New chat in one row."""

    new_chat_wanted = Signal()
    sidebar_wanted = Signal()

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        styled(self, "header")
        self.sidebar = button("", "iconButton", "Show or hide your chats (Ctrl+B)", "List of chats")
        self.sidebar.clicked.connect(self.sidebar_wanted)
        self.models = ModelPicker()
        self.precisions = PrecisionPicker()
        self.new_chat = button("New chat", "outlined", "Start a new chat (Ctrl+N)")
        self.new_chat.clicked.connect(self.new_chat_wanted)
        self.settings = styled(QToolButton(), "tool")
        self.settings.setCheckable(True)
        self.settings.setToolTip(tr("Settings of this chat (Ctrl+.)"))
        self.settings.setAccessibleName(tr("Settings of this chat"))
        self.settings.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.settings.setShortcut(QKeySequence("Ctrl+."))
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 10, 12, 10)
        row.setSpacing(6)
        row.addWidget(self.sidebar)
        row.addWidget(self.models)
        row.addWidget(self.precisions)
        row.addStretch()
        row.addWidget(self.new_chat)
        row.addWidget(self.settings)
        self.set_zoom(100)
        self.recolour(palette)

    @Slot(int)
    def set_zoom(self, percent: int) -> None:
        """Draw the icons as large as the letters."""
        size = round(_ICON * percent / 100)
        for choice in (self.sidebar, self.settings):
            choice.setIconSize(QSize(size, size))
        self.new_chat.setIconSize(QSize(size, size) * 0.8)

    @Slot(object)
    def recolour(self, palette: Palette) -> None:
        """Draw the icons in the text's colour."""
        self.sidebar.setIcon(icon("sidebar", palette.text, self.isRightToLeft()))
        self.settings.setIcon(icon("panel", palette.text, self.isRightToLeft()))
        self.new_chat.setIcon(icon("compose", palette.text))

    def minimumSizeHint(self) -> QSize:
        """As narrow as it is without words."""
        least = super().minimumSizeHint()
        words = self.new_chat.fontMetrics().horizontalAdvance(self.new_chat.text())
        return QSize(least.width() - words, least.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave a narrow header's width to the model's name."""
        super().resizeEvent(event)
        is_roomy = self.width() >= _ROOMY
        self.new_chat.setText(f" {tr('New chat')}" if is_roomy else "")  # away from the icon

    @Slot(object)
    def show_selection(self, selection: Selection) -> None:
        """Show what is selected."""
        self.models.show_selected(selection.model)
        self.precisions.show_selected(selection.precision)

    @Slot(object)
    def show_loaded(self, loaded: Loaded | None) -> None:
        """Show the loaded model's own title."""
        if loaded:
            self.models.show_selected(loaded.model, loaded.title)


def _menu_text(text: str) -> str:
    """Return `text` for a menu, where & would mark a shortcut key."""
    return text.replace("&", "&&")
