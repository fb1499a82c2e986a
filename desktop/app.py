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
from desktop.main_window import MainWindow
from desktop.menus import Menus
from desktop.model_list import ModelScan
from desktop.state import Notice, Selection, State
from desktop.theme import Theme
from engine.client import EngineClient
from engine.messages import Loaded, Precision
from engine.paths import Paths, assets_folder
from engine.settings import SettingsFile


@dataclass(frozen=True)
class Desktop:
    """The objects that live as long as the window."""

    window: MainWindow
    menus: Menus
    controller: Controller
    theme: Theme
    settings: SettingsFile
    scan: ModelScan
    paths: Paths


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
    window = MainWindow(QIcon(str(assets_folder() / "icons" / "tern.svg")), theme.palette)
    window.place(remembered.geometry)
    selection = Selection(
        model=model or remembered.model,
        precision=precision or remembered.precision,
        kernel=remembered.kernel,
    )
    controller = Controller(lambda: EngineThread(EngineClient(paths, command)), selection)
    scan = ModelScan(remembered, paths)
    desktop = Desktop(window, Menus(window), controller, theme, settings, scan, paths)
    _connect_acts(desktop)
    _connect_events(desktop)
    _connect_settings(desktop)
    _show_beginning(desktop)
    return desktop


def start(desktop: Desktop) -> None:
    """Show the window, and start the engine once it has been painted."""
    desktop.window.show()
    QTimer.singleShot(0, desktop.controller, desktop.controller.start_engine)
    QTimer.singleShot(0, desktop.scan, desktop.scan.start)


def run(model: str | None = None, precision: Precision | None = None) -> int:
    """Show the window until it is closed; return the exit code."""
    QGuiApplication.setDesktopFileName("tern")
    app = QApplication(["tern"])  # also its name for the window manager
    app.setApplicationName("Tern")
    desktop = build(app, Paths.default(), model, precision)
    # Python sees Ctrl-C at its next step, which the engine's pulse brings twice a second.
    signal.signal(signal.SIGINT, lambda *_: desktop.window.close())
    start(desktop)
    return app.exec()


def _connect_acts(desktop: Desktop) -> None:
    """What the person does -> the controller."""
    window, controller, menus = desktop.window, desktop.controller, desktop.menus

    def ask(text: str) -> None:
        if controller.ask(text):
            window.composer.clear_sent()

    def ask_example(text: str) -> None:
        if not controller.ask(text):
            window.composer.give_back(text)
        window.composer.setFocus()

    def new_chat() -> None:
        if controller.conversation:
            confirm_new_chat(window, controller.new_chat)

    def open_log(_file: str = "") -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(desktop.paths.engine_log)))

    window.composer.submitted.connect(ask)
    window.composer.stop_wanted.connect(controller.stop)
    window.composer.take_back_wanted.connect(controller.take_back)
    window.welcome.example_chosen.connect(ask_example)
    window.header.new_chat_wanted.connect(new_chat)
    window.header.precisions.precision_chosen.connect(lambda p: controller.select(precision=p))
    window.header.models.model_chosen.connect(lambda name: controller.select(model=name))
    window.loading.cancel_wanted.connect(controller.stop)
    window.demo.choose_wanted.connect(window.header.models.open_list)
    window.notice.restart_wanted.connect(controller.start_engine)
    window.notice.load_wanted.connect(controller.load)
    window.notice.log_wanted.connect(open_log)
    menus.new_chat_wanted.connect(new_chat)
    menus.stop_wanted.connect(controller.stop)
    menus.write_wanted.connect(window.composer.setFocus)
    menus.kernel_chosen.connect(lambda kernel: controller.select(kernel=kernel))
    menus.log_wanted.connect(open_log)


def _connect_events(desktop: Desktop) -> None:
    """What the controller reports -> the views."""
    window, controller = desktop.window, desktop.controller

    def show_page() -> None:
        window.show_conversation(is_empty=not controller.conversation)

    def show_state(state: State) -> None:
        window.composer.show_state(state)
        window.loading.show_state(state)
        if state is State.GENERATING:
            window.strip.forget_answer()
        if state is State.CRASHED:
            window.strip.forget_engine()
        if state is State.IDLE:
            window.demo.hide()

    controller.state_changed.connect(show_state)
    controller.selection_changed.connect(window.header.show_selection)
    controller.loading_progressed.connect(window.loading.show_progress)
    controller.model_loaded.connect(window.header.show_loaded)
    controller.model_loaded.connect(window.demo.show_model)
    controller.model_loaded.connect(window.strip.show_model)
    controller.figures_arrived.connect(window.strip.show_figures)
    controller.turn_added.connect(window.transcript.add)
    controller.turn_added.connect(show_page)
    controller.reading_progressed.connect(window.transcript.tell_reading)
    controller.answer_grew.connect(window.transcript.grow)
    controller.answer_ended.connect(window.transcript.finish)
    controller.exchange_dropped.connect(window.transcript.drop_exchange)
    controller.exchange_dropped.connect(show_page)
    controller.conversation_cleared.connect(window.transcript.clear)
    controller.conversation_cleared.connect(window.strip.forget_answer)
    controller.conversation_cleared.connect(show_page)
    controller.question_queued.connect(window.composer.show_queued)
    controller.question_returned.connect(window.composer.give_back)
    controller.noticed.connect(window.notice.show_notice)
    desktop.theme.changed.connect(window.transcript.recolour)


def _connect_settings(desktop: Desktop) -> None:
    """What is remembered, and the list of models, which depends on it."""
    window, settings, scan = desktop.window, desktop.settings, desktop.scan

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

    def choose_theme(choice: str) -> None:
        settings.change(theme=choice)
        desktop.theme.choose(settings.value.theme)

    def list_models() -> None:
        scan.settings = settings.value
        scan.start()  # does nothing while a scan is running

    def close() -> None:
        settings.change(geometry=window.placed())
        desktop.controller.close()
        scan.wait()

    desktop.controller.selection_changed.connect(remember_selection)
    desktop.controller.model_loaded.connect(remember_model)
    desktop.menus.theme_chosen.connect(choose_theme)
    window.header.models.list_wanted.connect(list_models)
    scan.found.connect(window.header.models.show_models)
    window.closing.connect(close)


def _show_beginning(desktop: Desktop) -> None:
    """Bring the views to the state before anything has happened."""
    settings = desktop.settings
    desktop.window.header.show_selection(desktop.controller.selection)
    desktop.window.composer.show_state(desktop.controller.state)
    desktop.menus.kernels[settings.value.kernel].setChecked(True)
    desktop.menus.themes[settings.value.theme].setChecked(True)
    if settings.trouble:
        desktop.window.notice.show_notice(Notice(settings.trouble))
