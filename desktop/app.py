"""Builds the window's objects and connects their signals: the wiring diagram.

Everything reaches what it needs by its constructor or by a signal connected here.
"""

import gc
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from desktop.attachments.reader import AttachmentReader
from desktop.chats.desk import Desk
from desktop.chats.shelf import Shelf
from desktop.chats.store import Store
from desktop.controller import Controller
from desktop.engine_thread import EngineThread
from desktop.faults import Faults
from desktop.hub_controller import HubController
from desktop.lab_controller import LabController
from desktop.lab_page.prompts import PinnedPrompts
from desktop.library_controller import LibraryController
from desktop.models_page.finding import Finding
from desktop.models_page.fitting import suggestions
from desktop.models_page.page import Tab
from desktop.settings_panel.personas import PersonaFile
from desktop.shell.instance import Instance, Wish
from desktop.shell.main_window import MainWindow
from desktop.shell.menus import Menus
from desktop.shell.navigation import Page
from desktop.shell.tray import Tray
from desktop.state import Notice, Selection, State
from desktop.telemetry.panel import TelemetryPanel
from desktop.theme import Theme
from desktop.wiring.chat_settings import connect_panel, connect_personas
from desktop.wiring.chats import connect_desk, connect_messages, open_history
from desktop.wiring.drafting import connect_attachments, connect_context
from desktop.wiring.faults import connect_faults, connect_support
from desktop.wiring.habits import (
    connect_instance,
    connect_language,
    connect_shortcuts,
    connect_tray,
    connect_zoom,
    speak,
)
from desktop.wiring.lab import connect_lab
from desktop.wiring.models import connect_downloads, connect_find, connect_library
from desktop.wiring.settings import connect_general, connect_privacy, connect_storage
from desktop.wiring.sidebar import connect_files, connect_list, connect_moves, leaving
from desktop.wiring.telemetry import connect_telemetry
from desktop.wiring.ways_out import connect_ways_out
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
    """The objects that live as long as the window. last_chat: the uid of the one to begin with."""

    window: MainWindow
    menus: Menus
    controller: Controller
    store: Store
    desk: Desk
    shelf: Shelf
    theme: Theme
    personas: PersonaFile
    reader: AttachmentReader
    settings: SettingsFile
    paths: Paths
    last_chat: str
    network: Network
    library: LibraryController
    hub: HubController
    finding: Finding
    preflight: Preflight
    telemetry: TelemetryPanel
    tray: Tray
    lab: LabController


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
    speak(app, remembered.language)
    sheet = assets_folder() / "styles" / "window.qss"
    theme = Theme(app, sheet, remembered.theme, remembered.zoom)
    # Read at each connection: the terminal can seal it too.
    network = Network(Ledger(paths.ledger), lambda: SettingsFile.of(paths).value.sealed)
    hub = HubController(Hub(network), settings, paths)
    icon = QIcon(str(assets_folder() / "icons" / "tern.svg"))
    preflight = Preflight(paths, read_cpu())
    window = MainWindow(icon, theme.palette, hub.host, preflight.outlooks)
    theme.setParent(window)  # and goes with it: one left behind would go on styling all windows
    window.place(remembered.geometry, remembered.maximized)
    window.chat.side.restore(remembered.sidebar, remembered.sidebar_shown)
    selection = Selection(
        model=model or remembered.model,
        precision=precision or remembered.precision,
        kernel=remembered.kernel,
    )
    store = Store(paths.chats)
    desk = Desk(store)
    controller = Controller(lambda: EngineThread(EngineClient(paths, command)), selection, desk)
    desktop = Desktop(
        window=window,
        menus=Menus(window),
        controller=controller,
        store=store,
        desk=desk,
        shelf=Shelf(store),
        theme=theme,
        personas=PersonaFile(paths.config / "personas.toml"),
        reader=AttachmentReader(window),
        settings=settings,
        paths=paths,
        last_chat="" if model or precision else remembered.chat,
        network=network,
        library=LibraryController(settings, paths),
        hub=hub,
        finding=Finding(),
        preflight=preflight,
        telemetry=TelemetryPanel(theme.palette, window),
        tray=Tray(icon, window),
        lab=LabController(lambda: EngineClient(paths, command), paths, preflight, settings),
    )
    _connect_acts(desktop)
    _connect_events(desktop)
    _connect_chats(desktop)
    _connect_settings(desktop)
    _connect_pages(desktop)
    pinned = PinnedPrompts(paths.config / "lab.json")
    connect_lab(window, desktop.lab, controller, desktop.library, theme, pinned)
    connect_telemetry(window, desktop.menus, desktop.telemetry, controller, theme)
    connect_language(window, settings)
    connect_zoom(window, desktop.menus, theme, settings)
    connect_tray(window, desktop.tray, desktop.menus, settings)
    connect_shortcuts(window, desktop.menus)
    connect_support(window, desktop.menus, paths)
    _show_beginning(desktop)
    theme.apply()
    return desktop


def start(desktop: Desktop) -> None:
    """Show the window, and start the engine once it has been painted."""

    def suggest() -> None:
        desktop.finding.suggest(suggestions(desktop.preflight))

    desktop.window.chat.composer.setFocus()  # one can write at once
    desktop.window.show()
    QTimer.singleShot(0, desktop.controller, desktop.controller.start_engine)
    open_history(desktop.window, desktop.store, desktop.shelf, desktop.desk, chat=desktop.last_chat)
    QTimer.singleShot(0, desktop.library, desktop.library.refresh)
    QTimer.singleShot(0, desktop.hub, desktop.hub.start)
    QTimer.singleShot(0, desktop.finding, suggest)


