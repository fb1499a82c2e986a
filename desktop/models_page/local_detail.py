"""A model that is on this computer: what it is, what it takes, and what can be done with it."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop import wording
from desktop.models_page import phrases
from desktop.models_page.fitting import Outlooks
from desktop.models_page.parts import Facts, FitTable, NoticeBox, Scroller
from desktop.state import Notice
from desktop.theme import Palette
from desktop.translation import tr, trn
from desktop.widgets import button, label, styled
from engine.store.local import Origin, StoredModel
from engine.store.verify import Verification


class LocalDetail(QWidget):
    """The detail pane of what is on this computer."""

    chat_wanted = Signal(object)  # StoredModel, as in all of these
    verify_wanted = Signal(object)
    delete_wanted = Signal(object)
    folder_wanted = Signal(object)
    fetch_wanted = Signal(object)  # its download is to go on
    repair_wanted = Signal(object, object)  # StoredModel, Verification

    def __init__(self, palette: Palette, outlooks: Outlooks) -> None:
        super().__init__()
        styled(self, "detail")
        self._outlooks = outlooks
        self._model: StoredModel | None = None
        self._damage: Verification | None = None
        self.title = label("", "heading", wraps=True)
        self.name = label("", "muted", wraps=True)
        self.notice = NoticeBox()
        self.verdict = label("", "good", wraps=True)
        self.facts = Facts()
        self.fit = FitTable(palette)
        self.chat = button("Chat with it", "primary")
        self.verify = button("Verify", "outlined", "Read every file and compare its hash.")
        self.folder = button("Open folder", "outlined")
        self.delete = button("Delete…", "danger")
        self._lay_out()
        self.chat.clicked.connect(lambda: self.chat_wanted.emit(self._model))
        self.verify.clicked.connect(lambda: self.verify_wanted.emit(self._model))
        self.folder.clicked.connect(lambda: self.folder_wanted.emit(self._model))
        self.delete.clicked.connect(lambda: self.delete_wanted.emit(self._model))
        self.notice.acted.connect(self._on_notice)

    def _lay_out(self) -> None:
        scroller = Scroller(tr("About the model"))
        for part in (self.title, self.name, self.notice, self.verdict, self.facts, self.fit):
            scroller.column.addWidget(part)
        scroller.column.addStretch()
        scroller.column.setSpacing(12)
        foot = styled(QWidget(), "foot")
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.chat)
        first.addStretch()
        for choice in (self.verify, self.folder, self.delete):
            second.addWidget(choice)
        second.addStretch()
        below = QVBoxLayout(foot)
        below.setContentsMargins(20, 10, 20, 14)
        below.setSpacing(8)
        below.addLayout(first)
        below.addLayout(second)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(scroller, 1)
        column.addWidget(foot)

    @Slot(object)
    def show_model(self, model: StoredModel | None) -> None:
        """Show `model`; what was found out about another one is forgotten."""
        if model and (self._model is None or self._model.name != model.name):
            self._damage = None
            self.verdict.hide()
        self._model = model
        if model is None:
            return
        self.title.setText(model.title)
        self.name.setText(model.name if model.revision else phrases.origin(model))
        self.facts.show_facts(_facts(model))
        shape = model.config if model.can_run else None
        self.fit.show_outlooks(self._outlooks(shape, model.folder) if shape else ())
        self.chat.setVisible(model.can_run)
        self.verify.setVisible(model.is_complete)
        self.delete.setText(tr("Delete…") if phrases.can_be_deleted(model) else tr("Forget…"))
        self.delete.setAccessibleName(self.delete.text())
        self.delete.setVisible(model.origin is not Origin.SHIPPED)
        self._show_notice(model)

    @Slot(object, object)
    def show_verification(self, model: StoredModel, result: Verification) -> None:
        """Say what verifying found."""
        if self._model is None or model.name != self._model.name:
            return
        self._damage = result if result.damaged else None
        self.verdict.setText(_verdict(len(result.files), result.by_hash))
        self.verdict.setVisible(not result.damaged)
        self._show_notice(model)

    def _show_notice(self, model: StoredModel) -> None:
        comes_from_hub = model.origin in (Origin.STORE, Origin.SHARED)
        if self._damage:
            names = ", ".join(file.name for file in self._damage.damaged)
            notice = Notice(
                tr("Damaged or missing: {names}.", names=names),
                tr("Only these are fetched again.")
                if comes_from_hub
                else tr("Copy the folder again from where it came."),
            )
            self.notice.show_notice(notice, tr("Fetch again") if comes_from_hub else "")
        elif model.problem:
            can_go_on = comes_from_hub and not model.is_complete
            self.notice.show_notice(Notice(model.problem), tr("Go on with it") if can_go_on else "")
        else:
            self.notice.show_notice(None)

    def _on_notice(self) -> None:
        if self._damage:
            self.repair_wanted.emit(self._model, self._damage)
        else:
            self.fetch_wanted.emit(self._model)


def _verdict(files: int, by_hash: bool) -> str:
    if by_hash:
        return trn(
            "It is sound: {count} file, every byte was compared.",
            "It is sound: {count} files, every byte was compared.",
            files,
        )
    return trn(
        "It is sound: {count} file, no hashes of it are known here.",
        "It is sound: {count} files, no hashes of it are known here.",
        files,
    )


def _facts(model: StoredModel) -> list[tuple[str, str]]:
    config = model.config
    packed = [
        (tr("Packed, {precision}", precision=p), wording.size(size))
        for p, size in phrases.packed_sizes(model)
    ]
    return [
        (tr("Comes from"), phrases.origin(model)),
        (tr("Folder"), str(model.folder)),
        (tr("On disk"), wording.size(model.disk)),
        *packed,
        (tr("Parameters"), phrases.parameters(config.parameters) if config else ""),
        (tr("Context"), wording.tokens(config.max_context) if config else ""),
        (tr("Architecture"), config.architecture if config else ""),
        (tr("Revision"), model.revision[:12]),
    ]
