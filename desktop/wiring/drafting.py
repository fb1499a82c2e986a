"""What is being written: files -> the reader -> the composer; the draft -> its count of tokens."""

from collections.abc import Sequence
from pathlib import Path

from desktop.attachment_reader import MOST_FILES, AttachmentReader
from desktop.chats.desk import Desk
from desktop.controller import Controller
from desktop.counting import TokenCounter
from desktop.history import Message, engine_messages
from desktop.main_window import MainWindow
from desktop.state import State
from engine.messages import Chunk, Done, Loaded, Memory, Prefilled


def connect_attachments(window: MainWindow, reader: AttachmentReader) -> None:
    """Files that are dropped, pasted or chosen become chips, or a sentence."""
    composer = window.chat.composer
    files = composer.files

    def take(paths: Sequence[Path]) -> None:
        reader.take(paths, MOST_FILES - files.count)

    composer.files_given.connect(take)
    reader.began.connect(files.begin)
    reader.read.connect(files.add)
    reader.refused.connect(files.tell)
    window.closing.connect(reader.close)


def connect_context(window: MainWindow, desk: Desk, controller: Controller) -> TokenCounter:
    """How full the context is: exact during and after an answer, estimated while typing."""
    composer = window.chat.composer
    bar = composer.context

    def ask(text: str, texts: tuple[str, ...]) -> bool:
        path = (*desk.talk.path, _draft(text)) if text.strip() else desk.talk.path
        sent = engine_messages(path, desk.talk.settings.system_prompt)
        return controller.count(sent, texts)

    counter = TokenCounter(ask, window)

    def count() -> None:
        counter.want(composer.edit.toPlainText(), composer.files.attachments)

    def show_model(loaded: Loaded | None) -> None:
        bar.show_total(loaded.context_length if loaded else 0)
        counter.forget()

    def show_state(state: State) -> None:
        if state is State.READY:
            count()

    def show_figures(event: Prefilled | Chunk | Done | Memory) -> None:
        if isinstance(event, Chunk):
            bar.show_used(event.context_used)
        elif isinstance(event, Done):
            bar.show_used(event.metrics.context_used)
            counter.cancel()

    composer.draft_changed.connect(count)
    desk.path_shown.connect(lambda _path: count())
    controller.counted.connect(counter.take)
    controller.model_loaded.connect(show_model)
    controller.state_changed.connect(show_state)
    controller.figures_arrived.connect(show_figures)
    counter.counted.connect(lambda tokens: bar.show_used(tokens, is_estimate=True))
    counter.files_counted.connect(composer.files.show_tokens)
    return counter


def _draft(text: str) -> Message:
    """Return what is being written as the message that it will be."""
    return Message(0, 0, None, "user", text, "whole", 0.0, (0,))
