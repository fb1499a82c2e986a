"""Which persona the chat has, and what can be done with personas. Emits what was asked for."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from desktop.settings_panel.fields import ChoiceBox
from desktop.settings_panel.personas import Persona
from desktop.translation import mark, tr
from desktop.widgets import label, styled

_NONE = mark("Own settings")


class PersonaBar(QWidget):
    """A list of the personas, and a menu beside it."""

    chosen = Signal(str)
    create_wanted = Signal()
    update_wanted = Signal(str)
    rename_wanted = Signal(str)
    duplicate_wanted = Signal(str)
    delete_wanted = Signal(str)
    default_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._name = ""
        self._default = ""
        self._is_changed = False
        self.box = ChoiceBox()
        self.box.setAccessibleName(tr("Persona"))
        self.more = styled(QToolButton(), "more")
        self.more.setText("⋯")
        self.more.setToolTip(tr("Create, change or delete personas"))
        self.more.setAccessibleName(tr("Personas: more"))
        self.more.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.more)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.more.setMenu(self.menu)
        self._hint = label("", "settingHelp", wraps=True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.box, 1)
        row.addWidget(self.more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._hint)
        self.box.activated.connect(lambda _place: self._choose())
        self._fill_menu()

    def show_personas(self, personas: Sequence[Persona], default: str) -> None:
        """List `personas`; `default` is the one of new chats."""
        self._default = default
        self.box.clear()
        for persona in personas:
            self.box.addItem(persona.name, persona.name)
        self.show_chosen(self._name, self._is_changed)

    def show_chosen(self, name: str, is_changed: bool) -> None:
        """Show the chat's persona, and whether the chat has departed from it."""
        self._name, self._is_changed = name, is_changed
        place = self.box.findData(name)
        self.box.setPlaceholderText(name or tr(_NONE))
        self.box.setCurrentIndex(place)
        self._hint.setText(tr("Changed in this chat.") if is_changed else self._about(place))

    def _about(self, place: int) -> str:
        if place < 0:
            return tr("No persona of this name is kept any more.") if self._name else ""
        return tr("New chats begin with it.") if self._name == self._default else ""

    def _choose(self) -> None:
        name = self.box.currentData()
        if name is not None:
            self.chosen.emit(name)

    def _fill_menu(self) -> None:
        self.menu.clear()
        self.menu.addAction(tr("New from this chat's settings…"), self.create_wanted.emit)
        name = self._name
        if self.box.findData(name) < 0:
            return
        shown = name.replace("&", "&&")
        update = self.menu.addAction(tr("Save the changes in “{name}”", name=shown))
        update.setEnabled(self._is_changed)
        update.triggered.connect(lambda: self.update_wanted.emit(name))
        self._add(tr("Begin new chats with it"), self.default_wanted).setEnabled(
            name != self._default
        )
        self.menu.addSeparator()
        self._add(tr("Rename…"), self.rename_wanted)
        self._add(tr("Duplicate"), self.duplicate_wanted)
        self._add(tr("Delete…"), self.delete_wanted)

    def _add(self, text: str, signal: SignalInstance) -> QAction:
        name = self._name
        action = self.menu.addAction(text)
        action.triggered.connect(lambda: signal.emit(name))
        return action
