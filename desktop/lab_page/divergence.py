"""Where a variant departs from the reference: tokens in colour or as a table, and the likeliest."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop.flow import Flow
from desktop.lab_page import tokens
from desktop.lab_page.token_table import TokenTable
from desktop.lab_page.token_text import FIRST, TokenText
from desktop.theme import Palette
from desktop.translation import number, tr
from desktop.widgets import check, choose, label, plain_button, plain_label, styled
from engine.lab.records import Comparison, Row
from engine.lab.table import SHADES
from engine.messages import ForcedToken


class Divergence(QWidget):
    """One variant forced along the reference's answer to one prompt."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._comparison: Comparison | None = None
        self._prompt = 0
        self._tokens: tuple[ForcedToken, ...] = ()
        self.variants: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(lambda _button: self._show())
        self.text = TokenText(palette)
        self.sentence = label("", wraps=True)
        self.lists = (label("", "fact"), label("", "fact"))
        self.names = (label("", "section"), label("", "section"))
        self.as_table = check("Show the tokens as a table")
        self.tokens = TokenTable()
        self.table = self._make_table()
        self._legend = _legend()
        self.text.chosen.connect(self._on_chosen)
        self.as_table.toggled.connect(self._choose_view)
        self._lay_out()

    def _lay_out(self) -> None:
        segments = styled(QFrame(), "segments")
        self._choices = QHBoxLayout(segments)
        self._choices.setContentsMargins(2, 2, 2, 2)
        self._choices.setSpacing(2)
        self._segments = segments
        top = QHBoxLayout()
        top.addWidget(label("Where it departs", "section"))
        top.addStretch()
        top.addWidget(segments)
        likeliest = QGridLayout()
        likeliest.setHorizontalSpacing(28)
        for place in range(2):
            likeliest.addWidget(self.names[place], 0, place)
            likeliest.addWidget(self.lists[place], 1, place)
        likeliest.setColumnStretch(1, 1)
        self._look = QWidget()
        look = QVBoxLayout(self._look)
        look.setContentsMargins(0, 0, 0, 0)
        look.setSpacing(10)
        for widget in (self.text, self._legend, self.sentence):
            look.addWidget(widget)
        look.addLayout(likeliest)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self._look)
        column.addWidget(self.table)
        column.addWidget(self.as_table)
        self.table.hide()

    def _make_table(self) -> QTableView:
        view = styled(QTableView(), "figures")
        view.setModel(self.tokens)
        view.setAccessibleName(tr("The reference's answer, token by token"))
        view.setTabKeyNavigation(False)
        view.setShowGrid(False)
        view.setMinimumHeight(280)
        view.verticalHeader().hide()
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        return view

    def show_comparison(self, comparison: Comparison) -> None:
        """Show where the variants of `comparison` depart; nothing where none was forced."""
        self._comparison = comparison
        for old in self.variants.values():
            self._group.removeButton(old)
            self._choices.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.variants = {row.label: self._choice(row.label) for row in self._rows}
        self.setVisible(bool(self.variants))
        if self.variants:
            choose(next(iter(self.variants.values())))
            self._show()

    @Slot(int)
    def show_prompt(self, place: int) -> None:
        """Show the answer to the prompt at `place`."""
        self._prompt = max(0, place)
        if self._rows:
            self._show()

    def recolour(self, palette: Palette) -> None:
        """Paint in these colours."""
        self.text.recolour(palette)

    @property
    def _rows(self) -> list[Row]:
        rows = self._comparison.rows if self._comparison else ()
        reference = self._comparison.reference if self._comparison else ""
        return [row for row in rows if row.judgements and row.label != reference]

    def _choice(self, name: str) -> QPushButton:
        made = plain_button(name, "tab", spoken=tr("Where {variant} departs", variant=name))
        made.setCheckable(True)
        self._group.addButton(made)
        self._choices.addWidget(made)
        return made

    def _show(self) -> None:
        assert self._comparison
        row = next(row for row in self._rows if self.variants[row.label].isChecked())
        has_answer = self._prompt < len(row.judgements)
        self._tokens = row.judgements[self._prompt].tokens if has_answer else ()
        self.names[0].setText(self._comparison.reference)
        self.names[1].setText(row.label)
        self.text.show_tokens(self._tokens)
        self.tokens.show_tokens(self._tokens, self._comparison.reference, row.label)

    @Slot(int)
    def _on_chosen(self, place: int) -> None:
        if not 0 <= place < len(self._tokens):
            self.sentence.setText(tr("This answer was not compared."))
            for listed in self.lists:
                listed.setText("")
            return
        token = self._tokens[place]
        said = tokens.sentence(token, place, len(self._tokens), self.names[1].text())
        self.sentence.setText(said)
        self.lists[0].setText(tokens.likely(token.reference_top))
        self.lists[1].setText(tokens.likely(token.top))
        both = zip(self.names, self.lists, strict=True)
        spoken = [f"{name.text()}: {', '.join(top.text().splitlines())}." for name, top in both]
        self.text.tell(" ".join((said, *spoken)))

    def _choose_view(self, as_table: bool) -> None:
        self._look.setVisible(not as_table)
        self.table.setVisible(as_table)


def _legend() -> QWidget:
    made = QWidget()
    flow = Flow(made, gap=8)
    for step, limit in enumerate(SHADES, 1):
        said = tr("KL from {kl}", kl=number(f"{limit:g}"))
        flow.addWidget(plain_label(f" {said} ", f"shade{step}"))
    flow.addWidget(_underlined(tr("would write another token")))
    flow.addWidget(plain_label(tr("{mark} the first of these", mark=FIRST), "hint"))
    return made


def _underlined(text: str) -> QLabel:
    made = plain_label(text, "hint")
    font = made.font()
    font.setUnderline(True)
    made.setFont(font)
    return made
