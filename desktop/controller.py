"""What the window does: load, ask, stop, start again; and the state that follows from events.

Turns the person's acts into commands and the engine's events into signals. Knows no widget.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop.conversation import Conversation, Turn
from desktop.engine_thread import EngineThread
from desktop.state import Notice, Selection, State, WayOut
from engine import messages
from engine.client import EngineClient
from engine.errors import NotEnoughMemory
from engine.messages import AnyEvent


class Controller(QObject):
    """One conversation with one engine process at a time.

    spawn: makes a fresh, not yet started EngineThread.
    """

    state_changed = Signal(object)  # State
    selection_changed = Signal(object)  # Selection
    loading_progressed = Signal(object)  # messages.Progress
    reading_progressed = Signal(object)  # messages.Progress
    model_loaded = Signal(object)  # messages.Loaded, or None where none is any more
    figures_arrived = Signal(object)  # messages.Prefilled | Chunk | Done | Memory
    turn_added = Signal(object)  # Turn
    answer_grew = Signal(object)  # Turn
    answer_ended = Signal(object)  # Turn
    exchange_dropped = Signal()  # the last question and its empty answer
    conversation_cleared = Signal()
    question_queued = Signal(str)  # "" where none waits any more
    question_returned = Signal(str)
    noticed = Signal(object)  # Notice, or None where it is settled

    def __init__(self, spawn: Callable[[], EngineThread], selection: Selection) -> None:
        super().__init__()
        self._spawn = spawn
        self._engine: EngineThread | None = None
        self._state = State.STARTING
        self._load_id: int | None = None
        self._answer_id: int | None = None
        self._answer: Turn | None = None
        self._queued = ""
        self._closed = False
        self.selection = selection
        self.conversation = Conversation()

    @property
    def state(self) -> State:
        """What the engine is doing now."""
        return self._state

    # -- the person's acts -----------------------------------------------------------------------

    def start_engine(self) -> None:
        """Start the engine process, in place of one that ended."""
        if self._closed or (self._engine and self._state is not State.CRASHED):
            return
        if self._engine:
            self._engine.close()
        self.noticed.emit(None)
        self._engine = self._spawn()
        self._engine.reported.connect(self._on_event)
        self._enter(State.STARTING)
        self._engine.start()

    def select(self, **changes: Any) -> None:
        """Change model, precision or kernel, and load what is selected then."""
        selection = replace(self.selection, **changes)
        if selection != self.selection:
            self.selection = selection
            self.selection_changed.emit(selection)
        elif self._state in (State.READY, State.GENERATING, State.LOADING):
            return
        self.load()

    def load(self, regardless: bool = False) -> None:
        """Load the selection in place of what is loaded; the conversation stays.

        regardless: also where memory will not suffice.
        """
        if self._state in (State.STARTING, State.CRASHED):
            return  # it is loaded as soon as the engine is ready
        self.stop()
        self.noticed.emit(None)
        self.model_loaded.emit(None)
        engine = self._running()
        self._load_id = engine.next_id()
        engine.send(
            messages.Load(
                request_id=self._load_id,
                model=self.selection.model,
                precision=self.selection.precision,
                kernel=self.selection.kernel,
                regardless=regardless,
            )
        )
        if self._answer is None:
            self._enter(State.LOADING)

    def ask(self, text: str) -> bool:
        """Send a question, or queue it while the model loads. Returns whether it was taken."""
        if not text.strip() or self._queued:
            return False
        if self._state in (State.STARTING, State.LOADING):
            self._queue(text)
            return True
        if self._state is not State.READY:
            return False
        self.noticed.emit(None)
        question, self._answer = self.conversation.ask(text, self.selection.precision)
        engine = self._running()
        self._answer_id = engine.next_id()
        engine.send(
            messages.Generate(request_id=self._answer_id, messages=self.conversation.messages())
        )
        self.turn_added.emit(question)
        self.turn_added.emit(self._answer)
        self._enter(State.GENERATING)
        return True

    def take_back(self) -> None:
        """Return the queued question to the composer."""
        if self._queued:
            text = self._queued
            self._queue("")
            self.question_returned.emit(text)

    def stop(self) -> None:
        """Stop the answer, or the loading."""
        request_id = self._load_id or self._answer_id
        if request_id is not None and self._state is not State.CRASHED:
            self._running().stop(request_id)

    def new_chat(self) -> None:
        """Drop the conversation; an answer that is still growing is stopped and forgotten."""
        if self._answer:
            self.stop()
            self._forget_answer()
            self._enter(State.LOADING if self._load_id else State.READY)
        self.conversation.clear()
        self.conversation_cleared.emit()

    def close(self) -> None:
        """End the engine process for good; returns when it is gone."""
        self._closed = True
        if self._engine is None:
            return
        self._engine.reported.disconnect(self._on_event)
        self.stop()
        self._engine.close()
        self._engine = None

    # -- the engine's events ---------------------------------------------------------------------

    @Slot(object)
    def _on_event(self, event: AnyEvent) -> None:
        if self._closed:
            return  # it was on its way when the window went
        match event:
            case messages.Memory():
                self.figures_arrived.emit(event)
            case messages.Ready():
                self._enter(State.IDLE)
                self.load()
            case messages.Crashed():
                self._on_crashed(event)
            case messages.Loaded() | messages.Progress() | messages.Failed() if (
                event.request_id == self._load_id
            ):
                self._on_load_event(event)
            case (
                messages.Progress()
                | messages.Prefilled()
                | messages.Chunk()
                | messages.Done()
                | messages.Failed()
            ) if event.request_id == self._answer_id and self._answer:
                self._on_answer_event(event, self._answer)
            case _:
                pass  # of a request that the person has moved on from

    def _on_load_event(self, event: messages.Loaded | messages.Progress | messages.Failed) -> None:
        if isinstance(event, messages.Progress):
            self.loading_progressed.emit(event)
            return
        self._load_id = None
        if isinstance(event, messages.Failed):
            self._enter(State.IDLE)
            self.take_back()
            self.noticed.emit(_load_notice(event))
            return
        self._enter(State.READY)
        self.model_loaded.emit(event)
        if self._queued:
            text = self._queued
            self._queue("")
            self.ask(text)

    def _on_answer_event(
        self,
        event: messages.Progress
        | messages.Prefilled
        | messages.Chunk
        | messages.Done
        | messages.Failed,
        answer: Turn,
    ) -> None:
        match event:
            case messages.Progress():
                self.reading_progressed.emit(event)
            case messages.Prefilled():
                self.figures_arrived.emit(event)
            case messages.Chunk():
                answer.text += event.text
                self.answer_grew.emit(answer)
                self.figures_arrived.emit(event)
            case messages.Done():
                self.conversation.complete(answer, event.text, event.finish_reason, event.metrics)
                self.figures_arrived.emit(event)
                self._end_answer(answer)
            case messages.Failed():
                self._cut_answer(answer)
                self.noticed.emit(Notice(event.sentence, event.way_out))

    def _on_crashed(self, event: messages.Crashed) -> None:
        self._load_id = None
        self._enter(State.CRASHED)
        self.model_loaded.emit(None)
        if self._answer:
            self._cut_answer(self._answer)
        self.take_back()
        self.noticed.emit(
            Notice(
                event.sentence,
                event.way_out,
                (WayOut.RESTART, WayOut.OPEN_LOG),
                event.log_file,
            )
        )

    # -- steps shared by the above ---------------------------------------------------------------

    def _cut_answer(self, answer: Turn) -> None:
        question = self.conversation.cut(answer)
        if question:
            self.exchange_dropped.emit()
            self.question_returned.emit(question)
        self._end_answer(answer)

    def _end_answer(self, answer: Turn) -> None:
        self._forget_answer()
        self.answer_ended.emit(answer)
        if self._state is State.GENERATING:
            self._enter(State.LOADING if self._load_id else State.READY)

    def _forget_answer(self) -> None:
        self._answer = None
        self._answer_id = None

    def _queue(self, text: str) -> None:
        self._queued = text
        self.question_queued.emit(text)

    def _enter(self, state: State) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    def _running(self) -> EngineClient:
        assert self._engine, "start_engine() comes first"
        return self._engine.client


def _load_notice(event: messages.Failed) -> Notice:
    if event.kind == "Stopped":
        return Notice(
            "Loading was cancelled.",
            "Choose another model, or load this one again.",
            (WayOut.LOAD,),
        )
    offer = WayOut.LOAD_ANYWAY if event.kind == NotEnoughMemory.__name__ else WayOut.LOAD
    return Notice(event.sentence, event.way_out, (offer,))
