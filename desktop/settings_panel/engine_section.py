"""What loading depends on: context length, precision, kernels, threads. Changed by one button."""

from typing import get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop import wording
from desktop.settings_panel import terms
from desktop.settings_panel.fields import ChoiceField, NumberField
from desktop.state import Selection
from desktop.translation import mark, number, tr
from desktop.widgets import button, label
from engine.messages import KernelChoice, Loaded, Precision

_IDLE = mark("Changing any of these loads the model again; the chat stays.")
_PENDING = mark("Not in force yet: the model has to be loaded again.")


class EngineSection(QWidget):
    """The four fields, and the button that loads with them. Shows what is in force until then."""

    applied = Signal(object)  # Selection

    def __init__(self) -> None:
        super().__init__()
        self.context = NumberField(terms.CONTEXT)
        self.precision = ChoiceField(terms.PRECISION, ((p, str(p)) for p in Precision))
        self.kernel = ChoiceField(
            terms.KERNEL, ((name, tr(wording.KERNEL_HELP[name])) for name in get_args(KernelChoice))
        )
        self.threads = NumberField(terms.THREADS)
        self.apply = button("Load again with these", "outlined")
        self._hint = label("", "settingHelp", wraps=True)
        self._selection = Selection("", Precision.BF16)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        for field in (self.precision, self.kernel, self.context, self.threads):
            column.addWidget(field)
            field.changed.connect(self._show_pending)
        column.addWidget(self._hint)
        column.addWidget(self.apply)
        self.apply.clicked.connect(lambda: self.applied.emit(self._chosen()))
        self._show_pending()

    def show_selection(self, selection: Selection) -> None:
        """Show what is in force."""
        self._selection = selection
        self.precision.show_value(selection.precision)
        self.kernel.show_value(selection.kernel)
        self.context.show_value(selection.context_length, None)
        self.threads.show_value(selection.threads, None)
        self._show_pending()

    def show_model(self, loaded: Loaded | None) -> None:
        """Bound the context by what the model takes."""
        if loaded and loaded.max_context:
            self.context.limit(loaded.max_context)
            self.context.explain(
                tr("This model takes {count} at most.", count=number(f"{loaded.max_context:,}"))
            )

    def _chosen(self) -> Selection:
        return Selection(
            model=self._selection.model,
            precision=self.precision.value,
            kernel=self.kernel.value,
            context_length=_whole(self.context.value),
            threads=_whole(self.threads.value),
        )

    def _show_pending(self) -> None:
        is_pending = self._chosen() != self._selection
        self.apply.setVisible(is_pending)
        self._hint.setText(tr(_PENDING if is_pending else _IDLE))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
