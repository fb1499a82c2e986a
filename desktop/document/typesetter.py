"""Colours of code and pictures of formulas, made on another thread and kept.

What is not there yet is None at first; `ready` says when to ask again.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal

from desktop.markdown.formula import draw
from desktop.markdown.highlight import LANGUAGES, Span, make_lexer, spans

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_KEPT = 1_000  # results


class Typesetter(QObject):
    """Asked on the window's thread, works on its own."""

    ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="typesetter")
        self._results: OrderedDict[Hashable, Any] = OrderedDict()
        self._latest: dict[str, tuple[str, list[Span]]] = {}
        self._lexers: dict[str, Lexer | None] = {}  # touched by the worker alone

    def code(self, text: str, language: str) -> list[Span] | None:
        """Return `text` in coloured pieces, plain in an unknown language, None if not ready yet."""
        if language.lower() not in LANGUAGES or not text.strip():
            return [(text, "")]
        known: list[Span] | Literal[False] | None = self._result(
            ("code", language, text), lambda: self._spans(text, language)
        )
        if known is None:
            return None
        known = known or [(text, "")]  # a lexer that failed
        self._latest[language] = (text, known)
        return known

    def code_so_far(self, text: str, language: str) -> list[Span]:
        """Return `text` with the colours of its beginning, where that was coloured before.

        So code that grows does not lose its colours with each letter.
        """
        beginning, known = self._latest.get(language, ("", []))
        if beginning and text.startswith(beginning):
            return [*known, (text[len(beginning) :], "")]
        return [(text, "")]

    def formula(self, latex: str, size: float, display: bool) -> Any:
        """Return the Formula, False where it cannot be drawn, None if not ready yet."""
        return self._result(
            ("formula", latex, size, display), lambda: draw(latex, size, display) or False
        )

    def close(self) -> None:
        """Stop working; what is being made is not waited for."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _spans(self, text: str, language: str) -> list[Span]:
        if language not in self._lexers:
            self._lexers[language] = make_lexer(language)
        lexer = self._lexers[language]
        return spans(text, lexer) if lexer else [(text, "")]

    def _result(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made for `key`, or have it made."""
        if key in self._results:
            self._results.move_to_end(key)
            return self._results[key]
        self._results[key] = None
        while len(self._results) > _KEPT:
            self._results.popitem(last=False)

        def keep(future: Future[Any]) -> None:
            if future.cancelled() or key not in self._results:
                return
            self._results[key] = False if future.exception() else future.result()
            with suppress(RuntimeError):  # the window is gone
                self.ready.emit()

        self._worker.submit(make).add_done_callback(keep)
        return self._results[key]  # there already, if the worker was that quick
