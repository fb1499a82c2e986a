from tests.desktop.conftest import home, open_window

__all__ = ["home", "open_window"]
