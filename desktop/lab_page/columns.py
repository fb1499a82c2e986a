"""The answers to one prompt, a column for each variant, as they are written."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from desktop.lab_page.live import LiveRun
from desktop.settings_panel.fields import ChoiceBox
from desktop.transcript.throttle import RepaintThrottle
from desktop.translation import isolated, number, tr
from desktop.widgets import label, plain_label, styled
from engine.lab.records import Plan
from engine.lab.steps import Answered, GaveUp, Step, Wrote

_LEAST = 28  # letters of a column
_TITLE = 70  # letters of a prompt in the list


class AnswerColumn(QFrame):
    """What one variant makes of the prompt. Plain text: answers are anybody's words."""

    def __init__(self, name: str) -> None:
        super().__init__()
        styled(self, "card")
        self.caption = label("", "hint", wraps=True)
        self.text = label("", wraps=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeading)
        self.text.setMinimumWidth(60)
        self.trouble = label("", "warn", wraps=True)
        self.name = plain_label(name, "section")
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(6)
        for widget in (self.name, self.text, self.trouble, self.caption):
            column.addWidget(widget)
        column.setStretchFactor(self.text, 1)

    def show_writing(self, text: str, caption: str, trouble: str) -> None:
        """Show the answer so far, its figures, and what went wrong."""
        self.text.setText(text)
        self.text.setVisible(bool(text) or not trouble)
        self.caption.setText(caption)
        self.caption.setVisible(bool(caption))
        self.trouble.setText(trouble)
        self.trouble.setVisible(bool(trouble))


class AnswerColumns(QWidget):
    """Columns beside each other, or under each other where there is little room.

    Follows what is being written until the person chooses a prompt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.prompts = ChoiceBox()
        self.prompts.setAccessibleName(tr("Prompt whose answers are shown"))
        self.asked = label("", "muted", wraps=True)
        self.columns: list[AnswerColumn] = []
        self._run: LiveRun | None = None
        self.is_running = False
        self._follows = True
        self._across = 0
        self._throttle = RepaintThrottle(self._refresh, self)
        top = QHBoxLayout()
        top.addWidget(self.prompts, 1)
        self._grid = QGridLayout()
        self._grid.setSpacing(12)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self.asked)
        column.addLayout(self._grid)
        self.prompts.activated.connect(self._on_chosen)
        self.prompts.currentIndexChanged.connect(lambda _place: self._refresh())

    @property
    def prompt(self) -> int:
        """The place of the prompt that is shown."""
        return max(0, self.prompts.currentIndex())

    def begin(self, run: LiveRun) -> None:
        """Show the columns of a comparison that begins."""
        for old in self.columns:
            self._grid.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.columns = [AnswerColumn(variant.label) for variant in run.plan.variants]
        self._run, self.is_running = None, True
        self._fill(run.plan)
        self._run, self._follows, self._across = run, True, 0
        self._arrange()
        self._refresh()

    @Slot(object)
    def show_step(self, step: Step) -> None:
        """Show what has happened, soon."""
        if self._run and self._follows and isinstance(step, (Wrote, Answered)):
            self.prompts.setCurrentIndex(step.prompt)
        if isinstance(step, (Wrote, Answered, GaveUp)):
            self._throttle.request()

    def end(self) -> None:
        """Show at once what has happened; nothing more will."""
        self.is_running = False
        self._throttle.flush()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the columns beside each other, as many as there is room for."""
        super().resizeEvent(event)
        self._arrange()

    def _fill(self, plan: Plan) -> None:
        self.prompts.clear()
        for place, prompt in enumerate(plan.prompts, 1):
            self.prompts.addItem(f"{number(str(place))}. {isolated(_short(prompt.title))}")
        self.prompts.setVisible(len(plan.prompts) > 1)

    def _arrange(self) -> None:
        count = len(self.columns)
        across = min(
            count, max(1, self.width() // (_LEAST * self.fontMetrics().averageCharWidth()))
        )
        if not count or across == self._across:
            return
        self._across = across
        for place, column in enumerate(self.columns):
            self._grid.addWidget(column, place // across, place % across)
        for place in range(self._grid.columnCount()):
            self._grid.setColumnStretch(place, 1 if place < across else 0)

    def _refresh(self) -> None:
        if self._run is None:
            return
        run, prompt = self._run, self.prompt
        title = run.plan.prompts[prompt].title
        self.asked.setText(title)
        # The list of prompts shows a short one as a whole.
        self.asked.setVisible(self.prompts.isHidden() or _short(title) != title)
        for variant, column in enumerate(self.columns):
            writing = run.writing(variant, prompt)
            answer, failure = writing.answer, run.failures.get(variant)
            caption = writing.caption
            trouble = ""
            if not writing.text and not failure and self.is_running:
                caption = tr("Waiting for its turn…")
            if failure:
                trouble = f"{failure.sentence} {failure.way_out}".strip()
            elif answer and answer.spoiled:
                trouble = tr("Its speed is invalid: {reason}.", reason=isolated(answer.spoiled))
            column.show_writing(writing.text, caption, trouble)

    def _on_chosen(self, _place: int) -> None:
        self._follows = False


def _short(title: str) -> str:
    words = " ".join(title.split())
    return f"{words[:_TITLE]}…" if len(words) > _TITLE else words
