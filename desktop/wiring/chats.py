"""The chat that is shown: the person's acts -> controller and desk; what follows -> the views."""

from desktop import dialogs, wording
from desktop.chats.desk import Desk, Talk
from desktop.chats.reach import first_read
from desktop.chats.shelf import Shelf
from desktop.chats.store import Store
from desktop.controller import Controller
from desktop.history import History, Message
from desktop.shell.main_window import MainWindow
from desktop.state import Notice, State
from desktop.transcript.shown_message import Act, ShownMessage
from desktop.translation import tr
from engine.settings import SettingsFile

_CHANGES = (Act.EDIT, Act.REGENERATE, Act.CONTINUE)


def connect_messages(window: MainWindow, desk: Desk, controller: Controller) -> None:
    """What is done to a message: its versions, another answer, the rest of it, its end."""
    transcript = window.chat.transcript

    def delete(message: int) -> None:
        desk.count_below(
            message,
            lambda count: dialogs.confirm_delete_message(
                window, count, lambda: desk.remove(message)
            ),
        )

    def offer(state: State) -> None:
        acts = {Act.COPY}
        if state is not State.GENERATING:
            acts.add(Act.DELETE)
        if state not in (State.GENERATING, State.IDLE, State.CRASHED):
            acts.update(_CHANGES)
        transcript.offer(acts)

    transcript.regenerate_wanted.connect(controller.regenerate)
    transcript.continue_wanted.connect(controller.resume)
    transcript.edit_wanted.connect(controller.edit)
    transcript.select_sibling_wanted.connect(lambda _one, other: desk.select_version(other))
    transcript.delete_wanted.connect(delete)
    controller.state_changed.connect(offer)
    offer(controller.state)


def open_history(
    window: MainWindow, store: Store, shelf: Shelf, desk: Desk, chat: str = ""
) -> None:
    """Open the file of chats, list them, and show the one whose uid is `chat`.

    Where it cannot be opened, say so and go on without it: it stays as it is.
    """

    def find(history: History) -> int | None:
        return next((known.id for known in history.chats.all() if known.uid == chat), None)

    def show(found: int | None) -> None:
        shelf.start()
        if found is not None:
            desk.open(found)

    def go_on(notice: Notice) -> None:
        store.forget_file()
        window.chat.unsaved.show_notice(notice)
        shelf.start()

    store.do(find, show, go_on)


def connect_desk(window: MainWindow, desk: Desk, settings: SettingsFile) -> None:
    """The chat that is shown -> the views; it is the one that the next start shows."""
    chat = window.chat

    def show_other(talk: Talk) -> None:
        chat.transcript.clear()
        chat.strip.forget_answer()
        chat.temporary.setVisible(talk.is_temporary)
        chat.composer.setFocus()
        remember()

    marked: int | None = None

    def show_path(path: tuple[Message, ...]) -> None:
        nonlocal marked
        last = path[-1].id if path else None
        marked = first_read(path)
        chat.transcript.show_messages(
            [shown(message, message.id == last, message.id == marked) for message in path]
        )
        chat.show_conversation(is_empty=not path)
        remember()

    def show_message(message: Message) -> None:
        path = desk.talk.path
        if message.metrics and first_read(path) != marked:
            show_path(path)
        else:
            is_marked = message.id == marked
            chat.transcript.update_message(shown(message, message.id == path[-1].id, is_marked))

    def remember() -> None:
        talk = desk.talk
        uid = talk.chat.uid if talk.chat else ""
        # Nothing is written anywhere of a temporary chat.
        if not talk.is_temporary and uid != settings.value.chat:
            settings.change(chat=uid)

    desk.chat_opened.connect(show_other)
    desk.path_shown.connect(show_path)
    desk.message_changed.connect(show_message)
    desk.message_sought.connect(chat.transcript.go_to)
    desk.chat_lost.connect(
        lambda: chat.notice.show_notice(Notice(tr("This chat was deleted in another window.")))
    )


def shown(message: Message, is_last: bool, is_first_read: bool = False) -> ShownMessage:
    """Return a message as the transcript shows it. Only the last answer can be gone on with."""
    is_growing = message.state == "growing"
    waits = is_growing and not message.content
    state = message.state if is_last or message.state != "partial" else "whole"
    is_answer = message.role == "assistant"
    said = "" if is_growing or not is_answer else wording.caption(message)
    return ShownMessage(
        id=message.id,
        role=message.role,
        content=message.content,
        state=state,
        siblings=message.siblings,
        caption=tr("Reading the prompt…") if waits else said,
        attachments=message.attachments,
        mark=tr(wording.FIRST_READ) if is_first_read else "",
    )
