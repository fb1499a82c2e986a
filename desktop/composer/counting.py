"""How many tokens the message that is being written would make, found out while it is written.

Asks after a pause in the typing, one question at a time, and each file only once. What it tells is
an estimate: the files' tokens are counted by themselves.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.attachments.attachment import Attachment, as_message
from engine.messages import Counted

_PAUSE = 250  # ms without a key

# Text of the message, texts to be counted by themselves -> whether the engine was asked.
Ask = Callable[[str, tuple[str, ...]], bool]


class TokenCounter(QObject):
    """ask: has the engine count; its answer comes to `take`, None where it could not."""

    counted = Signal(int)  # the whole prompt
    files_counted = Signal(object)  # dict[Attachment, int]

    def __init__(self, ask: Ask, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ask = ask
        self._text = ""
        self._files: tuple[Attachment, ...] = ()
        self._known: dict[Attachment, int] = {}
        self._asked: tuple[Attachment, ...] | None = None
        self._is_stale = False
        self._pause = QTimer(self, interval=_PAUSE, singleShot=True)
        self._pause.timeout.connect(self._count)

    def want(self, text: str, files: Sequence[Attachment]) -> None:
        """Count this message soon."""
        self._text, self._files = text, tuple(files)
        self._pause.start()

    def cancel(self) -> None:
        """Count nothing until something else is wanted: an exact figure has come."""
        self._pause.stop()
        self._is_stale = False

    def forget(self) -> None:
        """Another model counts otherwise; what was asked before is of no use."""
        self._known.clear()
        self._asked = None
        self._pause.start()

    def take(self, counted: Counted | None) -> None:
        """Tell what the engine has counted."""
        if self._asked is None:
            return
        asked, self._asked = self._asked, None
        if counted:
            self._known |= dict(zip(asked, counted.text_tokens, strict=True))
            self.files_counted.emit(self._known)
            files = sum(self._known.get(file, 0) for file in self._files)
            self.counted.emit(counted.prompt_tokens + files)
        if self._is_stale:
            self._count()

    def _count(self) -> None:
        self._is_stale = self._asked is not None
        if self._is_stale:
            return
        new = tuple(file for file in self._files if file not in self._known)
        texts = tuple(as_message([file], "") for file in new)
        if self._ask(self._text, texts):
            self._asked = new
