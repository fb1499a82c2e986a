"""The icon in the system tray, where the person wants one: the window hides there when closed."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from desktop.translation import tr

has_tray = QSystemTrayIcon.isSystemTrayAvailable


class Tray(QObject):
    """Says what was chosen there. Without a tray on this desktop it is never there."""

    show_wanted = Signal()
    new_chat_wanted = Signal()
    quit_wanted = Signal()

    def __init__(self, icon: QIcon, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._icon = QSystemTrayIcon(icon, self)
        self._icon.setToolTip("Tern")
        self.menu = QMenu(window)
        self.menu.addAction(tr("Show the window"), self.show_wanted.emit)
        self.menu.addAction(tr("New chat"), self.new_chat_wanted.emit)
        self.menu.addSeparator()
        self.menu.addAction(tr("Quit"), self.quit_wanted.emit)
        self._icon.setContextMenu(self.menu)
        self._icon.activated.connect(self._on_activated)

    @property
    def is_on(self) -> bool:
        """Whether there is an icon now, from which a hidden window can be had back."""
        return self._icon.isVisible() and has_tray()

    def switch(self, on: bool) -> None:
        """Show the icon or take it away, as far as this desktop has a tray."""
        self._icon.setVisible(on and has_tray())

    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        """A click on the icon shows the window, or hides it where it is in front."""
        if reason is not QSystemTrayIcon.ActivationReason.Trigger:
            return
        if self._window.isVisible() and self._window.isActiveWindow():
            self._window.hide()
        else:
            self.show_wanted.emit()
