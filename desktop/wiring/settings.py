"""The Settings page: the person's choices -> settings, library, Hub; what follows -> the page."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from desktop.controller import Controller
from desktop.hub_controller import HubController
from desktop.library_controller import LibraryController
from desktop.models_page import dialogs
from desktop.shell.main_window import MainWindow
from desktop.shell.menus import Menus
from desktop.shell.navigation import Page
from desktop.theme import Theme
from engine.network import Ledger
from engine.settings import SettingsFile
from engine.store.hub_cache import store_root
from engine.store.moving import MovePlan


def connect_general(
    window: MainWindow, menus: Menus, theme: Theme, settings: SettingsFile, controller: Controller
) -> None:
    """Colours and kernels, which the menus choose too."""
    general = window.settings.general

    def choose_theme(choice: str) -> None:
        settings.change(theme=choice)
        theme.choose(settings.value.theme)
        show()

    def show() -> None:
        value = settings.value
        general.show_theme(value.theme)
        menus.themes[value.theme].setChecked(True)
        general.show_kernel(controller.selection.kernel)
        menus.kernels[controller.selection.kernel].setChecked(True)

    menus.theme_chosen.connect(choose_theme)
    general.theme_chosen.connect(choose_theme)
    for chooser in (menus, general):
        chooser.kernel_chosen.connect(lambda kernel: controller.select(kernel=kernel))
    controller.selection_changed.connect(lambda _selection: show())
    show()


def connect_storage(window: MainWindow, library: LibraryController, settings: SettingsFile) -> None:
    """Where models lie, and what packed weights take."""
    page = window.settings
    storage = page.storage

    def ask_move(plan: MovePlan) -> None:
        dialogs.ask_move(window, plan, lambda: library.move(plan))

    def open_root() -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(store_root(settings.value))))

    storage.folder_wanted.connect(open_root)
    storage.move_wanted.connect(library.plan_move)
    storage.reclaim_wanted.connect(library.reclaim)
    page.job.cancel_wanted.connect(library.stop_job)
    library.move_planned.connect(ask_move)
    library.storage_changed.connect(storage.show_storage)
    library.job_changed.connect(page.job.show_job)
    library.noticed.connect(page.job.show_notice)
    library.told.connect(page.job.tell)


def connect_privacy(
    window: MainWindow, hub: HubController, settings: SettingsFile, ledger: Ledger
) -> None:
    """Sealed mode, the token and the ledger."""
    privacy = window.settings.privacy

    def seal(is_sealed: bool) -> None:
        settings.change(sealed=is_sealed)
        privacy.show_sealed(settings.value.sealed)
        hub.check()

    def show_ledger() -> None:
        privacy.show_ledger(ledger.read())

    def show(page: Page) -> None:
        hub.check()  # the terminal can seal it too
        if page is Page.SETTINGS:
            show_ledger()
            hub.look_for_token()

    def open_privacy() -> None:
        window.show_page(Page.SETTINGS)
        window.settings.show_privacy()

    privacy.sealed_wanted.connect(seal)
    privacy.token_unwanted.connect(hub.drop_token)
    privacy.ledger_wanted.connect(show_ledger)
    hub.has_token.connect(privacy.show_token)
    window.page_shown.connect(show)
    window.models.settings_wanted.connect(open_privacy)
    privacy.show_sealed(settings.value.sealed)
