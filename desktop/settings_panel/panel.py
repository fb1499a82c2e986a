"""The settings of one chat. Shows what it is given and emits what it became; keeps nothing."""

import msgspec
from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from desktop.history import ChatSettings
from desktop.models_page.parts import Scroller
from desktop.settings_panel import stops, terms
from desktop.settings_panel.engine_section import EngineSection
from desktop.settings_panel.fields import ChoiceField, NumberField, TextField
from desktop.settings_panel.persona_bar import PersonaBar
from desktop.settings_panel.personas import Persona
from desktop.state import Selection
from desktop.translation import mark, tr
from desktop.widgets import button, label, plain_label, styled
from engine.messages import Loaded, Overflow, SamplingSettings

_OVERFLOWS: dict[Overflow, str] = {
    "stop": mark("Stop and say so"),
    "drop_oldest": mark("Drop the oldest messages"),
}


class SettingsPanel(QFrame):
    """Persona, sampling, length and engine, under each other.

    `changed` carries the whole new settings, but for what loading depends on: that is `engine`'s
    to tell, and becomes part of them with the next answer.
    """

    changed = Signal(object)  # ChatSettings
    close_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "right")
        self.setAccessibleName(tr("Settings of this chat"))
        self._settings = ChatSettings()
        self._persona: Persona | None = None
        self._defaults = SamplingSettings()
        self.personas = PersonaBar()
        self.prompt = TextField(terms.SYSTEM_PROMPT, lines=5)
        self.numbers = {term.name: NumberField(term) for term in (*terms.SAMPLING, terms.LENGTH)}
        self.stops = TextField(terms.STOP_STRINGS, lines=2)
        self.overflow = ChoiceField(
            terms.OVERFLOW, ((choice, tr(text)) for choice, text in _OVERFLOWS.items())
        )
        self.engine = EngineSection()
        self.close_button = button("✕", "quiet", "Close (Ctrl+.)", "Close the settings")
        self._lay_out()
        for field in (self.prompt, self.stops, self.overflow, *self.numbers.values()):
            field.changed.connect(self._on_changed)
        self.close_button.clicked.connect(self.close_wanted)
        self.show_settings(self._settings)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(20, 12, 10, 10)
        head.addWidget(label("This chat", "heading"), 1)
        head.addWidget(self.close_button)
        scroller = Scroller(tr("Settings of this chat"))
        inside = scroller.column
        inside.setContentsMargins(20, 0, 20, 20)
        inside.setSpacing(16)
        numbers = self.numbers
        inside.addWidget(
            label("What you change applies from the next message.", "settingHelp", wraps=True)
        )
        self._add(inside, tr("Persona"), self.personas, self.prompt)
        self._add(inside, tr("Choice of words"), *(numbers[term.name] for term in terms.SAMPLING))
        length = numbers[terms.LENGTH.name]
        self._add(inside, tr("Length and context"), length, self.stops, self.overflow)
        self._add(inside, tr("Engine"), self.engine)
        inside.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 0, 0, 0)  # for the border
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(scroller, 1)

    def _add(self, column: QVBoxLayout, name: str, *fields: QWidget) -> None:
        column.addWidget(styled(QFrame(), "rule"))
        column.addWidget(plain_label(name, "section"))
        for field in fields:
            column.addWidget(field)

    def show_settings(self, settings: ChatSettings, persona: Persona | None = None) -> None:
        """Show the settings of a chat; persona: what is kept under their persona's name."""
        self._settings, self._persona = settings, persona
        self.prompt.show_value(settings.system_prompt)
        self.stops.show_value(stops.to_lines(settings.sampling.stop))
        self.overflow.show_value(settings.overflow)
        self._show_numbers()
        self._show_persona()

    @Slot(object)
    def show_model(self, loaded: Loaded | None) -> None:
        """Show what the loaded model's own settings are; they stay while another one loads."""
        if loaded:
            self._defaults = loaded.generation_defaults
            self._show_numbers()
        self.engine.show_model(loaded)

    @Slot(object)
    def show_selection(self, selection: Selection) -> None:
        """Show what is selected to be loaded."""
        self.engine.show_selection(selection)

    def _show_numbers(self) -> None:
        for name, field in self.numbers.items():
            default = getattr(self._defaults, name)
            field.show_value(getattr(self._settings.sampling, name), default)

    def _show_persona(self) -> None:
        settings = self._settings
        is_changed = self._persona is not None and not self._persona.is_on(settings)
        self.personas.show_chosen(settings.persona, is_changed)

    def _on_changed(self) -> None:
        sampling = msgspec.structs.replace(
            self._settings.sampling,
            stop=stops.from_lines(self.stops.value),
            **{name: field.value for name, field in self.numbers.items()},
        )
        self._take(
            msgspec.structs.replace(
                self._settings,
                system_prompt=self.prompt.value,
                overflow=self.overflow.value,
                sampling=sampling,
            )
        )

    def _take(self, settings: ChatSettings) -> None:
        if settings != self._settings:
            self._settings = settings
            self._show_persona()
            self.changed.emit(settings)

    def event(self, event: QEvent) -> bool:
        """Close on Escape, which is elsewhere the window's key to stop the answer."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            if event.type() == QEvent.Type.KeyPress:
                self.close_wanted.emit()
            return True
        return super().event(event)
