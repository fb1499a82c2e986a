"""The Hub as the window uses it: search, look at a model, download; and whether it may be reached.

Knows no widget. Nothing connects but on one of the person's acts below.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from PySide6.QtCore import QObject, Signal, Slot

from desktop.background import Background, Task
from desktop.state import Notice
from engine.errors import BadReference, NotOnHub, TernError
from engine.paths import Paths
from engine.settings import SettingsFile
from engine.store.description import Description, FoundModel
from engine.store.downloads import Downloads, DownloadState
from engine.store.hub import Hub, Sort
from engine.store.hub_cache import store_root
from engine.store.interruptible import interruptible
from engine.store.phase import Phase
from engine.store.reference import Reference, endpoint, parse_reference
from engine.store.token import forget_token, read_token, save_token


@dataclass(frozen=True)
class SearchResult:
    """What a search brought: many models, or the one that was named."""

    query: str
    found: tuple[FoundModel, ...] = ()
    description: Description | None = None


class HubController(QObject):
    """What the person does with the Hub."""

    search_began = Signal(str)
    search_ended = Signal(object)  # SearchResult
    search_failed = Signal(object)  # Notice
    describing_began = Signal(object)  # Reference
    described = Signal(object)  # Description
    describing_failed = Signal(object, object)  # Reference, Notice
    token_kept = Signal(object)  # Notice where that failed, else None
    has_token = Signal(bool)
    hindrance_changed = Signal(object)  # Notice: why nothing may connect, or None
    downloads_changed = Signal(object)  # tuple[DownloadState, ...]
    download_ended = Signal(object)  # DownloadState that is done
    _told = Signal(object)

    def __init__(self, hub: Hub, settings: SettingsFile, paths: Paths) -> None:
        super().__init__()
        self._hub = hub
        self._settings = settings
        self._paths = paths
        self._background = Background(self)
        self._searching: Task | None = None
        self._describing: Task | None = None
        self._queue: Downloads | None = None
        self._done: set[int] = set()
        self._closed = False
        self._told.connect(self._on_told)

    @property
    def host(self) -> str:
        """What a search connects to."""
        return urlsplit(endpoint()).hostname or endpoint()

    def start(self) -> None:
        """Take up the queue of downloads; those that were not done are paused."""
        if self._closed:
            return
        file = self._paths.data / "downloads.json"
        self._queue = Downloads(
            self._hub, lambda: store_root(self._settings.value), file, self._told.emit
        )
        self.downloads_changed.emit(self._queue.states())
        self.check()

    def check(self) -> None:
        """Tell whether anything may connect now."""
        try:
            self._hub.network.check()
        except TernError as error:
            self.hindrance_changed.emit(Notice(error.said, error.advice))
        else:
            self.hindrance_changed.emit(None)

    def search(self, text: str, sort: Sort) -> None:
        """Search for words; a name or an address is looked at directly."""
        text = text.strip()
        if self._searching:
            self._searching.forget()
        self.search_began.emit(text)
        self._searching = self._background.run(
            lambda task: interruptible(lambda: _look_up(self._hub, text, sort), task.stop_wanted),
            self.search_ended.emit,
            self.search_failed.emit,
        )

    def describe(self, reference: Reference) -> None:
        """Ask the Hub what there is to know of a model."""
        if self._describing:
            self._describing.forget()
        self.describing_began.emit(reference)
        self._describing = self._background.run(
            lambda task: interruptible(
                lambda: self._hub.describe(reference.repo, reference.revision), task.stop_wanted
            ),
            self.described.emit,
            lambda notice: self.describing_failed.emit(reference, notice),
        )

    # -- the access token ------------------------------------------------------------------------

    def keep_token(self, token: str) -> None:
        """Put the token into the system's keyring; `token_kept` tells."""
        self._background.run(
            lambda _task: save_token(token), lambda _none: self._on_token(None), self._on_token
        )

    def drop_token(self) -> None:
        """Remove the token from the keyring."""
        self._background.run(lambda _task: forget_token(), lambda _none: self.look_for_token())

    def look_for_token(self) -> None:
        """Tell by `has_token` whether there is one."""
        self._background.run(lambda _task: read_token() is not None, self.has_token.emit)

    def _on_token(self, notice: Notice | None) -> None:
        self.token_kept.emit(notice)
        self.look_for_token()

    # -- downloads -------------------------------------------------------------------------------

    def download(self, reference: Reference) -> None:
        """Queue a model."""
        self._in_queue(lambda queue: queue.add(reference))

    def pause(self, id: int) -> None:
        """Stop a download for now."""
        self._in_queue(lambda queue: queue.pause(id))

    def resume(self, id: int) -> None:
        """Go on with a paused or failed download."""
        self._in_queue(lambda queue: queue.resume(id))

    def cancel(self, id: int) -> None:
        """Take a download off the list, and what has arrived of it off the disk."""
        self._in_queue(lambda queue: queue.cancel(id))

    def close(self) -> None:
        """Stop everything; what has arrived is kept."""
        self._closed = True
        self._background.close()
        if self._queue:
            self._queue.close()

    def _in_queue(self, act: Callable[[Downloads], object]) -> None:
        if self._queue:
            act(self._queue)

    @Slot(object)
    def _on_told(self, states: tuple[DownloadState, ...]) -> None:
        if self._closed:
            return
        self.downloads_changed.emit(states)
        for state in states:
            if state.phase is Phase.DONE and state.id not in self._done:
                self._done.add(state.id)
                self.download_ended.emit(state)


def _look_up(hub: Hub, text: str, sort: Sort) -> SearchResult:
    """Return what the Hub has for words, a name, or an address. Raises what `Hub.search` raises."""
    is_address = "://" in text or text.count("/") > 1
    try:
        reference = parse_reference(text)
    except BadReference:
        if is_address:
            raise
    else:
        try:
            described = hub.describe(reference.repo, reference.revision)
            return SearchResult(text, description=described)
        except NotOnHub:
            if is_address or "@" in text:
                raise
    return SearchResult(text, tuple(hub.search(text, sort)))
