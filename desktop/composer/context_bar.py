"""How full the context is, beside the composer: exact after an answer, estimated while typing."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from desktop import wording
from desktop.translation import mark, number, tr
from desktop.widgets import label, styled

_NEARLY = 0.9  # of the context, from which it is worth a warning
_HELP = mark("Tokens of this conversation, of those that the model can look at.")


class ContextBar(QWidget):
    """A small bar and the two figures."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = styled(QProgressBar(), "used")
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(72, 4)
        self.text = label("", "contextText")
        self._total = 0
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.text)
        row.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignVCenter)
        self.setToolTip(tr(_HELP))
        self.hide()

    @Slot(int)
    def show_total(self, total: int) -> None:
        """Begin anew with a model of so many tokens of context; 0 where there is none."""
        self._total = total
        self.show_used(0)

    def show_used(self, used: int, is_estimate: bool = False, drops: bool = False) -> None:
        """Show `used` tokens. drops: what is too much is left out, instead of refused."""
        self.setVisible(self._total > 0 and used > 0)
        if not self._total:
            return
        share = used / self._total
        is_refused = share >= 1 and not drops
        level = "over" if is_refused else "nearly" if share >= _NEARLY else ""
        text = self._figures(used, is_estimate)
        if share >= 1:
            text = (
                tr("Too long: {figures}", figures=text)
                if is_refused
                else tr("Without the oldest messages: {figures}", figures=text)
            )
        self.text.setText(text)
        self.bar.setRange(0, self._total)
        self.bar.setValue(min(used, self._total))
        for part in (self.text, self.bar):
            if part.property("level") != level:
                part.setProperty("level", level)
                part.style().polish(part)
        self.setAccessibleName(tr("Context: {text}", text=text))
        self.bar.setAccessibleName(tr("Context: {share} used", share=wording.percent(share)))

    def _figures(self, used: int, is_estimate: bool) -> str:
        facts = {"used": number(f"{used:,}"), "total": number(f"{self._total:,}")}
        if is_estimate:
            return tr("about {used} of {total} tokens", **facts)
        return tr("{used} of {total} tokens", **facts)
