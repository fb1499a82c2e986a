"""The text of a message as panes one below the other, made in steps that each take a moment.

Most messages are one pane. A long one gets a new pane every few thousand characters, so that no
step - reading, wrapping, colouring anew - takes longer for it than for a short one.
"""

from markdown_it import MarkdownIt
from PySide6.QtCore import QUrl, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.document.look import Look
from desktop.document.text_pane import TextPane, copy_text
from desktop.document.typesetter import Typesetter
from desktop.markdown.reader import Reader, clean
from desktop.transcript.message_tools import tell_copied

_PANE = 8_000  # characters after which a new pane begins
_CHARACTERS = 80.0  # on a line, for estimates
_LINE = 23.0  # px


def estimated_height(characters: int, lines: int, width: int, zoom: float) -> float:
    """Return about how many px text takes in a column of `width` px, before it is laid out."""
    per_line = max(10.0, _CHARACTERS * width / (760 * zoom))
    return (lines + characters / per_line) * _LINE * zoom


class MessageBody(QWidget):
    """Text that may grow. `set_text`, `set_look` and `fit` say what is wanted; `advance` does it.

    parser: None for text that is shown as it is. shrink: no wider than the text needs.
    """

    link_opened = Signal(QUrl)

    def __init__(
        self,
        look: Look,
        typesetter: Typesetter,
        parser: MarkdownIt | None,
        shrink: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._typesetter = typesetter
        self._parser = parser
        self._shrink = shrink
        self._text = ""
        self._growing = False
        self._width = 0
        self.resize(0, 0)
        self._reader = Reader(parser)
        self._panes: list[TextPane] = []
        self._unread = False
        self._rewrite: list[TextPane] = []
        self._unfitted: list[TextPane] = []

    @property
    def panes(self) -> tuple[TextPane, ...]:
        """The panes made so far."""
        return tuple(self._panes)

    @property
    def is_done(self) -> bool:
        """Whether all is shown as it should be."""
        return not (self._unread or self._rewrite or self._unfitted)

    @property
    def has_selection(self) -> bool:
        """Whether some of it is selected."""
        return any(pane.textCursor().hasSelection() for pane in self._panes)

    def focus_chain(self) -> list[QWidget]:
        """Return what Tab reaches, in order."""
        return [widget for pane in self._panes for widget in (pane, *pane.copiers)]

    def toPlainText(self) -> str:
        """Return the text as it is shown so far."""
        return "\n".join(pane.toPlainText() for pane in self._panes)

    def set_text(self, text: str, growing: bool = False) -> None:
        """Show `text`; what is the same as before stays as it is."""
        text = clean(text)
        if text == self._text and growing == self._growing:
            return
        is_more = text.startswith(self._text) and self._growing
        self._text, self._growing = text, growing
        self._unread = True
        if not is_more or (not growing and self._reader.is_outdated(text)):
            self._begin_anew()

    def _begin_anew(self) -> None:
        for pane in self._panes:
            pane.hide()
            pane.deleteLater()
        self._reader = Reader(self._parser)
        self._panes, self._rewrite, self._unfitted = [], [], []

    def set_look(self, look: Look) -> None:
        """Use other colours and sizes."""
        self._look = look
        self._rewrite = list(self._panes)

    def refresh(self) -> None:
        """Show what the typesetter has made ready since; open text is shown anew as it grows."""
        self._rewrite = [pane for pane in self._panes if pane.is_stale or pane in self._rewrite]

    def fit(self, width: int) -> None:
        """Wrap at `width` px."""
        if width != self._width:
            self._width = width
            self._unfitted = list(self._panes)

    def advance(self) -> None:
        """Do one step of what is left to do."""
        if self._rewrite:
            pane = self._rewrite.pop(0)
            pane.rewrite(self._look)
            self._need_fit(pane)
        elif self._unfitted:
            self._unfitted.pop(0).fit(self._width, self._shrink)
            self._stack()
        elif self._unread:
            self._read_on()

    def _read_on(self) -> None:
        step = self._reader.read(self._text, self._growing)
        self._unread = step.more
        if not (step.settled or step.open or self._panes):
            return
        if not self._panes or self._panes[-1].length > _PANE:
            if self._panes:
                self._panes[-1].show_units([], [])
                self._need_fit(self._panes[-1])
            self._panes.append(self._pane())
        pane = self._panes[-1]
        pane.show_units(list(step.settled), list(step.open))
        self._need_fit(pane)

    def _pane(self) -> TextPane:
        pane = TextPane(self._look, self._typesetter, self)
        pane.fit(self._width)  # what is written into no width is laid out letter by letter
        pane.link_opened.connect(self.link_opened)
        pane.code_wanted.connect(self._copy_code)
        pane.show()
        return pane

    def _need_fit(self, pane: TextPane) -> None:
        if pane not in self._unfitted:
            self._unfitted.append(pane)

    def _stack(self) -> None:
        """Put the panes one below the other."""
        top = 0
        for i, pane in enumerate(self._panes):
            if i and pane.begins_anew:
                top += round(self._look.px(10))
            pane.move(0, top)
            top += pane.height()
        width = max((pane.width() for pane in self._panes), default=0)
        unread = len(self._text) - sum(pane.length for pane in self._panes) if self._unread else 0
        top += round(estimated_height(unread, 0, self._width, self._look.zoom))
        self.resize(width, top)

    def _copy_code(self, block: int, text: str, copier: QPushButton) -> None:
        if block >= 0:
            text = "".join(pane.code_of(block) for pane in self._panes)
        # Without the last line's end: pasted into a terminal it would run the command.
        copy_text(text.removesuffix("\n"))
        tell_copied(copier)
