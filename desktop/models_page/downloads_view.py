"""The queue of downloads: a row for each, with what can be done about it."""

from PySide6.QtCore import Signal, SignalInstance, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop import wording
from desktop.models_page import phrases
from desktop.models_page.parts import Scroller
from desktop.translation import tr
from desktop.widgets import ThinBar, button, label, plain_button, plain_label, styled
from engine.store.downloads import DownloadState
from engine.store.phase import Phase


class DownloadRow(QFrame):
    """One download."""

    pause_wanted = Signal(int)  # the download's id, as in all but the last of these
    resume_wanted = Signal(int)
    cancel_wanted = Signal(int)
    chat_wanted = Signal(str)  # the model's name

    def __init__(self, state: DownloadState) -> None:
        super().__init__()
        styled(self, "card")
        self.state = state
        self.title = plain_label(str(state.reference), "strong", wraps=True)
        self.line = label("", "muted", wraps=True)
        self.bar = ThinBar(height=6)
        self.pause = self._button(tr("Pause"), self.pause_wanted)
        self.resume = self._button(tr("Resume"), self.resume_wanted)
        self.cancel = self._button(tr("Cancel"), self.cancel_wanted)
        self.remove = self._button(tr("Remove from the list"), self.cancel_wanted)
        self.chat = button("Chat with it now", "primary")
        self.chat.clicked.connect(lambda: self.chat_wanted.emit(str(self.state.reference)))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for choice in (self.chat, self.pause, self.resume, self.cancel, self.remove):
            buttons.addWidget(choice)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addWidget(self.title)
        column.addWidget(self.bar)
        column.addWidget(self.line)
        column.addLayout(buttons)
        self.show_state(state)

    def show_state(self, state: DownloadState) -> None:
        """Show how it stands."""
        self.state = state
        phase = state.phase
        words = phrases.download(state)
        self.line.setText(words)
        self.setAccessibleName(f"{state.reference}: {words}")
        share = state.done / state.total if state.total else 0.0
        self.bar.show_progress(share, 1)
        self.bar.setAccessibleName(f"{state.reference}: {wording.percent(share)}")
        self.bar.setVisible(phase is not Phase.DONE)
        self.chat.setVisible(phase is Phase.DONE)
        self.pause.setVisible(state.is_active)
        self.resume.setVisible(phase in (Phase.PAUSED, Phase.FAILED))
        self.resume.setText(tr("Try again") if phase is Phase.FAILED else tr("Resume"))
        self.resume.setAccessibleName(f"{self.resume.text()}: {state.reference}")
        self.cancel.setVisible(phase is not Phase.DONE)
        self.remove.setVisible(phase is Phase.DONE)

    def _button(self, text: str, signal: SignalInstance) -> QPushButton:
        made = plain_button(text, "outlined", spoken=f"{text}: {self.state.reference}")
        made.clicked.connect(lambda: signal.emit(self.state.id))
        return made


class DownloadsView(QWidget):
    """All downloads, or what there is to do where there are none."""

    pause_wanted = Signal(int)
    resume_wanted = Signal(int)
    cancel_wanted = Signal(int)
    chat_wanted = Signal(str)
    find_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, DownloadRow] = {}
        self.empty = label("Nothing is being downloaded.", "muted")
        self.find_more = button("Find a model", "outlined")
        self.find_more.clicked.connect(self.find_wanted)
        scroller = Scroller(tr("Downloads"))
        self._column = scroller.column
        self._column.addWidget(self.empty)
        start = QHBoxLayout()
        start.addWidget(self.find_more)
        start.addStretch()
        self._column.addLayout(start)
        self._column.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(scroller)

    @Slot(object)
    def show_downloads(self, states: tuple[DownloadState, ...]) -> None:
        """Show `states` in their order."""
        gone = self.rows.keys() - {state.id for state in states}
        for id in gone:
            self.rows.pop(id).deleteLater()
        for place, state in enumerate(states):
            row = self.rows.get(state.id)
            if row:
                row.show_state(state)
            else:
                self._column.insertWidget(place, self._add(state))
        self.empty.setVisible(not states)
        self.find_more.setVisible(not states)

    def _add(self, state: DownloadState) -> DownloadRow:
        row = self.rows[state.id] = DownloadRow(state)
        row.pause_wanted.connect(self.pause_wanted)
        row.resume_wanted.connect(self.resume_wanted)
        row.cancel_wanted.connect(self.cancel_wanted)
        row.chat_wanted.connect(self.chat_wanted)
        return row


def overall(states: tuple[DownloadState, ...]) -> float | None:
    """Return how far the downloads under way are together, 0 to 1; None where there are none."""
    active = [state for state in states if state.is_active]
    if not active:
        return None
    total = sum(state.total for state in active)
    return sum(state.done for state in active) / total if total else 0.0
