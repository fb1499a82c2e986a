"""One message's text: plain for the person's, Markdown for the engine's.

The engine's text is untrusted: HTML in it is shown as text, images and other resources are never
loaded, and links open only on a click and only to the web or to mail.
"""

from math import ceil
from typing import Any

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFontInfo,
    QTextCharFormat,
    QTextDocument,
    QTextFormat,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from desktop.document_style import dress
from desktop.theme import Palette

_SAFE_SCHEMES = frozenset({"http", "https", "mailto"})
# Markdown as GitHub knows it, less any HTML.
_MARKDOWN = QTextDocument.MarkdownFeature(
    QTextDocument.MarkdownFeature.MarkdownDialectGitHub.value
    | QTextDocument.MarkdownFeature.MarkdownNoHTML.value
)


def is_safe(url: QUrl) -> bool:
    """Return whether a link may be opened."""
    return url.scheme().lower() in _SAFE_SCHEMES


class MessageBody(QTextBrowser):
    """Selectable text as wide as it is told to be and as tall as it needs."""

    link_opened = Signal(QUrl)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Its own width, not the widget's: resizing a window of many messages must not wrap each
        # of them again at every step. `fit` does.
        self.setLineWrapMode(QTextBrowser.LineWrapMode.FixedPixelWidth)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDocumentMargin(0)
        self.setUndoRedoEnabled(False)
        self.viewport().setAutoFillBackground(False)
        self.anchorClicked.connect(self._on_link)
        self.highlighted.connect(lambda url: self.setToolTip(url.toString()))
        self._code_colour = QColor()
        self._line_colour = QColor()

    def show_plain(self, text: str) -> None:
        """Show `text` as it is."""
        self.setPlainText(text)
        dress(self.document(), self._code_colour, self._line_colour)

    def show_markdown(self, text: str) -> None:
        """Show `text` as Markdown without HTML."""
        self.ensurePolished()
        font = self.font()
        # Qt takes the space between paragraphs from the size in points, which px fonts lack.
        font.setPointSizeF(QFontInfo(font).pointSizeF())
        if font != self.document().defaultFont():
            self.document().setDefaultFont(font)
        self.document().setMarkdown(text, _MARKDOWN)
        if "![" in text:
            self._name_images()
        dress(self.document(), self._code_colour, self._line_colour)

    def set_colours(self, palette: Palette) -> None:
        """Set the colours of code and tables; seen from the next `show_markdown` on."""
        self._code_colour = QColor(palette.code)
        self._line_colour = QColor(palette.outline)

    def fit(self, width: int, shrink: bool = False) -> None:
        """Wrap at `width` px and take the height that needs; `shrink` also drops spare width."""
        self.ensurePolished()  # the style sheet brings the font
        self.setLineWrapColumnOrWidth(width)
        document = self.document()
        if shrink and document.idealWidth() < width:
            width = ceil(document.idealWidth())
            self.setLineWrapColumnOrWidth(width)
        self.setFixedSize(width, ceil(document.size().height()))

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Load nothing: neither a file of this computer nor anything from the network."""
        return None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to the transcript."""
        event.ignore()

    def sizeHint(self) -> QSize:
        """The size that `fit` gave."""
        return self.minimumSize()

    def minimumSizeHint(self) -> QSize:
        """The size that `fit` gave."""
        return self.minimumSize()

    def _on_link(self, url: QUrl) -> None:
        if is_safe(url):
            self.link_opened.emit(url)

    def _name_images(self) -> None:
        """Put an image's description in its place."""
        cursor = self.document().find("\ufffc")
        while not cursor.isNull():
            image = cursor.charFormat().toImageFormat()
            name = str(image.property(QTextFormat.Property.ImageAltText.value) or image.name())
            cursor.insertText(f"[image: {name}]", QTextCharFormat())
            cursor = self.document().find("\ufffc", cursor)