def run(
    model: str | None = None,
    precision: Precision | None = None,
    new_window: bool = False,
    prepare: Callable[[Desktop], object] = lambda _desktop: None,
) -> int:
    """Show the window until it is closed; return the exit code.

    Where there is a window already, it gets the wishes instead, unless `new_window` asks for both.
    prepare: sees the objects before the window is shown.
    """
    QGuiApplication.setDesktopFileName("tern")
    app = QApplication(["tern"])  # also its name for the window manager
    app.setApplicationName("Tern")
    paths = Paths.default()
    instance = Instance(paths)
    is_second = not new_window and not instance.claim()
    if is_second and instance.hand_over(Wish.of(model, precision)):
        return 0
    faults = Faults(paths)
    with faults.watch():
        desktop = build(app, paths, model, precision)
        connect_faults(desktop.window, desktop.menus, faults, paths)
        connect_instance(desktop.window, instance, desktop.controller)
        # A window that hides in the tray is no reason to end, and one that closes is.
        app.setQuitOnLastWindowClosed(False)
        desktop.window.closing.connect(app.quit)
        # Python sees Ctrl-C at its next step, which the engine's pulse brings twice a second.
        signal.signal(signal.SIGINT, lambda *_: desktop.window.quit())
        prepare(desktop)
        with desktop.network.guard():
            start(desktop)
            # What is there now stays: the collector need not look at it, which takes 20 ms a time.
            gc.freeze()
            return app.exec()


def _connect_acts(desktop: Desktop) -> None:
    """What the person does -> the controller."""
    window, controller, menus = desktop.window, desktop.controller, desktop.menus
    chat = window.chat

    def ask(text: str) -> None:
        if controller.ask(text, chat.composer.files.attachments):
            chat.composer.clear_sent()

    def ask_example(text: str) -> None:
        if not controller.ask(text):
            chat.composer.give_back(text)
        chat.composer.setFocus()

    def write() -> None:
        window.show_page(Page.CHAT)

    def open_log(file: str = "") -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(file or str(desktop.paths.engine_log)))

    chat.composer.submitted.connect(ask)
    chat.composer.stop_wanted.connect(controller.stop)
    chat.composer.take_back_wanted.connect(controller.take_back)
    chat.welcome.example_chosen.connect(ask_example)
    chat.header.precisions.precision_chosen.connect(lambda p: controller.select(precision=p))
    chat.header.models.model_chosen.connect(lambda name: controller.select(model=name))
    chat.loading.cancel_wanted.connect(controller.stop)
    chat.demo.choose_wanted.connect(chat.header.models.open_list)
    connect_ways_out(window, menus, controller)
    chat.notice.log_wanted.connect(open_log)
    menus.stop_wanted.connect(controller.stop)
    menus.write_wanted.connect(write)
    menus.page_chosen.connect(window.show_page)
    menus.log_wanted.connect(open_log)


def _connect_events(desktop: Desktop) -> None:
    """What the controller reports -> the views."""
    chat, controller = desktop.window.chat, desktop.controller

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
    controller.model_loaded.connect(chat.welcome.show_model)
    controller.model_loaded.connect(chat.demo.show_model)
    controller.model_loaded.connect(chat.strip.show_model)
    controller.figures_arrived.connect(chat.strip.show_figures)
    controller.reading_progressed.connect(chat.transcript.tell_reading)
    controller.question_queued.connect(chat.composer.show_queued)
    controller.question_returned.connect(chat.composer.give_back)
    controller.noticed.connect(chat.notice.show_notice)
    for view in (chat.transcript, chat.composer, chat.header):
        desktop.theme.changed.connect(view.recolour)


def _connect_chats(desktop: Desktop) -> None:
    """The chat that is shown, and the list of all."""
    window, desk, controller = desktop.window, desktop.desk, desktop.controller

    connect_messages(window, desk, controller)
    connect_desk(window, desk, desktop.settings)
    connect_panel(window, desk, controller, desktop.personas)
    connect_personas(window, desk, desktop.personas)
    connect_attachments(window, desktop.reader)
    connect_context(window, desk, controller)
    connect_moves(window, desktop.menus, desk, desktop.shelf, leaving(window, desk))
    connect_list(window, desk, desktop.shelf, controller)
    connect_files(window, desktop.shelf)
    desktop.store.failed.connect(window.chat.notice.show_notice)
    desktop.theme.changed.connect(window.chat.sidebar.recolour)


def _connect_settings(desktop: Desktop) -> None:
    """What is remembered, and the list of models, which depends on it."""
    window, settings = desktop.window, desktop.settings

    def remember_model(loaded: Loaded | None) -> None:
        """Only a model that could be loaded is worth opening again."""
        if loaded is None:
            return
        chosen = desktop.controller.chosen
        model, folders = chosen.model, settings.value.folders
        if not loaded.is_demo and Path(model).is_dir():
            model = str(Path(model).absolute())
            folders = tuple(dict.fromkeys((*folders, model)))
        settings.change(
            model=model, precision=chosen.precision, kernel=chosen.kernel, folders=folders
        )

    def close() -> None:
        width, is_wanted = window.chat.side.state()
        settings.change(
            geometry=window.placed(),
            maximized=window.isMaximized(),
            sidebar=width,
            sidebar_shown=is_wanted,
        )
        desktop.controller.close()
        desktop.desk.close()
        desktop.store.close()
        desktop.library.close()
        desktop.hub.close()

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
    notice = desktop.window.chat.notice
    if settings.trouble:
        notice.show_notice(Notice(settings.trouble))
    settings.on_trouble = lambda said: notice.show_notice(Notice(said))
