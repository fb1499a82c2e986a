"""Where a remembered window goes on the screens that there are now. Pure geometry."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize

_GRIP = QSize(120, 40)  # px of the window's top that must be within reach


def place(wanted: QRect, screens: Sequence[QRect]) -> QRect | None:
    """Return `wanted` as far as it fits on the screen that shows most of it, or else None.

    screens: their parts that are free for windows. None where too little of the window's top would
    be on any screen to take hold of it: another screen, or none, has taken that one's place.
    """
    top = QRect(wanted.topLeft(), QSize(wanted.width(), _GRIP.height()))
    seen = [screen for screen in screens if _is_within_reach(screen.intersected(top))]
    if not seen:
        return None
    screen = max(seen, key=lambda s: _area(s.intersected(wanted)))
    size = wanted.size().boundedTo(screen.size())
    x = min(max(wanted.x(), screen.left()), screen.right() + 1 - size.width())
    y = min(max(wanted.y(), screen.top()), screen.bottom() + 1 - size.height())
    return QRect(x, y, size.width(), size.height())


def _is_within_reach(part: QRect) -> bool:
    return part.width() >= _GRIP.width() and part.height() >= _GRIP.height() // 2


def _area(part: QRect) -> int:
    return part.width() * part.height() if part.isValid() else 0
