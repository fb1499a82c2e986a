"""Builds the window's objects and connects their signals: the wiring diagram.

Everything reaches what it needs by its constructor or by a signal connected here.
"""

import signal
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from desktop.controller import Controller
from desktop.dialogs import confirm_new_chat
from desktop.engine_thread import EngineThread
from desktop.hub_controller import HubController
from desktop.library_controller import LibraryController
from desktop.main_window import MainWindow
from desktop.menus import Menus
from desktop.models_page.finding import Finding
from desktop.models_page.fitting import suggestions
from desktop.models_page.page import Tab
from desktop.navigation import Page
from desktop.state import Notice, Selection, State
from desktop.theme import Theme
from desktop.wiring.models import connect_downloads, connect_find, connect_library
from desktop.wiring.settings import connect_general, connect_privacy, connect_storage
from engine.client import EngineClient
from engine.hardware import read_cpu
from engine.messages import Loaded, Precision
from engine.network import Ledger, Network
from engine.paths import Paths, assets_folder
from engine.preflight import Preflight
from engine.settings import SettingsFile
from engine.store.hub import Hub


@dataclass(frozen=True)
class Desktop:
    """The objects that live as long as the window."""

    window: MainWindow
    menus: Menus
    controller: Controller
    theme: Theme
    settings: SettingsFile
    paths: Paths
    network: Network
    library: LibraryController
    hub: HubController
    finding: Finding
    preflight: Preflight


def build(
    app: QApplication,
    paths: Paths,
    model: str | None = None,
    precision: Precision | None = None,
    command: list[str] | None = None,
) -> Desktop:
    """Return the window, ready to be shown; `start` brings it to life.

    model, precision: in place of the remembered ones. command: another engine process.
    """
    settings = SettingsFile.of(paths)
    remembered = settings.value
    theme = Theme(app, assets_folder() / "styles" / "window.qss")
    theme.choose(remembered.theme)
    # Read at each connection: the terminal can seal it too.
    network = Network(Ledger(paths.ledger), lambda: SettingsFile.of(paths).value.sealed)
    hub = HubController(Hub(network), settings, paths)
    icon = QIcon(str(assets_folder() / "icons" / "tern.svg"))
    preflight = Preflight(paths, read_cpu())
    window = MainWindow(icon, theme.palette, hub.host, preflight.outlooks)
    window.place(remembered.geometry)
    selection = Selection(
        model=model or remembered.model,
        precision=precision or remembered.precision,
        kernel=remembered.kernel,
    )
    controller = Controller(lambda: EngineThread(EngineClient(paths, command)), selection)
    desktop = Desktop(
        window=window,
        menus=Menus(window),
        controller=controller,
        theme=theme,
        settings=settings,
        paths=paths,
        network=network,
        library=LibraryController(settings, paths),
        hub=hub,
        finding=Finding(),
        preflight=preflight,
    )
    _connect_acts(desktop)
    _connect_events(desktop)
    _connect_settings(desktop)
    _connect_pages(desktop)
    _show_beginning(desktop)
    return desktop


def start(desktop: Desktop) -> None:
    """Show the window, and start the engine once it has been painted."""

    def suggest() -> None:
        desktop.finding.suggest(suggestions(desktop.preflight))

    desktop.window.show()
    QTimer.singleShot(0, desktop.controller, desktop.controller.start_engine)
    QTimer.singleShot(0, desktop.library, desktop.library.refresh)
    QTimer.singleShot(0, desktop.hub, desktop.hub.start)
    QTimer.singleShot(0, desktop.finding, suggest)


def run(model: str | None = None, precision: Precision | None = None) -> int:
    """Show the window until it is closed; return the exit code."""
    QGuiApplication.setDesktopFileName("tern")
    app = QApplication(["tern"])  # also its name for the window manager
    app.setApplicationName("Tern")
    desktop = build(app, Paths.default(), model, precision)
    # Python sees Ctrl-C at its next step, which the engine's pulse brings twice a second.
    signal.signal(signal.SIGINT, lambda *_: desktop.window.close())
    with desktop.network.guard():
        start(desktop)
        return app.exec()


