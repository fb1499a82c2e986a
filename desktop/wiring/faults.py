"""Faults of the window's own process -> a dialog and a notice; both lead to a support archive."""

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox

from desktop import dialogs
from desktop.background import Background
from desktop.faults import Faults
from desktop.shell.main_window import MainWindow
from desktop.shell.menus import Menus
from desktop.support_dialog import SupportDialog
from desktop.translation import tr
from engine.paths import Paths
from engine.support import write

_APART_MS = 60_000  # between one dialog's end and the next: who closes one has been told


def connect_support(window: MainWindow, menus: Menus, paths: Paths) -> None:
    """The support archive: gathered and written in the background, shown before it is saved."""
    dialog = SupportDialog(window)
    background = Background(window)

    def gather() -> dict[str, str]:
        from engine.cli.doctor import support_files

        return support_files(paths)

    def save(file: Path, files: Mapping[str, str]) -> None:
        background.run(
            lambda _task: write(file, files),
            lambda _nothing: dialog.tell(tr("Saved as {file}.", file=file)),
            dialog.show_notice,
        )

    def look() -> None:
        background.run(lambda _task: gather(), dialog.show_files, dialog.show_notice)

    dialog.files_wanted.connect(look)
    dialog.save_wanted.connect(save)
    menus.support_wanted.connect(dialog.come_forward)
    window.closing.connect(background.close)


def connect_faults(window: MainWindow, menus: Menus, faults: Faults, paths: Paths) -> None:
    """Faults -> a dialog, one at a time; a crash of the last run -> a quiet notice."""
    shown: list[QMessageBox] = []
    since = QElapsedTimer()

    def open_log() -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.window_log)))

    def tell() -> None:
        is_told = since.isValid() and not since.hasExpired(_APART_MS)
        if shown or is_told:
            return
        box = dialogs.tell_fault(window, open_log, menus.support_wanted.emit)
        shown.append(box)
        box.finished.connect(on_closed)

    def on_closed(_result: int) -> None:
        shown.clear()
        since.start()

    banner = window.chat.crash
    banner.log_wanted.connect(open_log)
    banner.archive_wanted.connect(menus.support_wanted)
    faults.happened.connect(tell)
    banner.setVisible(faults.crashed_before)
