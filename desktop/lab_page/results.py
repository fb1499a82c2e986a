"""What came of a comparison: verdict, answers, figures, divergence, and reports of it."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.flow import Flow
from desktop.lab_controller import Against
from desktop.lab_page.columns import AnswerColumns
from desktop.lab_page.divergence import Divergence
from desktop.lab_page.figures_table import FiguresTable
from desktop.lab_page.live import LiveRun
from desktop.theme import Palette
from desktop.translation import tr
from desktop.widgets import button, label, styled
from engine.lab.records import Comparison, Plan
from engine.lab.steps import Step


class Results(QWidget):
    """Hidden until something runs; the answers come first, the figures at the end."""

    save_wanted = Signal(str)  # "html" or "json"
    older_wanted = Signal()
    insist_wanted = Signal()

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.run: LiveRun | None = None
        self.verdict = label("", "verdict", wraps=True)
        self.missing = label("", "warn", wraps=True)
        for text in (self.verdict, self.missing):
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.insist = button("Run it anyway", "outlined", "Also where memory may not suffice.")
        self.columns = AnswerColumns()
        self.figures = FiguresTable(palette)
        self.divergence = Divergence(palette)
        self.older = OlderReport()
        self._lay_out()
        self.columns.prompts.currentIndexChanged.connect(self.divergence.show_prompt)
        self.insist.clicked.connect(self.insist_wanted)
        self.hide()

    def _lay_out(self) -> None:
        self.reports = QWidget()
        flow = Flow(self.reports, gap=8)
        html = button("Save as HTML…", "outlined", "One page to read, print and pass on.")
        json = button("Save as JSON…", "outlined", "All figures, to be compared with later ones.")
        older = button(
            "Compare with an older report…", "outlined", "What has become slower or worse since."
        )
        html.clicked.connect(lambda: self.save_wanted.emit("html"))
        json.clicked.connect(lambda: self.save_wanted.emit("json"))
        older.clicked.connect(self.older_wanted)
        self.save_html, self.save_json, self.compare = html, json, older
        for choice in (html, json, older):
            flow.addWidget(choice)
        self._ends = (self.figures, self.divergence, self.reports)
        self._summary = _card(self.verdict, self.missing, self.insist)
        self._figures = _card(label("Figures", "section"), self.figures)
        self._divergence = _card(self.divergence)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        for part in (
            self._summary,
            self.columns,
            self._figures,
            self._divergence,
            self.reports,
            self.older,
        ):
            column.addWidget(part)

    @Slot(object)
    def begin(self, plan: Plan) -> None:
        """Make room for what a comparison will bring."""
        self.run = LiveRun(plan)
        for part in (self._summary, self._figures, self._divergence, self.reports, self.older):
            part.hide()
        self.columns.begin(self.run)
        self.columns.show()
        self.show()

    @Slot(object)
    def show_step(self, step: Step) -> None:
        """Show what has happened."""
        if self.run:
            self.run.take(step)
            self.columns.show_step(step)

    @Slot(object)
    def show_end(self, comparison: Comparison | None) -> None:
        """Show what came of it; disappear where it could not begin."""
        self.columns.end()
        self.setVisible(comparison is not None)
        if comparison is None:
            return
        self.verdict.setText("\n".join(row.verdict for row in comparison.rows if row.verdict))
        self.verdict.setVisible(bool(comparison.verdict))
        self.missing.setText("\n".join(comparison.missing))
        self.missing.setVisible(bool(comparison.missing))
        kinds = {failure.kind for failure in comparison.failures}
        self.insist.setVisible("NotEnoughMemory" in kinds)
        self._summary.setVisible(bool(comparison.verdict or comparison.missing))
        self.figures.show_comparison(comparison)
        self._figures.setVisible(bool(comparison.rows))
        self.divergence.show_comparison(comparison)
        self.divergence.show_prompt(self.columns.prompt)
        self._divergence.setVisible(bool(self.divergence.variants))
        self.reports.setVisible(bool(comparison.rows))

    def recolour(self, palette: Palette) -> None:
        """Paint what no style sheet reaches."""
        self.figures.recolour(palette)
        self.divergence.recolour(palette)


class OlderReport(QWidget):
    """What has become of an older comparison's figures."""

    def __init__(self) -> None:
        super().__init__()
        self.title = label("", "section", wraps=True)
        self.worse = label("", "bad", wraps=True)
        self.fine = label(
            "Nothing is slower or worse than before, beyond what may be chance.", "good", wraps=True
        )
        self.caveats = label("", "muted", wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(_card(self.title, self.worse, self.fine, self.caveats))
        self.hide()

    @Slot(object)
    def show_against(self, found: Against) -> None:
        """Show what is worse, and why the two may not be comparable."""
        self.title.setText(tr("Against {file}", file=found.file.name))
        self.worse.setText("\n".join(found.worse))
        self.worse.setVisible(bool(found.worse))
        self.fine.setVisible(not found.worse)
        self.caveats.setText("\n".join(found.caveats))
        self.caveats.setVisible(bool(found.caveats))
        self.show()


def _card(*parts: QWidget) -> QWidget:
    card = styled(QWidget(), "card")
    column = QVBoxLayout(card)
    column.setContentsMargins(18, 14, 18, 16)
    column.setSpacing(10)
    for part in parts:
        column.addWidget(part, 0, *_own_width(part))
    return card


def _own_width(part: QWidget) -> tuple[Qt.AlignmentFlag, ...]:
    """A button is as wide as its words."""
    return (Qt.AlignmentFlag.AlignLeading,) if hasattr(part, "clicked") else ()
