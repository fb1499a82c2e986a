"""Paint the program's icon in the sizes that desktops ask for: `python packaging/icons.py FOLDER`.

Makes FOLDER/hicolor as the Icon Theme Specification of freedesktop.org has it, and tern.ico and
tern.icns for the programs of Windows and macOS. Needs no display.
"""

import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SOURCE = Path(__file__).resolve().parent.parent / "assets" / "icons" / "tern.svg"
SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)  # px
_OTHER_SYSTEMS = {"tern.ico": 256, "tern.icns": 512}  # px


def main() -> int:
    """Write below the folder that is the first argument, build/icons by default."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/icons")
    app = QGuiApplication([])
    write_icons(folder)
    del app
    return 0


def write_icons(folder: Path) -> None:
    """Write all icons below `folder`. Raises OSError where that fails."""
    renderer = QSvgRenderer(str(SOURCE))
    for size in SIZES:
        _save(renderer, size, icon_file(folder, size))
    for name, size in _OTHER_SYSTEMS.items():
        _save(renderer, size, folder / name)
    scalable = folder / "hicolor" / "scalable" / "apps" / "tern.svg"
    scalable.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SOURCE, scalable)


def icon_file(folder: Path, size: int) -> Path:
    """Return where the icon of `size` px belongs."""
    return folder / "hicolor" / f"{size}x{size}" / "apps" / "tern.png"


def _save(renderer: QSvgRenderer, size: int, file: Path) -> None:
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    file.parent.mkdir(parents=True, exist_ok=True)
    if not image.save(str(file)):
        raise OSError(f"{file} could not be written")


if __name__ == "__main__":
    sys.exit(main())
