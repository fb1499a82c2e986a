"""Carries the engine's events from its process to the window's thread, one signal an event.

Starts and ends the process; knows nothing of what the events mean.
"""

import threading

from PySide6.QtCore import QObject, QThread, Signal

from desktop.translation import tr
from engine.client import EngineClient
from engine.errors import TernError
from engine.messages import AnyEvent, Crashed

_CLOSING_TIME = 1.5  # seconds for an orderly end before the process is killed


class EngineThread(QThread):
    """One engine process and the thread that listens to it.

    `reported` carries each `engine.messages` event; the last one is `Crashed` unless `close` came
    first.
    """

    reported = Signal(object)

    def __init__(self, client: EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.client = client
        self._start_lock = threading.Lock()
        self._closing = False

    def run(self) -> None:
        """Start the process and report its events until it ends. Runs in the thread."""
        try:
            with self._start_lock:
                if self._closing:
                    return
                self.client.start()
            for event in self.client.events():
                self.reported.emit(event)
        except TernError as error:
            self._report(error.said, error.advice)
        except Exception as error:  # a thread that dies silently would leave the window waiting
            sentence = tr("The engine could not be run: {error}.", error=error)
            self._report(sentence, tr("Start the engine again."))

    def close(self) -> None:
        """End the process and the thread; returns when both are gone."""
        with self._start_lock:
            self._closing = True
        self.client.close(_CLOSING_TIME)
        self.wait()

    def _report(self, sentence: str, way_out: str) -> None:
        event: AnyEvent = Crashed(
            sentence=sentence,
            way_out=way_out,
            exit_code=None,
            log_file=str(self.client.log_file),
        )
        self.reported.emit(event)
