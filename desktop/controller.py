"""What the window does: load, answer, stop, start again; and the state that follows from events.

Turns the person's acts into commands and the engine's events into signals. Knows no widget.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop.answering import Answer, Request, crash_notice, load_notice
from desktop.attachments.attachment import Attachment
from desktop.chats import steps
from desktop.chats.desk import Desk, Talk
from desktop.chats.steps import Shown, Step
from desktop.engine_thread import EngineThread
from desktop.history import Message
from desktop.state import Notice, Selection, State, WayOut
from desktop.translation import tr
from desktop.ways_out import answer_notice
from engine import messages
from engine.client import EngineClient
from engine.messages import AnyEvent, ChatMessage, Precision


class Controller(QObject):
    """One engine process at a time, and the answer that it writes in one of the chats.

    spawn: makes a fresh, not yet started EngineThread. desk: knows which chat is shown.
    """

    state_changed = Signal(object)  # State
    selection_changed = Signal(object)  # Selection
    loading_progressed = Signal(object)  # messages.Progress
    reading_progressed = Signal(object)  # messages.Progress, of an answer that is shown
    model_loaded = Signal(object)  # messages.Loaded, or None where none is any more
    figures_arrived = Signal(object)  # messages.Prefilled | Chunk | Done | Memory
    answering = Signal(object)  # Talk in which an answer grows, or None
    answer_ended = Signal(object)  # Message
    question_queued = Signal(str)  # "" where none waits any more
    question_returned = Signal(str, object)  # and the files attached to it
    counted = Signal(object)  # messages.Counted, or None where the engine could not
    noticed = Signal(object)  # Notice, or None where it is settled

    def __init__(self, spawn: Callable[[], EngineThread], selection: Selection, desk: Desk) -> None:
        super().__init__()
        self._spawn = spawn
        self._desk = desk
        self._engine: EngineThread | None = None
        self._state = self._told = State.STARTING
        self._load_id: int | None = None
        self._count_id: int | None = None
        self._loading: Selection | None = None  # what the last Load asked for
        self._loaded: messages.Loaded | None = None
        self._refused: Selection | None = None
        self._answer: Answer | None = None
        self._queued: Request | None = None
        self._closed = False
        self._is_stalled = False
        self._is_restarting = False
        self.chosen = selection  # what was loaded or asked for last: a new chat begins with it
        self.selection = selection  # of the chat that is shown
        desk.chat_opened.connect(self._on_chat_opened)
        desk.talk_left.connect(self._on_talk_left)

    @property
    def state(self) -> State:
        """What the engine is doing now, as far as the chat that is shown is concerned."""
        if self._state is State.GENERATING and self._answer and not self._is_shown(self._answer):
            return State.BUSY
        is_free = self._state in (State.READY, State.IDLE)
        if is_free and self.selection not in (self._serving, self._refused):
            return State.UNLOADED
        return self._state

    @property
    def _serving(self) -> Selection | None:
        """What is loaded."""
        return self._loading if self._loaded else None

    # -- the person's acts: the engine -----------------------------------------------------------

    def start_engine(self) -> None:
        """Start the engine process, in place of one that ended."""
        if self._closed or (self._engine and self._state is not State.CRASHED):
            return
        if self._engine:
            self._engine.close()
        self._is_restarting = False
        self.noticed.emit(None)
        self._engine = self._spawn()
        self._engine.reported.connect(self._on_event)
        self._enter(State.STARTING)
        self._engine.start()

    def restart_engine(self) -> None:
        """Start the engine process again, in place of one that ended or stands still."""
        if self._engine and self._is_stalled:
            self._is_restarting = True  # as soon as its end has been dealt with
            self._engine.client.kill()
        else:
            self.start_engine()

    def load_otherwise(self, precision: Precision) -> None:
        """Load the selection in another precision, in an engine of its own where this one ended."""
        self.select(precision=precision)
        self.start_engine()

    def select(self, **changes: Any) -> None:
        """Change model, precision or kernel, and load what is selected then."""
        selection = replace(self.selection, **changes)
        if selection != self.selection:
            self.chosen = selection
            self._use(selection)
            if self._queued and self._desk.talk.is_same(self._queued.talk):
                self._queued = replace(self._queued, selection=selection)
        elif selection == self._loading and self._state not in (State.IDLE, State.CRASHED):
            return
        self.load()

    def load(self, regardless: bool = False) -> None:
        """Load the selection in place of what is loaded; the conversation stays.

        regardless: also where memory will not suffice.
        """
        self._load(self.selection, regardless)

    def stop(self) -> None:
        """Stop the loading, or the answer that is shown."""
        if self.state is not State.BUSY:
            self.stop_anywhere()

    def stop_anywhere(self) -> None:
        """Stop the loading, or the answer, whichever chat it is in."""
        answer_id = self._answer.request_id if self._answer else None
        request_id = self._load_id or answer_id
        if self._state is State.CRASHED:
            return
        if request_id is not None:
            self._running().stop(request_id)
        elif self._answer:
            self._answer.is_unwanted = True

    def close(self) -> None:
        """End the engine process for good; returns when it is gone."""
        self._closed = True
        if self._engine is None:
            return
        self._engine.reported.disconnect(self._on_event)
        self.stop_anywhere()
        if self._answer and self._answer.message:
            self._answer.journal()  # which the history marks as cut short when it closes
        self._engine.close()
        self._engine = None

    # -- the person's acts: the chat -------------------------------------------------------------

    def ask(self, text: str, files: Sequence[Attachment] = ()) -> bool:
        """Ask a question in the chat that is shown. Returns whether it was taken.

        It waits while a model loads or another chat is answered.
        """
        if not text.strip() and not files:
            return False
        shown = text if text.strip() else ", ".join(file.name for file in files)
        step = steps.ask(text, self._desk.talk.settings, files)
        return self._take(step, shown, text, tuple(files))

    def edit(self, question: int, text: str) -> bool:
        """Ask `question` in other words; the old ones are kept beside them."""
        return self._take(steps.edit(question, text), text, text)

    def regenerate(self, answer: int) -> bool:
        """Answer again; the old answer is kept beside the new one."""
        parent = next((m.parent for m in self._desk.talk.path if m.id == answer), None)
        return parent is not None and self._take(steps.answer_again(parent), tr("A new answer"))

    def resume(self, answer: int) -> bool:
        """Let an answer that was cut short go on."""
        return self._take(steps.resume(answer), tr("The rest of the answer"))

    def take_back(self) -> None:
        """Return the queued question to the composer."""
        if self._queued:
            request = self._queued
            self._queue(None)
            self._give_back(request)

    def count(self, sent: tuple[ChatMessage, ...], texts: tuple[str, ...]) -> bool:
        """Have the tokens counted, unless the engine is at work; `counted` tells them."""
        if self.state is not State.READY or not self._engine:  # the window may be closing
            return False
        engine = self._engine.client
        self._count_id = engine.next_id()
        engine.send(messages.Count(request_id=self._count_id, messages=sent, texts=texts))
        return True

    def _take(
        self, step: Step, shown: str, text: str = "", files: tuple[Attachment, ...] = ()
    ) -> bool:
        """Begin an answer, or let it wait its turn. text, files: to be given back if that fails."""
        if self._queued:
            return False
        request = Request(self._desk.talk, self.selection, step, shown, text, files)
        match self.state:
            case State.READY:
                self._begin(request)
            case State.UNLOADED:
                self._queue(request)
                self._load(request.selection)
            case State.STARTING | State.LOADING | State.BUSY:
                self._queue(request)
            case _:
                return False
        return True

    # -- from a request to an answer -------------------------------------------------------------

    def _begin(self, request: Request) -> None:
        """Have the request saved; the engine is asked then."""
        assert self._loaded
        self.noticed.emit(None)
        answer = self._answer = Answer(request)
        self._enter(State.GENERATING)
        chat, step = request.talk.chat, request.step
        by = steps.Answerer(request.selection, self._loaded.title, self._loaded.kernel)
        request.talk.store.do(
            lambda history: step(history, chat, by),
            partial(self._on_saved, answer),
            partial(self._on_unsaved, answer),
        )

    def _on_saved(self, answer: Answer, shown: Shown) -> None:
        answer.begin(shown)
        self._desk.take(answer.talk, shown)
        self.answering.emit(answer.talk)
        if answer.is_unwanted:  # stopped meanwhile, or the engine has ended
            self._end(answer, answer.cut())
            return
        engine = self._running()
        answer.request_id = engine.next_id()
        engine.send(answer.command(shown))

    def _on_unsaved(self, answer: Answer, notice: Notice) -> None:
        self._forget(answer)
        self._give_back(answer.request)
        self.noticed.emit(notice)

    def _give_back(self, request: Request) -> None:
        if request.text or request.files:
            self.question_returned.emit(request.text, request.files)

    def _end(self, answer: Answer, message: Message) -> None:
        """Show the answer's end and have it written."""
        self._desk.update(answer.talk, message)
        answer.talk.store.do(
            answer.writing(message), lambda _nothing: self._desk.settle(message.id)
        )
        self._forget(answer)
        self.answer_ended.emit(message)
        self._go_on()

    def _forget(self, answer: Answer) -> None:
        if self._answer is not answer:
            return
        self._answer = None
        self.answering.emit(None)
        if self._state is State.GENERATING:
            self._enter(State.LOADING if self._load_id else State.READY)

    def _go_on(self) -> None:
        """Serve what waits, as far as nothing else is in the way."""
        request = self._queued
        if request is None or self._state is not State.READY:
            return
        if request.selection != self._serving:
            self._load(request.selection)
        else:
            self._queue(None)
            self._begin(request)

    # -- the engine's events ---------------------------------------------------------------------

    @Slot(object)
    def _on_event(self, event: AnyEvent) -> None:
        if self._closed:
            return  # it was on its way when the window went
        answer = self._answer
        match event:
            case messages.Memory():
                if answer and answer.message:  # the pulse, twice a second, while the answer grows
                    answer.journal()
                self.figures_arrived.emit(event)
            case messages.Ready():
                self._enter(State.IDLE)
                self.load()
            case messages.Crashed():
                self._on_crashed(event)
            case messages.Stalled() | messages.Recovered():
                self._on_stalled(event)
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
            ) if answer and event.request_id == answer.request_id:
                self._on_answer_event(event, answer)
            case messages.Counted() | messages.Failed() if event.request_id == self._count_id:
                self.counted.emit(event if isinstance(event, messages.Counted) else None)
            case _:
                pass  # of a request that the person has moved on from

    def _on_load_event(self, event: messages.Loaded | messages.Progress | messages.Failed) -> None:
        if isinstance(event, messages.Progress):
            self.loading_progressed.emit(event)
            return
        self._load_id = None
        if isinstance(event, messages.Failed):
            self._refused = self._loading
            self._enter(State.IDLE)
            self.take_back()
            assert self._loading
            self.noticed.emit(load_notice(event, self._loading.precision))
            return
        assert self._loading
        self._loaded, self.chosen = event, self._loading
        self._enter(State.READY)
        self.model_loaded.emit(event)
        if event.remarks:
            self.noticed.emit(Notice(" ".join(event.remarks)))
        self._go_on()

    def _on_answer_event(
        self,
        event: messages.Progress
        | messages.Prefilled
        | messages.Chunk
        | messages.Done
        | messages.Failed,
        answer: Answer,
    ) -> None:
        match event:
            case messages.Progress():
                if self._is_shown(answer):
                    self.reading_progressed.emit(event)
            case messages.Prefilled():
                self.figures_arrived.emit(event)
            case messages.Chunk():
                self._desk.update(answer.talk, answer.grow(event.text))
                self.figures_arrived.emit(event)
            case messages.Done():
                self.figures_arrived.emit(event)
                self._end(answer, answer.complete(event))
            case messages.Failed():
                self._end(answer, answer.cut())
                self.noticed.emit(answer_notice(event, answer.request.selection.precision))

    def _on_crashed(self, event: messages.Crashed) -> None:
        self._load_id = self._loaded = None
        self._is_stalled = False
        self._enter(State.CRASHED)
        self.model_loaded.emit(None)
        if self._answer:
            self._cut(self._answer)
        self.take_back()
        if self._is_restarting:
            self.start_engine()
        else:
            self.noticed.emit(crash_notice(event))

    def _on_stalled(self, event: messages.Stalled | messages.Recovered) -> None:
        """Say that the engine stands still, which it may do without harm; or take that back."""
        was_stalled, self._is_stalled = self._is_stalled, isinstance(event, messages.Stalled)
        if isinstance(event, messages.Stalled):
            offers = (WayOut.RESTART, WayOut.OPEN_LOG)
            self.noticed.emit(Notice(event.sentence, event.way_out, offers))
        elif was_stalled:
            self.noticed.emit(None)

    # -- steps shared by the above ---------------------------------------------------------------

    def _on_chat_opened(self, talk: Talk) -> None:
        """Show what the chat was last answered with; it is loaded when something is asked."""
        known = talk.settings
        self._use(
            Selection(
                known.model or self.chosen.model,
                known.precision or self.chosen.precision,
                known.kernel or self.chosen.kernel,
                known.context_length,
                known.threads,
            )
        )

    def _on_talk_left(self, talk: Talk) -> None:
        if self._queued and self._queued.talk is talk:
            self.take_back()
        if self._answer and self._answer.talk is talk:
            self.stop_anywhere()
            self._forget(self._answer)

    def _use(self, selection: Selection) -> None:
        if selection != self.selection:
            self.selection = selection
            self.selection_changed.emit(selection)
        self._tell_state()

    def _load(self, selection: Selection, regardless: bool = False) -> None:
        if self._state in (State.STARTING, State.CRASHED):
            return  # it is loaded as soon as the engine is ready
        self.stop_anywhere()
        self.noticed.emit(None)
        self._loaded = self._refused = None
        self._loading = selection
        self.model_loaded.emit(None)
        engine = self._running()
        self._load_id = engine.next_id()
        engine.send(
            messages.Load(
                request_id=self._load_id,
                model=selection.model,
                precision=selection.precision,
                kernel=selection.kernel,
                context_length=selection.context_length,
                threads=selection.threads,
                regardless=regardless,
            )
        )
        if self._answer is None:
            self._enter(State.LOADING)

    def _cut(self, answer: Answer) -> None:
        if answer.message:
            self._end(answer, answer.cut())
        else:
            answer.is_unwanted = True

    def _is_shown(self, answer: Answer) -> bool:
        return self._desk.talk.is_same(answer.talk)

    def _queue(self, request: Request | None) -> None:
        self._queued = request
        self.question_queued.emit(request.shown if request else "")

    def _enter(self, state: State) -> None:
        self._state = state
        self._tell_state()

    def _tell_state(self) -> None:
        state = self.state
        if state is not self._told:
            self._told = state
            self.state_changed.emit(state)

    def _running(self) -> EngineClient:
        assert self._engine, "start_engine() comes first"
        return self._engine.client
