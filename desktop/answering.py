"""A request for an answer, and the answer as it grows: values of the controller's."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from desktop.attachments.attachment import Attachment
from desktop.chats.desk import Talk
from desktop.chats.steps import Shown, Step
from desktop.history import History, Message, MessageState, engine_messages
from desktop.state import Notice, Selection, WayOut
from desktop.translation import tr
from desktop.ways_out import loading_notice, with_precision
from engine import messages
from engine.messages import Precision


@dataclass(frozen=True)
class Request:
    """Something to be answered in a chat by what is selected there.

    step: saves what is asked and begins the answer. shown: what is said of it while it waits.
    text, files: what the person wrote and attached, to be given back where it fails.
    """

    talk: Talk
    selection: Selection
    step: Step
    shown: str
    text: str = ""
    files: tuple[Attachment, ...] = ()


@dataclass(eq=False)
class Answer:
    """An answer from its request to its end.

    message: None until the request was saved. request_id: the engine's, None until it was asked.
    before: the text that is continued, or "". is_unwanted: it was stopped before it was saved.
    """

    request: Request
    message: Message | None = None
    request_id: int | None = None
    before: str = ""
    is_unwanted: bool = False

    @property
    def talk(self) -> Talk:
        """The chat that it belongs to."""
        return self.request.talk

    def begin(self, shown: Shown) -> None:
        """Take note of the message that grows now: the last one of the chat."""
        self.message = shown.path[-1]
        self.before = self.message.content

    def command(self, shown: Shown) -> messages.Generate:
        """Return what the engine is asked."""
        assert self.request_id is not None
        settings = shown.chat.settings
        sent = engine_messages(shown.path, settings.system_prompt)
        return messages.Generate(
            request_id=self.request_id,
            messages=sent,
            sampling=settings.sampling,
            continues=bool(sent) and sent[-1].role == "assistant",
            overflow=settings.overflow,
        )

    def grow(self, text: str) -> Message:
        """Append `text` and return the message."""
        message = self._growing()
        self.message = replace(message, content=message.content + text)
        return self.message

    def journal(self) -> None:
        """Have what there is of it written down; where that fails, it is tried again."""
        message = self._growing()
        self.talk.store.do(
            lambda history: history.journal.grow(message.id, message.content),
            otherwise=lambda _notice: None,  # the store's regular flush says so, once
        )

    def complete(self, done: messages.Done) -> Message:
        """Return the message as the engine ended it."""
        is_whole = done.finish_reason in ("end", "stop-string")
        return replace(
            self._growing(),
            content=self.before + done.text,
            state="whole" if is_whole else "partial",
            finish_reason=done.finish_reason,
            metrics=done.metrics,
        )

    def cut(self) -> Message:
        """Return the message as it is where something else ended it."""
        message = self._growing()
        state: MessageState = "partial" if message.content.strip() else "failed"
        return replace(message, state=state, finish_reason=None, metrics=None)

    @staticmethod
    def writing(message: Message) -> Callable[[History], None]:
        """Return what writes the ended `message` down."""

        def work(history: History) -> None:
            history.journal.end_answer(
                message.id,
                message.content,
                message.state,
                finish_reason=message.finish_reason,
                metrics=message.metrics,
            )

        return work

    def _growing(self) -> Message:
        assert self.message, "begin() comes first"
        return self.message


def load_notice(event: messages.Failed, precision: Precision) -> Notice:
    """Return what is said of a model that was not loaded in `precision`."""
    if event.kind != "Stopped":
        return loading_notice(event, precision)
    return Notice(
        tr("Loading was cancelled."),
        tr("Choose another model, or load this one again."),
        (WayOut.LOAD,),
    )


def crash_notice(event: messages.Crashed) -> Notice:
    """Return what is said of an engine that ended."""
    offers = (WayOut.RESTART, WayOut.OPEN_LOG)
    notice = Notice(event.sentence, event.way_out, offers, event.log_file)
    return with_precision(notice, event.fitting)
