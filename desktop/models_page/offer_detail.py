"""All that is known of a model before anything of it is fetched, and the button that fetches it."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop import wording
from desktop.library_controller import Storage
from desktop.models_page import phrases
from desktop.models_page.finding import Choice, Standing
from desktop.models_page.fitting import Outlooks, fits_nowhere
from desktop.models_page.gate_box import GateBox
from desktop.models_page.offers import Offer
from desktop.models_page.parts import Facts, FitTable, NoticeBox, Scroller
from desktop.state import Notice
from desktop.theme import Palette
from desktop.translation import number, tr
from desktop.widgets import button, label, plain_button, styled
from engine.store.description import RemoteFile

_FILES = 8  # that are named


class OfferDetail(QWidget):
    """The detail pane of the Find tab."""

    download_wanted = Signal(object)  # Reference
    details_wanted = Signal(object)  # Reference
    chat_wanted = Signal(str)  # the model's name
    downloads_wanted = Signal()
    page_wanted = Signal(str)  # the repository's name
    token_given = Signal(str)

    def __init__(self, host: str, palette: Palette, outlooks: Outlooks) -> None:
        super().__init__()
        styled(self, "detail")
        self._outlooks = outlooks
        self._choice: Choice | None = None
        self._storage: Storage | None = None
        self._can_connect = True
        self.title = label("", "heading", wraps=True)
        self.name = label("", "muted", wraps=True)
        self.praise = label("", "good", wraps=True)
        self.notice = NoticeBox()
        self.gate = GateBox()
        self.facts = Facts()
        self.fit = FitTable(palette)
        self.remark = label("", "muted", wraps=True)
        self.fetch = button("Download", "primary")
        asks = tr("Asks {host} about this model", host=host)
        self.ask = plain_button(tr("Ask for details"), "outlined", asks)
        self._lay_out()
        self.fetch.clicked.connect(self._on_fetch)
        self.ask.clicked.connect(self._on_ask)
        self.notice.acted.connect(self._on_ask)
        self.gate.token_given.connect(self.token_given)
        self.gate.page_wanted.connect(self._on_page)

    def _lay_out(self) -> None:
        scroller = Scroller(tr("About the model"))
        for part in (self.title, self.name, self.praise, self.notice, self.gate, self.facts):
            scroller.column.addWidget(part)
        scroller.column.addWidget(self.fit)
        scroller.column.addStretch()
        scroller.column.setSpacing(12)
        self._foot = foot = styled(QWidget(), "foot")
        buttons = QHBoxLayout()
        buttons.addWidget(self.fetch)
        buttons.addWidget(self.ask)
        buttons.addStretch()
        below = QVBoxLayout(foot)
        below.setContentsMargins(20, 10, 20, 14)
        below.setSpacing(8)
        below.addWidget(self.remark)
        below.addLayout(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(scroller, 1)
        column.addWidget(foot)

    @Slot(object)
    def show_choice(self, choice: Choice | None) -> None:
        """Show what is known of the marked model."""
        self._choice = choice
        if choice:
            self._show()

    @Slot(object)
    def show_storage(self, storage: Storage) -> None:
        """Note where a download would lie."""
        self._storage = storage
        self.show_choice(self._choice)

    @Slot(object)
    def show_hindrance(self, hindrance: Notice | None) -> None:
        """Note whether the Hub may be reached."""
        self._can_connect = hindrance is None
        self.show_choice(self._choice)

    def _show(self) -> None:
        assert self._choice
        choice, offer = self._choice, self._choice.offer
        self.title.setText(offer.title)
        self.name.setText(str(offer.reference))
        self.praise.setText(offer.praise)
        self.praise.setVisible(bool(offer.praise))
        self.facts.show_facts(self._facts(offer))
        self.fit.show_outlooks(self._outlooks(offer.shape, None) if offer.shape else ())
        self._show_trouble(choice)
        self._show_buttons(choice)

    def _facts(self, offer: Offer) -> list[tuple[str, str]]:
        storage, described = self._storage, offer.description
        size = wording.size(offer.size) if offer.size else ""
        counts = "" if offer.downloads is None else number(f"{offer.downloads:,}")
        return [
            (tr("Parameters"), phrases.parameters(offer.parameters) if offer.parameters else ""),
            (tr("Licence"), offer.licence or tr("not stated")),
            (tr("Languages"), phrases.languages(offer.languages)),
            (tr("Context"), wording.tokens(offer.context) if offer.context else ""),
            (tr("Architecture"), offer.architecture),
            (tr("Downloads"), counts),
            (tr("Likes"), "" if offer.likes is None else number(f"{offer.likes:,}")),
            (tr("To download"), size),
            (tr("Files"), _files(described.needed) if described else ""),
            (tr("Stored in"), str(storage.root) if storage else ""),
            (tr("Free there"), wording.size(storage.free) if storage else ""),
        ]

    def _show_trouble(self, choice: Choice) -> None:
        offer, gate = choice.offer, choice.offer.gate
        self.gate.show_gate(Notice(gate.said, gate.advice) if gate else None)
        refusal = offer.description.refusal if offer.description else None
        if choice.trouble:
            self.notice.show_notice(choice.trouble, tr("Try again"))
        elif offer.why_not:
            self.notice.show_notice(Notice(offer.why_not, refusal.advice if refusal else ""))
        else:
            self.notice.show_notice(None)

    def _show_buttons(self, choice: Choice) -> None:
        offer, standing = choice.offer, choice.standing
        remote = standing is Standing.ELSEWHERE
        self.fetch.setText(self._fetch_text(choice))
        self.fetch.setAccessibleName(self.fetch.text())
        self.fetch.setVisible(not (remote and (offer.why_not or offer.gate)))
        self.fetch.setEnabled(not remote or self._can_connect)
        self.ask.setVisible(remote and offer.description is None)
        self.ask.setEnabled(self._can_connect and not choice.is_asking)
        self.remark.setText(self._remark(choice))
        self.remark.setVisible(bool(self.remark.text()))
        parts = (self.fetch, self.ask, self.remark)
        self._foot.setVisible(not all(part.isHidden() for part in parts))

    def _fetch_text(self, choice: Choice) -> str:
        if choice.standing is Standing.HERE:
            return tr("Chat with it")
        if choice.standing is Standing.QUEUED:
            return tr("See its download")
        if not choice.offer.size:
            return tr("Download anyway") if self._fits_nowhere else tr("Download")
        size = wording.size(choice.offer.size)
        if self._fits_nowhere:
            return tr("Download {size} anyway", size=size)
        return tr("Download {size}", size=size)

    def _remark(self, choice: Choice) -> str:
        offer = choice.offer
        if choice.is_asking:
            return tr("Asking the Hub…")
        if choice.standing is Standing.HERE:
            return tr("It is on this computer.")
        return "" if offer.why_not else self._doubt(offer)

    def _doubt(self, offer: Offer) -> str:
        """Return what one should know before fetching it."""
        if self._storage and offer.size > self._storage.free:
            return tr("There is not enough room for it where models are stored.")
        if self._fits_nowhere:
            return tr(
                "It will not fit into the free memory in any precision. It can be loaded anyway."
            )
        if offer.gated and offer.description is None:
            return tr("It is gated: its owner wants you to accept terms first.")
        return ""

    @property
    def _fits_nowhere(self) -> bool:
        return fits_nowhere(self.fit.outlooks)

    def _on_fetch(self) -> None:
        assert self._choice
        if self._choice.standing is Standing.HERE:
            self.chat_wanted.emit(str(self._choice.offer.reference))
        elif self._choice.standing is Standing.QUEUED:
            self.downloads_wanted.emit()
        else:
            self.download_wanted.emit(self._choice.offer.reference)

    def _on_ask(self) -> None:
        if self._choice:
            self.details_wanted.emit(self._choice.offer.reference)

    def _on_page(self) -> None:
        if self._choice:
            self.page_wanted.emit(self._choice.offer.repo)


def _files(files: tuple[RemoteFile, ...]) -> str:
    """Return the files that a download fetches, the largest first."""
    ordered = sorted(files, key=lambda file: -file.size)
    lines = [f"{Path(file.path).name}, {wording.size(file.size)}" for file in ordered[:_FILES]]
    more = len(files) - _FILES
    return "\n".join([*lines, tr("and {count} more", count=more)] if more > 0 else lines)
