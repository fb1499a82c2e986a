"""What the Find tab shows: suggestions or results, filtered and in order, and the marked one.

Knows no widget and asks nobody; what the Hub and the disk tell comes in by slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from PySide6.QtCore import QObject, Signal, Slot

from desktop.hub_controller import SearchResult
from desktop.models_page import offers
from desktop.models_page.offers import Offer
from desktop.state import Notice
from desktop.translation import tr, trn
from engine.store.catalogue import Suggestion
from engine.store.description import Description
from engine.store.downloads import DownloadState
from engine.store.hub import Sort
from engine.store.local import StoredModel
from engine.store.phase import Phase
from engine.store.reference import Reference


class Standing(Enum):
    """Where a model is, as far as fetching it goes."""

    ELSEWHERE = "on the Hub"
    QUEUED = "being downloaded"
    HERE = "on this computer"


@dataclass(frozen=True)
class Filters:
    """What of a search is shown, and in which order."""

    sort: Sort = "downloads"
    only_runnable: bool = True
    without_gate: bool = False


@dataclass(frozen=True)
class Choice:
    """The marked offer. `trouble`: what went wrong when the Hub was asked about it."""

    offer: Offer
    standing: Standing
    is_asking: bool = False
    trouble: Notice | None = None


class Finding(QObject):
    """The state of the Find tab."""

    offers_changed = Signal(object)  # list[Offer]
    status_changed = Signal(str, bool)  # a sentence, and whether these are results of a search
    trouble_changed = Signal(object)  # Notice, or None
    choice_changed = Signal(object)  # Choice, or None

    def __init__(self) -> None:
        super().__init__()
        self._suggestions: list[Offer] = []
        self._results: list[Offer] | None = None
        self._is_named = False
        self._filters = Filters()
        self._marked: Offer | None = None
        self._asking: Reference | None = None
        self._troubles: dict[Reference, Notice] = {}
        self._local: set[str] = set()
        self._queued: set[Reference] = set()

    @property
    def is_search(self) -> bool:
        """Whether results of a search are shown, and not the suggestions."""
        return self._results is not None

    def suggest(self, suggestions: Sequence[Suggestion]) -> None:
        """Take the catalogue, the best for this machine first."""
        self._suggestions = [
            offers.from_suggestion(suggestion, is_best=place == 0)
            for place, suggestion in enumerate(suggestions)
        ]
        self._show()

    def filter(self, filters: Filters) -> None:
        """Show what passes `filters`."""
        self._filters = filters
        self._show()

    def forget_search(self) -> None:
        """Show the suggestions again."""
        self._results = None
        self.trouble_changed.emit(None)
        self._show()

    def mark(self, offer: Offer | None) -> None:
        """Show `offer` in full."""
        self._marked = offer
        self._show_choice()

    # -- what the Hub tells ----------------------------------------------------------------------

    @Slot(str)
    def begin_search(self, text: str) -> None:
        """Say that the Hub is being asked."""
        self.trouble_changed.emit(None)
        self.status_changed.emit(
            tr("Searching for {text}…", text=text) if text else tr("Searching…"), self.is_search
        )

    @Slot(object)
    def end_search(self, result: SearchResult) -> None:
        """Show what was found."""
        if result.description:
            found = [offers.from_description(result.description, self._known(result.description))]
        else:
            found = [offers.from_found(model) for model in result.found]
        self._results = found
        self._is_named = result.description is not None
        self._show()
        if result.description:
            self.mark(found[0])

    @Slot(object)
    def fail_search(self, notice: Notice) -> None:
        """Say why there are no results; what was shown stays."""
        self._show()
        self.trouble_changed.emit(notice)

    @Slot(object)
    def begin_describing(self, reference: Reference) -> None:
        """Say that the Hub is being asked about a model."""
        self._asking = reference
        self._troubles.pop(reference, None)
        self._show_choice()

    @Slot(object)
    def end_describing(self, described: Description) -> None:
        """Take what the Hub said into the list."""
        self._asking = None
        self._suggestions = [self._with(described, offer) for offer in self._suggestions]
        if self._results is not None:
            self._results = [self._with(described, offer) for offer in self._results]
        if self._marked:
            self._marked = self._with(described, self._marked)
        self._show()
        self._show_choice()

    @Slot(object, object)
    def fail_describing(self, reference: Reference, notice: Notice) -> None:
        """Say what went wrong."""
        self._asking = None
        self._troubles[reference] = notice
        self._show_choice()

    @Slot(object)
    def take_models(self, models: list[StoredModel]) -> None:
        """Note what is on this computer."""
        self._local = {model.name for model in models if model.can_run}
        self._show_choice()

    @Slot(object)
    def take_downloads(self, states: tuple[DownloadState, ...]) -> None:
        """Note what is being downloaded."""
        queued = {state.reference for state in states if state.phase is not Phase.DONE}
        if queued != self._queued:
            self._queued = queued
            self._show_choice()

    # -- steps shared by the above ---------------------------------------------------------------

    def _with(self, described: Description, offer: Offer) -> Offer:
        if offer.reference != described.reference:
            return offer
        return offers.from_description(described, offer)

    def _known(self, described: Description) -> Offer | None:
        """Return what the catalogue says of the same repository, but for the recommendation."""
        same = (o for o in self._suggestions if o.repo == described.repo)
        return next((replace(offer, praise="") for offer in same), None)

    def _show(self) -> None:
        if self._results is None:
            self.offers_changed.emit(self._suggestions)
            text = tr("Models that are known to work, the best for this computer first.")
        else:
            # What was asked for by its name is shown, whatever the filters say.
            filters = Filters(only_runnable=False) if self._is_named else self._filters
            shown = offers.arrange(
                self._results, filters.sort, filters.only_runnable, filters.without_gate
            )
            self.offers_changed.emit(shown)
            text = _count(len(shown), len(self._results) - len(shown))
        self.status_changed.emit(text, self.is_search)

    def _show_choice(self) -> None:
        offer = self._marked
        if offer is None:
            self.choice_changed.emit(None)
            return
        standing = Standing.ELSEWHERE
        if str(offer.reference) in self._local:
            standing = Standing.HERE
        elif offer.reference in self._queued:
            standing = Standing.QUEUED
        is_asking = offer.reference == self._asking
        trouble = self._troubles.get(offer.reference)
        self.choice_changed.emit(Choice(offer, standing, is_asking, trouble))


def _count(shown: int, hidden: int) -> str:
    if not shown and not hidden:
        return tr("Nothing was found. Try fewer or other words.")
    found = trn("{count} model was found.", "{count} models were found.", shown)
    if not hidden:
        return found
    return (
        f"{found} {trn('The filters hide {count} more.', 'The filters hide {count} more.', hidden)}"
    )
