"""One answer in the real window, measured: what `window_cost` does in a process of its own."""

from time import perf_counter, process_time

from PySide6.QtCore import QTimer

from desktop.app import Desktop
from desktop.state import State
from engine.messages import Done, Prefilled

_BEAT = 20  # ms between two looks at the event loop, few enough to cost nothing


class WindowTurn:
    """Opens `chat`, where one is given, asks `question`, stops after `seconds`, closes the window.

    opened_s: from asking for the chat to its painted end. longest_gap_s: the longest time, between
    the end of the prefill and that of the answer, in which the event loop did not answer. core: of
    one core, what the window's process took in that time.
    """

    def __init__(self, desktop: Desktop, question: str, seconds: float, chat: int | None) -> None:
        self.tokens_per_s = self.opened_s = self.longest_gap_s = self.core = 0.0
        self._desktop = desktop
        self._question = question
        self._seconds = seconds
        self._chat = chat
        self._began = self._last = 0.0
        self._from = (0.0, 0.0)  # wall and CPU seconds when the answer began
        self._looks = QTimer(interval=0)
        self._looks.timeout.connect(self._look_for_end)
        self._beats = QTimer(interval=_BEAT)
        self._beats.timeout.connect(self._beat)
        desktop.controller.state_changed.connect(self._begin)
        desktop.controller.figures_arrived.connect(self._take)

    def _begin(self, state: State) -> None:
        if state is not State.READY or self._began:
            return
        self._began = perf_counter()
        if self._chat is None:
            self._desktop.controller.ask(self._question)
        else:
            self._desktop.desk.open(self._chat)
            self._looks.start()

    def _look_for_end(self) -> None:
        transcript = self._desktop.window.chat.transcript
        bar = transcript.verticalScrollBar()
        if transcript.views and transcript.is_settled and bar.value() == bar.maximum() > 0:
            self.opened_s = perf_counter() - self._began
            self._looks.stop()
            # What is still to be laid out above the end is not the answer's cost.
            QTimer.singleShot(500, lambda: self._desktop.controller.ask(self._question))

    def _take(self, event: object) -> None:
        controller = self._desktop.controller
        if isinstance(event, Prefilled):
            QTimer.singleShot(round(self._seconds * 1000), controller.stop)
            self._last = perf_counter()
            self._from = (self._last, process_time())
            self._beats.start()
        elif isinstance(event, Done):
            self._beats.stop()
            self.core = (process_time() - self._from[1]) / (perf_counter() - self._from[0])
            self.tokens_per_s = event.metrics.decode_tokens_per_s
            self._desktop.window.close()

    def _beat(self) -> None:
        now = perf_counter()
        self.longest_gap_s = max(self.longest_gap_s, now - self._last - _BEAT / 1000)
        self._last = now
