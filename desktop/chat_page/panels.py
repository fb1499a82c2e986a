"""The quiet rows around the conversation: welcome, loading, the demo's notice, what went wrong.

Each shows what it is given and says by a signal what was asked for.
"""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop import wording
from desktop.flow import Flow
from desktop.state import Notice, State, WayOut
from desktop.translation import mark, tr
from desktop.widgets import ThinBar, button, label, plain_button, styled
from engine.messages import Loaded, Progress
from engine.models import DEMO_NOTICE

_MARGIN, _APART, _GAP = 24, 10, 14  # px of the welcome

EXAMPLES = (
    mark("Tell me a story about a fox."),
    mark("What is 3 plus 4?"),
    mark("What is int4?"),
    mark("Who are you?"),
)


class Welcome(QWidget):
    """What an empty conversation shows: a greeting and a few questions to begin with."""

    example_chosen = Signal(str)

    def __init__(self, icon: QIcon) -> None:
        super().__init__()
        self.examples: list[QPushButton] = []
        self._picture = picture = QLabel()
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        picture.setPixmap(icon.pixmap(QSize(72, 72)))
        title = label("What shall we talk about?", "title", wraps=True)
        promise = label("Everything runs on this computer. Nothing leaves it.", "muted", wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        column.setSpacing(_APART)
        column.addStretch(2)
        column.addWidget(picture)
        self._lines = (title, promise)
        for line in self._lines:
            line.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(line)
        column.addSpacing(_GAP)
        for text in EXAMPLES:
            column.addWidget(self._example(tr(text)), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out the picture, and then the last questions, where there is no room for all."""
        super().resizeEvent(event)
        width = self.width() - 2 * _MARGIN
        room = self.height() - 2 * _MARGIN - _GAP
        room -= sum(line.heightForWidth(width) + _APART for line in self._lines)
        for part in (*self.examples, self._picture):
            room -= part.sizeHint().height() + _APART
            part.setVisible(room >= 0)

    @Slot(object)
    def show_model(self, loaded: Loaded | None) -> None:
        """Word the questions for `loaded`: the demo model knows English alone."""
        if loaded:
            for example, text in zip(self.examples, EXAMPLES, strict=True):
                _word(example, text if loaded.is_demo else tr(text))

    def _example(self, text: str) -> QPushButton:
        example = plain_button("", "example")
        _word(example, text)
        example.setMinimumWidth(280)
        example.clicked.connect(lambda: self.example_chosen.emit(example.text()))
        self.examples.append(example)
        return example


def _word(example: QPushButton, question: str) -> None:
    example.setText(question)
    example.setAccessibleName(tr("Ask: {question}", question=question))


class LoadingPanel(QFrame):
    """How far loading is, and a way to cancel it."""

    cancel_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "panel")
        self.stage = label("Starting the engine…")
        self.bar = ThinBar()
        self.bar.setAccessibleName(tr("Loading"))
        self.cancel = button("Cancel", "quiet", spoken="Cancel loading")
        self.cancel.clicked.connect(self._on_cancel)
        row = QHBoxLayout()
        row.addWidget(self.stage, 1)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 8, 20, 8)
        column.addLayout(row)
        column.addWidget(self.bar)
        self.show_state(State.STARTING)

    @Slot(object)
    def show_state(self, state: State) -> None:
        """Appear while the engine starts or loads."""
        self.setVisible(state in (State.STARTING, State.LOADING))
        self.cancel.setVisible(state is State.LOADING)
        self.cancel.setEnabled(True)
        self.bar.show_progress(0, 0)
        is_start = state is State.STARTING
        self.stage.setText(tr("Starting the engine…") if is_start else tr("Loading the model…"))

    @Slot(object)
    def show_progress(self, step: Progress) -> None:
        """Show a step of loading."""
        self.stage.setText(wording.progress(step))
        self.bar.show_progress(step.done, step.total)

    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.stage.setText(tr("Cancelling…"))
        self.cancel_wanted.emit()


class DemoBanner(QFrame):
    """Says that the demo model is a toy, and points to the model list."""

    choose_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "panel")
        self.text = label("", "muted", wraps=True)
        self.choose = button("Choose a model", "link")
        self.choose.clicked.connect(self.choose_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 8, 16, 8)
        row.setSpacing(16)
        row.addWidget(self.text, 1)
        row.addWidget(self.choose)
        self.hide()

    @Slot(object)
    def show_model(self, loaded: Loaded | None) -> None:
        """Appear for the demo model; stay as it is while another one loads."""
        if loaded is None:
            return
        if loaded.is_demo:
            self.text.setText(tr(DEMO_NOTICE))
        self.setVisible(loaded.is_demo)


class TemporaryBanner(QFrame):
    """Says that the chat is kept nowhere."""

    def __init__(self) -> None:
        super().__init__()
        styled(self, "temporary")
        self.setAccessibleName(tr("Temporary chat"))
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 8, 16, 8)
        row.addWidget(label("Temporary chat: kept nowhere, gone when you leave it.", wraps=True), 1)
        self.hide()


class UnsavedBanner(QFrame):
    """Says for as long as the window is open why its chats are not saved."""

    def __init__(self) -> None:
        super().__init__()
        styled(self, "notice")
        self.sentence = label("", "strong", wraps=True)
        self.way_out = label("", wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(4)
        for line in (self.sentence, self.way_out):
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(line)
        self.hide()

    @Slot(object)
    def show_notice(self, notice: Notice) -> None:
        """Appear, and stay."""
        self.sentence.setText(notice.sentence)
        self.way_out.setText(
            tr(
                "{way_out} Until then, what you write here lasts as long as this window: "
                "export what you want to keep.",
                way_out=notice.way_out,
            )
        )
        self.setAccessibleName(notice.sentence)
        self.show()


class NoticePanel(QFrame):
    """What went wrong, the way out, and a button for each thing that can be done at once.

    notice: what is shown, or was last.
    """

    wanted = Signal(object)  # WayOut
    log_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        styled(self, "notice")
        self.sentence = label("", "strong", wraps=True)
        self.way_out = label("", wraps=True)
        for line in (self.sentence, self.way_out):
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.buttons: dict[WayOut, QPushButton] = {}
        self.dismiss = button("Dismiss", "link")
        self.dismiss.clicked.connect(self.hide)
        acts = QWidget()
        row = Flow(acts, gap=8)
        for offer in WayOut:
            self.buttons[offer] = self._offer(offer)
            row.addWidget(self.buttons[offer])
        row.addWidget(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 12, 10)
        column.setSpacing(4)
        column.addWidget(self.sentence)
        column.addWidget(self.way_out)
        column.addWidget(acts)
        self.notice = Notice("")
        self.hide()

    def _offer(self, offer: WayOut) -> QPushButton:
        choice = plain_button(tr(offer.value), "noticeButton")
        choice.clicked.connect(lambda: self._take(offer))
        return choice

    def _take(self, offer: WayOut) -> None:
        if offer is WayOut.OPEN_LOG:
            self.log_wanted.emit(self.notice.log_file)
        else:
            self.wanted.emit(offer)

    @Slot(object)
    def show_notice(self, notice: Notice | None) -> None:
        """Show `notice`, or disappear where there is none."""
        if notice is None:
            self.hide()
            return
        self.notice = notice
        self.sentence.setText(notice.sentence)
        self.way_out.setText(notice.way_out)
        self.way_out.setVisible(bool(notice.way_out))
        for offer, choice in self.buttons.items():
            text = tr(offer.value, precision=notice.precision or "")
            choice.setText(text)
            choice.setAccessibleName(text)
            choice.setVisible(offer in notice.offers)
        self.setAccessibleName(notice.sentence)
        self.show()
