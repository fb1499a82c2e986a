"""The figures in full: the engine's events -> the panel; who opens it."""

from desktop.controller import Controller
from desktop.shell.main_window import MainWindow
from desktop.shell.menus import Menus
from desktop.state import State
from desktop.telemetry.panel import TelemetryPanel
from desktop.theme import Theme


def connect_telemetry(
    window: MainWindow,
    menus: Menus,
    panel: TelemetryPanel,
    controller: Controller,
    theme: Theme,
) -> None:
    """Let the panel follow each answer, seen or unseen."""

    def show_state(state: State) -> None:
        if state is State.GENERATING:
            panel.begin()

    controller.state_changed.connect(show_state)
    controller.model_loaded.connect(panel.show_model)
    controller.figures_arrived.connect(panel.show_figures)
    theme.changed.connect(panel.recolour)
    window.chat.strip.details_wanted.connect(panel.come_forward)
    menus.figures_wanted.connect(panel.come_forward)