def _connect_acts(desktop: Desktop) -> None:
    """What the person does -> the controller."""
    window, controller, menus = desktop.window, desktop.controller, desktop.menus
    chat = window.chat

    def ask(text: str) -> None:
        if controller.ask(text):
            chat.composer.clear_sent()

    def ask_example(text: str) -> None:
        if not controller.ask(text):
            chat.composer.give_back(text)
        chat.composer.setFocus()

    def write() -> None:
        window.show_page(Page.CHAT)

    def new_chat() -> None:
        window.show_page(Page.CHAT)
        if controller.conversation:
            confirm_new_chat(window, controller.new_chat)

    def open_log(_file: str = "") -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(desktop.paths.engine_log)))

    chat.composer.submitted.connect(ask)
    chat.composer.stop_wanted.connect(controller.stop)
    chat.composer.take_back_wanted.connect(controller.take_back)
    chat.welcome.example_chosen.connect(ask_example)
    chat.header.new_chat_wanted.connect(new_chat)
    chat.header.precisions.precision_chosen.connect(lambda p: controller.select(precision=p))
    chat.header.models.model_chosen.connect(lambda name: controller.select(model=name))
    chat.loading.cancel_wanted.connect(controller.stop)
    chat.demo.choose_wanted.connect(chat.header.models.open_list)
    chat.notice.restart_wanted.connect(controller.start_engine)
    chat.notice.load_wanted.connect(controller.load)
    chat.notice.load_anyway_wanted.connect(lambda: controller.load(regardless=True))
    chat.notice.log_wanted.connect(open_log)
    menus.new_chat_wanted.connect(new_chat)
    menus.stop_wanted.connect(controller.stop)
    menus.write_wanted.connect(write)
    menus.page_chosen.connect(window.show_page)
    menus.log_wanted.connect(open_log)


def _connect_events(desktop: Desktop) -> None:
    """What the controller reports -> the views."""
    chat, controller = desktop.window.chat, desktop.controller

    def show_page() -> None:
        chat.show_conversation(is_empty=not controller.conversation)

    def show_state(state: State) -> None:
        chat.composer.show_state(state)
        chat.loading.show_state(state)
        if state is State.GENERATING:
            chat.strip.forget_answer()
        if state is State.CRASHED:
            chat.strip.forget_engine()
        if state is State.IDLE:
            chat.demo.hide()

    controller.state_changed.connect(show_state)
    controller.selection_changed.connect(chat.header.show_selection)
    controller.loading_progressed.connect(chat.loading.show_progress)
    controller.model_loaded.connect(chat.header.show_loaded)
    controller.model_loaded.connect(chat.demo.show_model)
    controller.model_loaded.connect(chat.strip.show_model)
    controller.figures_arrived.connect(chat.strip.show_figures)
    controller.turn_added.connect(chat.transcript.add)
    controller.turn_added.connect(show_page)
    controller.reading_progressed.connect(chat.transcript.tell_reading)
    controller.answer_grew.connect(chat.transcript.grow)
    controller.answer_ended.connect(chat.transcript.finish)
    controller.exchange_dropped.connect(chat.transcript.drop_exchange)
    controller.exchange_dropped.connect(show_page)
    controller.conversation_cleared.connect(chat.transcript.clear)
    controller.conversation_cleared.connect(chat.strip.forget_answer)
    controller.conversation_cleared.connect(show_page)
    controller.question_queued.connect(chat.composer.show_queued)
    controller.question_returned.connect(chat.composer.give_back)
    controller.noticed.connect(chat.notice.show_notice)
    desktop.theme.changed.connect(chat.transcript.recolour)


def _connect_settings(desktop: Desktop) -> None:
    """What is remembered, and the list of models, which depends on it."""
    window, settings = desktop.window, desktop.settings

    def remember_selection(selection: Selection) -> None:
        settings.change(precision=selection.precision, kernel=selection.kernel)

    def remember_model(loaded: Loaded | None) -> None:
        """Only a model that could be loaded is worth opening again."""
        if loaded is None:
            return
        model = desktop.controller.selection.model
        folders = settings.value.folders
        if not loaded.is_demo and Path(model).is_dir():
            model = str(Path(model).absolute())
            folders = tuple(dict.fromkeys((*folders, model)))
        settings.change(model=model, folders=folders)

    def close() -> None:
        settings.change(geometry=window.placed())
        desktop.controller.close()
        desktop.library.close()
        desktop.hub.close()

    desktop.controller.selection_changed.connect(remember_selection)
    desktop.controller.model_loaded.connect(remember_model)
    window.closing.connect(close)


def _connect_pages(desktop: Desktop) -> None:
    """The Models and the Settings page."""
    window, controller, settings = desktop.window, desktop.controller, desktop.settings
    library, hub, finding = desktop.library, desktop.hub, desktop.finding

    def find_more() -> None:
        window.show_page(Page.MODELS)
        window.models.show_tab(Tab.FIND)

    window.chat.header.models.more_wanted.connect(find_more)
    window.chat.header.models.list_wanted.connect(library.refresh)
    desktop.theme.changed.connect(window.navigation.recolour)
    desktop.theme.changed.connect(window.models.recolour)
    connect_library(window, library, hub, controller)
    connect_find(window, hub, finding)
    connect_downloads(window, hub, library, finding, controller)
    connect_general(window, desktop.menus, desktop.theme, settings, controller)
    connect_storage(window, library, settings)
    connect_privacy(window, hub, settings, desktop.network.ledger)


def _show_beginning(desktop: Desktop) -> None:
    """Bring the views to the state before anything has happened."""
    settings = desktop.settings
    desktop.window.chat.header.show_selection(desktop.controller.selection)
    desktop.window.chat.composer.show_state(desktop.controller.state)
    if settings.trouble:
        desktop.window.chat.notice.show_notice(Notice(settings.trouble))
