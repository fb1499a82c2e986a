"""The chat that is shown, and moving from one to another. Knows no widget and no engine."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from PySide6.QtCore import QObject, Signal

from desktop.chats import steps
from desktop.chats.steps import Shown
from desktop.chats.store import Store
from desktop.history import Chat, ChatSettings, History, Message


@dataclass(eq=False)
class Talk:
    """One chat as the window has it. It has a record once its first question was saved.

    is_temporary: it lives in a store of its own, in memory, and ends when it is left.
    """

    store: Store
    settings: ChatSettings = field(default_factory=ChatSettings)
    chat: Chat | None = None
    path: tuple[Message, ...] = ()
    is_temporary: bool = False

    def is_same(self, other: "Talk") -> bool:
        """Whether both are the same chat, perhaps opened twice."""
        if self is other:
            return True
        both = self.chat and other.chat and self.store is other.store
        return bool(both and self.chat and other.chat and self.chat.id == other.chat.id)


class Desk(QObject):
    """One chat is shown; the others are opened from `store`, which nothing here waits for."""

    chat_opened = Signal(object)  # Talk, in place of another one
    path_shown = Signal(object)  # tuple[Message, ...]
    message_changed = Signal(object)  # Message
    message_sought = Signal(int)  # the id of what was searched for
    chat_lost = Signal()  # deleted in another window
    talk_left = Signal(object)  # Talk: a temporary one, which is over

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._turn = 0  # counts what was asked for: only the last is shown
        self._live: tuple[Store, Message] | None = None
        self.talk = Talk(store)

    def new(self, is_temporary: bool = False) -> None:
        """Show an empty chat, which is saved with its first question."""
        self._turn += 1
        if is_temporary:
            store = Store(None, self)
            store.failed.connect(self._store.failed)
            self._show(Talk(store, is_temporary=True))
        else:
            self._show(Talk(self._store))

    def open(self, chat: int, message: int | None = None) -> None:
        """Show a chat as it was left, or at `message`."""
        self._turn += 1
        turn = self._turn

        def show(shown: Shown) -> None:
            if turn == self._turn:
                self._show(Talk(self._store, shown.chat.settings, shown.chat), shown)
                if message is not None:
                    self.message_sought.emit(message)

        self._store.do(lambda history: steps.load(history, chat, message), show)

    def take(self, talk: Talk, shown: Shown) -> None:
        """Take note of what became of `talk`, which is shown or not."""
        talk.chat = shown.chat
        if self.talk.is_same(talk):
            self._take(shown)

    def update(self, talk: Talk, message: Message) -> None:
        """Show how an answer grows in `talk`, or that it has ended."""
        self._live = (talk.store, message)
        if self.talk.is_same(talk):
            self.talk.path = self._with_live(talk.store, self.talk.path)
            self.message_changed.emit(message)

    def settle(self, message: int) -> None:
        """The answer's end was written: what the history says of it is the truth again."""
        if self._live and self._live[1].id == message and self._live[1].state != "growing":
            self._live = None

    def select_version(self, message: int) -> None:
        """Show another version of a message, and what followed it."""
        self._change(lambda history, chat: steps.select(history, chat, message))

    def remove(self, message: int) -> None:
        """Delete a message and what follows it."""
        self._change(lambda history, chat: steps.remove(history, chat, message))

    def configure(self, settings: ChatSettings) -> None:
        """Keep other settings for the chat; one without a message yet has them from its first."""
        self.talk.settings = settings
        self._change(lambda history, chat: steps.configure(history, chat, settings))

    def count_below(self, message: int, then: Callable[[int], object]) -> None:
        """Tell `then` how many messages `remove` would take besides this one."""
        self.talk.store.do(lambda history: history.messages.count_below(message), then)

    def refresh(self) -> None:
        """Show what another window has made of the chat."""
        talk = self.talk
        if talk.chat is None or talk.is_temporary:
            return
        chat = talk.chat.id

        def show(shown: Shown | None) -> None:
            if not self.talk.is_same(talk):
                return
            if shown:
                self._take(shown)
            else:
                self.new()
                self.chat_lost.emit()

        talk.store.do(lambda history: steps.load_if_there(history, chat), show)

    def close(self) -> None:
        """End a temporary chat."""
        self._leave()

    def _change(self, work: Callable[[History, int], Shown]) -> None:
        talk = self.talk
        if talk.chat is not None:
            chat = talk.chat.id
            talk.store.do(lambda history: work(history, chat), lambda shown: self.take(talk, shown))

    def _show(self, talk: Talk, shown: Shown | None = None) -> None:
        self._leave()
        self.talk = talk
        if shown:
            talk.path = self._with_live(talk.store, shown.path)
        self.chat_opened.emit(talk)
        self.path_shown.emit(talk.path)

    def _leave(self) -> None:
        if self.talk.is_temporary:
            self.talk_left.emit(self.talk)
            self.talk.store.close()
            self.talk.store.deleteLater()

    def _take(self, shown: Shown) -> None:
        path = self._with_live(self.talk.store, shown.path)
        is_other = (self.talk.chat, self.talk.path) != (shown.chat, path)
        self.talk.chat, self.talk.settings, self.talk.path = shown.chat, shown.chat.settings, path
        if is_other:
            self.path_shown.emit(path)

    def _with_live(self, store: Store, path: tuple[Message, ...]) -> tuple[Message, ...]:
        """The path with the answer that grows here, which the history knows half a second later."""
        if self._live is None or self._live[0] is not store:
            return path
        live = self._live[1]
        if path and path[-1].id == live.id:  # as long as it grows, so once a token
            return (*path[:-1], replace(live, siblings=path[-1].siblings))
        return tuple(
            replace(live, siblings=message.siblings) if message.id == live.id else message
            for message in path
        )
