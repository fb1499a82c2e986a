"""What is being written: files -> the reader -> the composer; the draft -> its count of tokens."""

from collections.abc import Sequence
from pathlib import Path

from desktop.attachments.reader import MOST_FILES, AttachmentReader
from desktop.chats.desk import Desk
from desktop.composer.composer import Composer
from desktop.composer.counting import TokenCounter
from desktop.controller import Controller
from desktop.history import Message, engine_messages
from desktop.shell.main_window import MainWindow
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


def connect_context(window: MainWindow, desk: Desk, controller: Controller) -> None:
    """How full the context is: exact during and after an answer, estimated while typing."""
    composer = window.chat.composer
    fill = _Fill(composer, desk, controller)
    composer.draft_changed.connect(fill.count)
    desk.path_shown.connect(lambda _path: fill.count())
    controller.counted.connect(fill.counter.take)
    controller.model_loaded.connect(fill.show_model)
    controller.state_changed.connect(fill.show_state)
    controller.figures_arrived.connect(fill.show_figures)
    fill.counter.counted.connect(fill.show_estimate)
    fill.counter.files_counted.connect(composer.files.show_tokens)


class _Fill:
    """What is told of the context, by whom it is known best."""

    def __init__(self, composer: Composer, desk: Desk, controller: Controller) -> None:
        self._composer = composer
        self._desk = desk
        self._controller = controller
        self._model = ""  # the title of what is loaded
        self._grown = 0  # tokens in the context, as far as an answer has come since the last pulse
        self.counter = TokenCounter(self._ask, composer)

    def _ask(self, text: str, texts: tuple[str, ...]) -> bool:
        talk = self._desk.talk
        path = (*talk.path, _draft(text)) if text.strip() else talk.path
        return self._controller.count(engine_messages(path, talk.settings.system_prompt), texts)

    def count(self) -> None:
        text, files = self._composer.edit.toPlainText(), self._composer.files.attachments
        last = self._desk.talk.path[-1] if self._desk.talk.path else None
        is_empty = not (text.strip() or files)
        if is_empty and last and last.metrics and last.model == self._model:
            self.counter.cancel()
            self._composer.context.show_used(last.metrics.context_used)
        else:
            self.counter.want(text, files)

    def show_model(self, loaded: Loaded | None) -> None:
        self._model = loaded.title if loaded else ""
        self._composer.context.show_total(loaded.context_length if loaded else 0)
        self.counter.forget()

    def show_state(self, state: State) -> None:
        if state is State.READY:
            self.count()

    def show_figures(self, event: Prefilled | Chunk | Done | Memory) -> None:
        """Follow the answer at the engine's pulse: oft enough for a bar of 72 px."""
        if isinstance(event, Chunk):
            self._grown = event.context_used
        elif isinstance(event, Memory) and self._grown:
            self._composer.context.show_used(self._grown)
            self._grown = 0

    def show_estimate(self, tokens: int) -> None:
        drops = self._desk.talk.settings.overflow == "drop_oldest"
        self._composer.context.show_used(tokens, is_estimate=True, drops=drops)


def _draft(text: str) -> Message:
    """Return what is being written as the message that it will be."""
    return Message(0, 0, None, "user", text, "whole", 0.0, (0,))
