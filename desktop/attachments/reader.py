"""Reads attached files one after another, away from the window's thread."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, SignalInstance

from desktop.attachments.attachment import read_attachment
from desktop.background import Background
from desktop.translation import trn

MOST_FILES = 20  # of one message


class AttachmentReader(QObject):
    """Each file begins, and then is read or refused; names are those on the disk."""

    began = Signal(str)
    read = Signal(object, str)  # Attachment, name
    refused = Signal(str, str)  # sentence, name

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = Background(self)
        self._waiting: deque[Path] = deque()
        self._is_busy = False

    def take(self, paths: Sequence[Path], room: int) -> None:
        """Read `paths`, of which there is room for so many."""
        taken = paths[: max(0, room)]
        for path in taken:
            self.began.emit(path.name)
        self._waiting.extend(taken)
        if len(taken) < len(paths):
            left_out = len(paths) - len(taken)
            sentence = trn(
                "A message takes {most} files at most, so {count} was left out.",
                "A message takes {most} files at most, so {count} were left out.",
                left_out,
                most=MOST_FILES,
            )
            self.refused.emit(sentence, "")
        self._go_on()

    def close(self) -> None:
        """Read no further; returns when the file at hand is done with."""
        self._waiting.clear()
        self._background.close()

    def _go_on(self) -> None:
        if self._is_busy or not self._waiting:
            return
        self._is_busy = True
        path = self._waiting.popleft()

        def end(signal: SignalInstance, value: object) -> None:
            self._is_busy = False
            signal.emit(value, path.name)
            self._go_on()

        self._background.run(
            lambda _task: read_attachment(path),
            lambda read: end(self.read, read),
            lambda notice: end(self.refused, f"{notice.sentence} {notice.way_out}"),
        )
