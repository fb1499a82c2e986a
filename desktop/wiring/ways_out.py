"""The buttons of what went wrong -> what each of them does."""

from collections.abc import Callable

from desktop.controller import Controller
from desktop.shell.main_window import MainWindow
from desktop.shell.menus import Menus
from desktop.state import WayOut
from desktop.ways_out import lower
from engine.messages import Precision


def connect_ways_out(window: MainWindow, menus: Menus, controller: Controller) -> None:
    """Everything that a notice offers but its log."""
    chat = window.chat

    def open_settings() -> None:
        if not chat.header.settings.isChecked():
            chat.header.settings.click()

    def load_otherwise() -> None:
        if fitting := chat.notice.notice.precision:
            controller.load_otherwise(fitting)

    acts: dict[WayOut, Callable[[], object]] = {
        WayOut.RESTART: controller.restart_engine,
        WayOut.LOAD_OTHERWISE: load_otherwise,
        WayOut.LOAD: controller.load,
        WayOut.LOAD_ANYWAY: lambda: controller.load(regardless=True),
        WayOut.LOWER: lambda: controller.select(precision=lower(controller.selection.precision)),
        WayOut.INT4: lambda: controller.select(precision=Precision.INT4),
        WayOut.AUTO_KERNEL: lambda: controller.select(kernel="auto"),
        WayOut.NATIVE_KERNEL: lambda: controller.select(kernel="native"),
        WayOut.OTHER_MODEL: chat.header.models.open_list,
        WayOut.NEW_CHAT: menus.new_chat_wanted.emit,
        WayOut.CHAT_SETTINGS: open_settings,
        WayOut.SUPPORT: menus.support_wanted.emit,
    }
    chat.notice.wanted.connect(lambda offer: acts[offer]())
