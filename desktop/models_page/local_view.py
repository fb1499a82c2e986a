"""The list of what is on this computer, and the way to bring in a folder."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop import wording
from desktop.models_page import phrases
from desktop.rows import Row, RowList, RowModel, Tone
from desktop.theme import Palette
from desktop.translation import line, tr, trn
from desktop.widgets import button, label
from engine.store.local import StoredModel


class LocalView(QWidget):
    """The tab of what is on this computer."""

    import_wanted = Signal()
    find_wanted = Signal()

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.status = label("Looking…", "muted", wraps=True)
        self.bring = button("Import a folder…", "outlined", "Use a model folder from elsewhere.")
        self.models: RowModel[StoredModel] = RowModel(row_of)
        self.list = RowList(self.models, tr("Models on this computer"), palette)
        self.hint = label("A model folder can be dropped here as well.", "hint", wraps=True)
        self.find_more = button("Find more models", "link")
        top = QHBoxLayout()
        top.setContentsMargins(16, 14, 16, 6)
        top.addWidget(self.status, 1)
        top.addWidget(self.bring, 0, Qt.AlignmentFlag.AlignTop)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 6, 16, 12)
        foot.addWidget(self.hint, 1)
        foot.addWidget(self.find_more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        column.addLayout(foot)
        self.bring.clicked.connect(self.import_wanted)
        self.find_more.clicked.connect(self.find_wanted)

    @Slot(object)
    def show_models(self, models: Sequence[StoredModel]) -> None:
        """List `models`."""
        self.models.show(models)
        n, total = len(models), wording.size(sum(model.disk for model in models))
        self.status.setText(
            trn("{count} model, {size} on disk", "{count} models, {size} on disk", n, size=total)
        )
        if self.list.item is None and models:
            self.list.mark(models[0].name)


def row_of(model: StoredModel) -> Row:
    """Return what the list shows of a model."""
    subtitle = line((phrases.on_disk(model), tr(wording.ORIGINS[model.origin])))
    if not model.is_complete:
        return Row(model.name, model.title, subtitle, tr("not complete"), Tone.WARN)
    if not model.can_run:
        return Row(model.name, model.title, subtitle, tr("cannot run"), Tone.BAD)
    return Row(model.name, model.title, subtitle)
