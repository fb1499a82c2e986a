"""The line icons in the colour that the theme gives them."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QTransform

from engine.paths import assets_folder

_DRAWN = QSize(64, 64)  # px; scaled down wherever it is shown


def icon(name: str, colour: str, is_mirrored: bool = False) -> QIcon:
    """Return assets/icons/`name`.svg with all its strokes in `colour`, or its mirror image."""
    return QIcon(_tinted(name, colour, is_mirrored))


def picture(
    name: str, colour: str, size: int, ratio: float = 1.0, is_mirrored: bool = False
) -> QPixmap:
    """Return the same as a picture of `size` px on a screen with `ratio` pixels for each."""
    scaled = _tinted(name, colour, is_mirrored).scaled(
        QSize(size, size) * ratio,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    scaled.setDevicePixelRatio(ratio)
    return scaled


def _tinted(name: str, colour: str, is_mirrored: bool) -> QPixmap:
    drawn = QIcon(str(assets_folder() / "icons" / f"{name}.svg")).pixmap(_DRAWN, 1.0)
    painter = QPainter(drawn)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(drawn.rect(), QColor(colour))
    painter.end()
    return drawn.transformed(QTransform.fromScale(-1, 1)) if is_mirrored else drawn
