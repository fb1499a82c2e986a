"""What is to be compared: precisions, kernels, prompts, length of the answers, a text."""

from collections.abc import Iterable

import msgspec
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from desktop import wording
from desktop.flow import Flow
from desktop.lab_controller import Subject
from desktop.lab_page.prompts import as_prompt, joined, split
from desktop.models_page.fitting import words_of
from desktop.settings_panel.fields import NumberBox, TextBox
from desktop.translation import number, tr, trn
from desktop.widgets import button, check, label, styled
from engine.lab.records import GREEDY, MAX_PROMPTS, Plan, Variant
from engine.messages import KernelChoice, Precision

_BESIDE = 76  # letters of width from which prompts and choices stand beside each other
_TOKENS = 4096  # at most
_FLOAT32 = "fp32"


class Setup(QWidget):
    """Emits the plan when it is to be run."""

    run_wanted = Signal(object)  # Plan
    pin_wanted = Signal(object)  # the prompts
    text_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "card")
        self.precisions: dict[str, QCheckBox] = {}
        self.kernels: dict[KernelChoice, QCheckBox] = {}
        self.prompts = styled(TextBox(6), "textField")
        self.count = label("", "hint", wraps=True)
        self.pin = button("Pin these prompts", "link", "They are here again the next time.")
        self.unpin = button("Take the pinned ones", "link", "In place of what is written now.")
        self.tokens = NumberBox()
        self.choose_text = button(
            "Add a text…", "outlined", "A text file on which perplexity is measured besides."
        )
        self.drop_text = button("Without it", "quiet", spoken="Measure without the text file")
        self.text = label("", "hint", wraps=True)
        self.memory = label("", "hint", wraps=True)
        self.run = button("Run", "primary", "Compare (one precision after the other)")
        self.problem = label("", "warn", wraps=True)
        self._subject: Subject | None = None
        self._model = ""
        self._kept: tuple[str, ...] = ()
        self._content = ("", "")
        self._chat_memory = 0
        self._is_busy = False
        self._lay_out()
        self._connect()
        self.show_text("", "")
        self._refresh()

    # -- layout ----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._sides = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._sides.setSpacing(18)
        self._sides.addLayout(self._left(), 1)
        self._sides.addLayout(self._right(), 1)
        foot = QHBoxLayout()
        foot.addWidget(self.run)
        foot.addWidget(self.problem, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 16)
        column.setSpacing(12)
        column.addLayout(self._sides)
        column.addLayout(foot)

    def _left(self) -> QVBoxLayout:
        title = label("Prompts", "section")
        self.prompts.setAccessibleName(tr("Prompts"))
        self.prompts.setPlaceholderText(
            tr("One prompt a line; or, with blank lines between them, one a block.")
        )
        self.prompts.setMinimumHeight(self.prompts.sizeHint().height())
        pins = QWidget()
        flow = Flow(pins)
        flow.addWidget(self.pin)
        flow.addWidget(self.unpin)
        column = QVBoxLayout()
        column.setSpacing(6)
        for widget in (title, self.prompts, self.count, pins):
            column.addWidget(widget)
        column.setStretchFactor(self.prompts, 1)
        return column

    def _right(self) -> QVBoxLayout:
        for name, box in self._precision_boxes():
            self.precisions[name] = box
        self._kernel_row = QWidget()
        self._kernel_flow = Flow(self._kernel_row, gap=14)
        self.tokens.setRange(2, _TOKENS)
        self.tokens.setDecimals(0)
        self.tokens.setValue(GREEDY.max_new_tokens or 128)
        self.tokens.setAccessibleName(tr("Tokens an answer, at most"))
        length = QHBoxLayout()
        length.addWidget(label("Tokens an answer, at most", wraps=True), 1)
        length.addWidget(self.tokens)
        text = QHBoxLayout()
        text.addWidget(self.choose_text)
        text.addWidget(self.text, 1)
        text.addWidget(self.drop_text)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(label("Precisions, the first is the reference", "section", wraps=True))
        column.addWidget(_flowing(self.precisions.values()))
        self._kernel_title = label("Kernels", "section")
        column.addWidget(self._kernel_title)
        column.addWidget(self._kernel_row)
        column.addLayout(length)
        column.addLayout(text)
        column.addWidget(self.memory)
        column.addStretch()
        return column

    def _precision_boxes(self) -> Iterable[tuple[str, QCheckBox]]:
        yield (
            _FLOAT32,
            check(
                "fp32", "Computed in 32 bits from the published weights: the exact reference, slow."
            ),
        )
        for precision in Precision:
            box = QCheckBox(str(precision))
            box.setAccessibleName(box.text())
            box.setToolTip(tr(wording.PRECISION_HELP[precision]))
            box.setAccessibleDescription(box.toolTip())
            box.setChecked(True)
            yield precision.value, box

    def _connect(self) -> None:
        self.prompts.textChanged.connect(self._refresh)
        for box in self.precisions.values():
            box.toggled.connect(self._refresh)
        self.run.clicked.connect(lambda: self.run_wanted.emit(self.plan()))
        self.pin.clicked.connect(lambda: self.pin_wanted.emit(split(self.prompts.toPlainText())))
        self.unpin.clicked.connect(lambda: self.show_prompts(self._kept))
        self.choose_text.clicked.connect(self.text_wanted)
        self.drop_text.clicked.connect(lambda: self.show_text("", ""))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the choices beside the prompts where there is room."""
        super().resizeEvent(event)
        direction = QBoxLayout.Direction
        is_wide = self.width() >= _BESIDE * self.fontMetrics().averageCharWidth()
        self._sides.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)

    # -- what is chosen --------------------------------------------------------------------------

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What is to be compared, the reference first."""
        exact = Variant(precision=Precision.BF16, float32=True)
        kernels = [name for name, box in self.kernels.items() if box.isChecked()] or ["auto"]
        chosen = [
            Variant(precision=precision, kernel=kernel)
            for precision in Precision
            for kernel in kernels
            if self.precisions[precision].isChecked()
        ]
        return (exact, *chosen) if self.precisions[_FLOAT32].isChecked() else tuple(chosen)

    def plan(self) -> Plan:
        """Return what is chosen."""
        sampling = msgspec.structs.replace(GREEDY, max_new_tokens=int(self.tokens.value()))
        name, content = self._content
        return Plan(
            model=self._model,
            variants=self.variants,
            prompts=tuple(map(as_prompt, split(self.prompts.toPlainText()))),
            sampling=sampling,
            text=content,
            text_name=name,
        )

    # -- what is shown ---------------------------------------------------------------------------

    def show_prompts(self, prompts: tuple[str, ...]) -> None:
        """Write `prompts` into the field."""
        self.prompts.setPlainText(joined(prompts))

    def show_pinned(self, prompts: tuple[str, ...]) -> None:
        """Know which prompts are pinned."""
        self._kept = prompts
        self._refresh()

    def choose_precisions(self, *names: str) -> None:
        """Check these and no others."""
        for name, box in self.precisions.items():
            box.setChecked(name in names)

    def show_model(self, name: str) -> None:
        """Compare the model `name`."""
        self._model = name

    @Slot(object)
    def show_subject(self, subject: Subject | None) -> None:
        """Show what the chosen model takes here, and the kernels that there are for it."""
        self._subject = subject
        self._fill_kernels(subject.kernels if subject else ())
        self._refresh()

    @Slot(int)
    def show_chat_memory(self, used: int) -> None:
        """Tell of the memory that the chat's own engine process holds, in bytes."""
        if used != self._chat_memory:
            self._chat_memory = used
            self.memory.setText(self._memory_words())

    @Slot(str, str)
    def show_text(self, name: str, content: str) -> None:
        """Measure perplexity on a text, "" on none."""
        self._content = (name, content)
        self.text.setText(name or tr("Perplexity is measured on the answers alone."))
        self.drop_text.setVisible(bool(name))

    def show_busy(self, is_busy: bool) -> None:
        """Let nothing be begun while something runs."""
        self._is_busy = is_busy
        self._refresh()

    def _fill_kernels(self, names: tuple[KernelChoice, ...]) -> None:
        for old in self.kernels.values():
            self._kernel_flow.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.kernels = {}
        is_choice = len(names) > 1
        for name in ("auto", *names) if is_choice else ():
            box = QCheckBox(tr("automatic") if name == "auto" else name)
            box.setAccessibleName(tr("Kernels: {name}", name=box.text()))
            box.setToolTip(tr(wording.KERNEL_HELP[name]))
            box.setChecked(name == "auto")
            box.toggled.connect(self._refresh)
            self.kernels[name] = box
            self._kernel_flow.addWidget(box)
        self._kernel_title.setVisible(is_choice)
        self._kernel_row.setVisible(is_choice)

    @Slot()
    def _refresh(self) -> None:
        prompts = split(self.prompts.toPlainText())
        self.count.setText(_count(len(prompts)))
        self.count.setVisible(bool(prompts))
        self.pin.setVisible(bool(prompts) and prompts != self._kept)
        self.unpin.setVisible(bool(self._kept) and prompts != self._kept)
        problem = self._problem(len(prompts))
        self.problem.setText("" if self._is_busy else problem)
        self.run.setEnabled(not problem and not self._is_busy)
        self.memory.setText(self._memory_words())

    def _problem(self, prompts: int) -> str:
        if self._subject is None:
            return tr("Choose a model that can run here.")
        if len(self.variants) < 2:
            return tr("Choose at least two to compare.")
        if not prompts:
            return tr("Write a prompt.")
        if prompts > MAX_PROMPTS:
            most = number(str(MAX_PROMPTS))
            return tr("No more than {most} prompts can be compared at once.", most=most)
        return ""

    def _memory_words(self) -> str:
        if self._subject is None:
            return ""
        needs = [
            tr(
                "{precision} takes up to {size} ({fit})",
                precision=look.precision,
                size=wording.size(look.peak),
                fit=words_of(look),
            )
            for look in self._subject.outlooks
            if look.fit and self.precisions[look.precision].isChecked()
        ]
        said = ["; ".join(needs) + "."] if needs else []
        if self._chat_memory:
            held = wording.size(self._chat_memory)
            said.append(
                tr(
                    "It comes beside the chat's model, which holds {size}: only one of them should "
                    "work at a time.",
                    size=held,
                )
            )
        return " ".join(said)


def _flowing(widgets: Iterable[QWidget]) -> QWidget:
    made = QWidget()
    flow = Flow(made, gap=14)
    for widget in widgets:
        flow.addWidget(widget)
    return made


def _count(prompts: int) -> str:
    return trn("{count} prompt", "{count} prompts", prompts) if prompts else ""
