"""What makes a program one's own: language, size of letters, tray, keys, and one window."""

from PySide6.QtCore import QLibraryInfo, QLocale, Qt, QTranslator
from PySide6.QtWidgets import QApplication

from desktop.controller import Controller
from desktop.shell.instance import Instance, Wish
from desktop.shell.main_window import MainWindow
from desktop.shell.menus import Menus
from desktop.shell.shortcuts import ShortcutsDialog
from desktop.shell.tray import Tray, has_tray
from desktop.theme import Theme, next_zoom
from desktop.translation import RIGHT_TO_LEFT, language, resolved, use_language
from engine.settings import SettingsFile

# Of the Arabic locales one that writes figures as the window does, in European digits.
_LOCALES = {"ar": "ar_AE"}


def speak(app: QApplication, choice: str) -> None:
    """Use the chosen language for Tern's own texts and for Qt's, and its direction."""
    use_language(choice)
    is_mirrored = language() in RIGHT_TO_LEFT
    # "Cancel", "Copy", the dialog of files: Qt brings their translations.
    translator = QTranslator(app)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if language() != "en" and translator.load(f"qtbase_{language()}", folder):
        app.installTranslator(translator)
    direction = Qt.LayoutDirection
    if language() != QLocale().bcp47Name().partition("-")[0]:
        QLocale.setDefault(QLocale(_LOCALES.get(language(), language())))
    # After the translator, which brings a direction of its own.
    app.setLayoutDirection(direction.RightToLeft if is_mirrored else direction.LeftToRight)


def connect_language(window: MainWindow, settings: SettingsFile) -> None:
    """The choice of a language, which the next start follows."""
    general = window.settings.general

    def choose(choice: str) -> None:
        settings.change(language=choice)
        show()

    def show() -> None:
        choice = settings.value.language
        general.show_language(choice, is_later=resolved(choice) != language())

    general.language_chosen.connect(choose)
    show()


def connect_zoom(window: MainWindow, menus: Menus, theme: Theme, settings: SettingsFile) -> None:
    """The size of letters, by keys and in the settings."""
    general = window.settings.general

    def step(direction: int) -> None:
        theme.set_zoom(next_zoom(theme.zoom, direction) if direction else 100)

    def show(percent: int) -> None:
        window.set_zoom(percent)
        general.show_zoom(percent)
        settings.change(zoom=percent)

    menus.zoom_stepped.connect(step)
    general.zoom_chosen.connect(theme.set_zoom)
    theme.zoomed.connect(show)
    window.set_zoom(theme.zoom)
    general.show_zoom(theme.zoom)


def connect_tray(window: MainWindow, tray: Tray, menus: Menus, settings: SettingsFile) -> None:
    """The icon in the tray; only while it is there, closing the window hides it."""
    general = window.settings.general

    def switch(is_wanted: bool) -> None:
        settings.change(tray=is_wanted)
        tray.switch(is_wanted)

    def new_chat() -> None:
        window.come_forward()
        menus.new_chat_wanted.emit()

    general.show_tray(settings.value.tray, has_tray())
    general.tray_wanted.connect(switch)
    tray.show_wanted.connect(window.come_forward)
    tray.new_chat_wanted.connect(new_chat)
    tray.quit_wanted.connect(window.quit)
    window.hides = lambda: tray.is_on
    tray.switch(settings.value.tray)


def connect_shortcuts(window: MainWindow, menus: Menus) -> None:
    """The list of keys."""
    shortcuts = ShortcutsDialog(window)
    menus.shortcuts_wanted.connect(shortcuts.come_forward)


def connect_instance(window: MainWindow, instance: Instance, controller: Controller) -> None:
    """What a second start of Tern asks of this window."""

    def answer(wish: Wish) -> None:
        window.come_forward()
        wanted = {"model": wish.model, "precision": wish.precision}
        changes = {name: value for name, value in wanted.items() if value}
        if changes:
            controller.select(**changes)

    instance.wished.connect(answer)
    window.closing.connect(instance.release)
