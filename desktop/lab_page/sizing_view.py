"""How fast it must be for a service, and what was measured here beside it."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from desktop import wording
from desktop.lab_page.figures import why_invalid
from desktop.models_page.parts import Scroller
from desktop.settings_panel.fields import NumberBox
from desktop.translation import mark, number, tr
from desktop.widgets import label, plain_label, styled
from engine.errors import TernError
from engine.lab.records import Comparison, Row
from engine.lab.sizing import Demand, Sizing, size

# The name in `Demand`, what it is called, and a service to begin with.
_FIELDS = (
    ("sessions_per_hour", mark("Sessions an hour"), 300),
    ("requests_per_session", mark("Requests a session"), 5),
    ("tokens_per_reply", mark("Tokens a reply"), 100),
    ("overhead_s", mark("Overhead a session, seconds"), 10),
    ("reading_s", mark("Reading a reply, seconds"), 30),
    ("session_s", mark("A session may take, seconds"), 180),
)
_MOST = 1_000_000
_NAMES = 200  # px


class SizingView(Scroller):
    """Arithmetic: it follows each change of a number."""

    def __init__(self) -> None:
        super().__init__(tr("Sizing"))
        self.fields: dict[str, NumberBox] = {}
        self.needed = label("", "strong", wraps=True)
        self.why = label("", "plain", wraps=True)
        self.problem = label("", "warn", wraps=True)
        self.measured = label("", "plain", wraps=True)
        self._comparison: Comparison | None = None
        card = styled(QWidget(), "card")
        column = QVBoxLayout(card)
        column.setContentsMargins(18, 14, 18, 16)
        column.setSpacing(12)
        column.addWidget(label("How fast must it be?", "heading", wraps=True))
        column.addWidget(
            label("What a service for many people takes, by arithmetic.", "muted", wraps=True)
        )
        column.addLayout(self._form())
        for part in (self.needed, self.why, self.problem):
            column.addWidget(part)
        column.addWidget(label("Measured here", "section"))
        column.addWidget(self.measured)
        self.column.addWidget(card)
        self.column.addStretch()
        self._refresh()

    def _form(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setVerticalSpacing(8)
        grid.setHorizontalSpacing(16)
        grid.setColumnMinimumWidth(0, _NAMES)
        grid.setColumnStretch(2, 1)
        for place, (name, title, value) in enumerate(_FIELDS):
            box = NumberBox()
            box.setRange(0, _MOST)
            box.setDecimals(0 if name in ("requests_per_session", "tokens_per_reply") else 1)
            box.setValue(value)
            box.setAccessibleName(tr(title))
            box.valueChanged.connect(self._refresh)
            self.fields[name] = box
            grid.addWidget(plain_label(tr(title), "plain", wraps=True), place, 0)
            grid.addWidget(box, place, 1)
        return grid

    @Slot(object)
    def show_comparison(self, comparison: Comparison | None) -> None:
        """Show what was measured beside what is needed."""
        if comparison:
            self._comparison = comparison
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        value = {name: box.value() for name, box in self.fields.items()}
        demand = Demand(
            sessions_per_hour=value["sessions_per_hour"],
            requests_per_session=int(value["requests_per_session"]),
            tokens_per_reply=int(value["tokens_per_reply"]),
            overhead_s=value["overhead_s"],
            reading_s=value["reading_s"],
            session_s=value["session_s"],
        )
        try:
            sizing = size(demand)
        except TernError as error:
            self._show(None, f"{error.said} {error.advice}")
        else:
            self._show(sizing)
            self.why.setText(_why(demand, sizing))

    def _show(self, sizing: Sizing | None, problem: str = "") -> None:
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.needed.setVisible(sizing is not None)
        self.why.setVisible(sizing is not None)
        rows = self._comparison.rows if self._comparison else ()
        measured = "\n".join(_measured(row, sizing) for row in rows)
        self.measured.setText(measured or tr("Nothing yet: compare precisions first."))
        if sizing:
            self.needed.setText(
                tr(
                    "{stream} tokens/s for each reply, {total} tokens/s in all.",
                    stream=_figure(sizing.stream_tokens_per_s),
                    total=_figure(sizing.total_tokens_per_s),
                )
            )


def _why(demand: Demand, sizing: Sizing) -> str:
    remain = tr(
        "{remain} s of a session remain for {requests} replies, {reply} s for each.",
        remain=_figure(sizing.replying_s),
        requests=number(f"{demand.requests_per_session:,}"),
        reply=_figure(sizing.reply_s),
    )
    there = tr(
        "On average {sessions} sessions are open, and {requests} replies are written at once.",
        sessions=_figure(sizing.sessions),
        requests=_figure(sizing.requests),
    )
    return f"{remain} {there}"


def _measured(row: Row, sizing: Sizing | None) -> str:
    if row.speed is None:
        return f"{row.label}: {why_invalid(row) or wording.UNKNOWN}"
    speed = row.speed.decode_tokens_per_s
    said = tr(
        "{label}: {speed} tokens/s, one reply at a time.",
        label=row.label,
        speed=wording.speed(speed.value),
    )
    return f"{said} {_suffices(speed.value, sizing)}" if sizing else said


def _suffices(speed: float, sizing: Sizing) -> str:
    if speed < sizing.stream_tokens_per_s:
        return tr("Too slow for a single reply.")
    if speed < sizing.total_tokens_per_s:
        return tr("Enough for each reply, not for all of them.")
    return tr("Enough for each reply and, one after the other, for all of them.")


def _figure(value: float) -> str:
    return number(f"{value:,.1f}".removesuffix(".0"))
