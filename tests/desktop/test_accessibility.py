"""Every control of every page can be named, has a role, is reached by keys, and shows its focus."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMenuBar,
    QPlainTextEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.lab_page.page import LabTab
from desktop.models_page.page import Tab
from desktop.shell.navigation import Page
from desktop.shell.shortcuts import ShortcutsDialog
from desktop.support_dialog import SupportDialog
from tests.desktop.conftest import ask

CONTROLS = (QAbstractButton, QLineEdit, QPlainTextEdit, QComboBox, QAbstractSpinBox)
TABS = {Page.MODELS: Tab, Page.LAB: LabTab}
Role = QAccessible.Role
ROLES = {
    QAbstractButton: {Role.Button, Role.CheckBox, Role.RadioButton, Role.ButtonMenu},
    QLineEdit: {Role.EditableText},
    QPlainTextEdit: {Role.EditableText},
    QComboBox: {Role.ComboBox},
    QAbstractSpinBox: {Role.SpinBox},
}


def is_inner(widget: QWidget) -> bool:
    """Whether a widget is a part of one of Qt's own controls, which speaks for it."""
    return (
        widget.objectName().startswith("qt_")
        or isinstance(widget, (QScrollBar, QMenuBar))
        or isinstance(widget.parentWidget(), (QLineEdit, QComboBox, QAbstractSpinBox))
        or type(widget).__name__
        in ("QTableCornerButton", "QHeaderView", "QComboBoxPrivateContainer")
    )


def controls(root: QWidget) -> Iterator[QWidget]:
    """What a person can act on in `root`."""
    for widget in root.findChildren(QWidget):
        takes_keys = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        is_control = isinstance(widget, CONTROLS) or (takes_keys and not widget.focusProxy())
        if is_control and widget.isVisible() and widget.isEnabled() and not is_inner(widget):
            yield widget


def described(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.objectName()!r} in {type(widget.parent()).__name__}"


def pages(made: Desktop, qtbot: QtBot) -> Iterator[QWidget]:
    """Show each page in turn."""
    for page in Page:
        made.window.show_page(page)
        for tab in TABS.get(page, (None,)):
            if tab:
                made.window.pages[page].show_tab(tab)
            qtbot.wait(50)  # what is laid out later
            yield made.window.pages[page]


def windows(made: Desktop, qtbot: QtBot) -> Iterator[QWidget]:
    """Show each page, and then each dialog of the window."""
    yield from pages(made, qtbot)
    made.telemetry.come_forward()
    yield made.telemetry
    made.telemetry.close()
    made.menus.shortcuts_wanted.emit()
    yield made.window.findChild(ShortcutsDialog)
    made.window.findChild(ShortcutsDialog).close()
    made.menus.support_wanted.emit()
    support = made.window.findChild(SupportDialog)
    qtbot.waitUntil(support.save.isEnabled)
    yield support
    support.close()


@pytest.fixture
def full(ready: Desktop, qtbot: QtBot) -> Desktop:
    """A window with an answer, and in front."""
    ask(qtbot, ready, "code please")
    ready.window.activateWindow()
    qtbot.waitUntil(ready.window.isActiveWindow)
    return ready


def test_every_control_has_a_name_and_a_role(full: Desktop, qtbot: QtBot) -> None:
    seen = 0
    for root in windows(full, qtbot):
        for widget in controls(root):
            seen += 1
            interface = QAccessible.queryAccessibleInterface(widget)
            assert interface.text(QAccessible.Text.Name).strip(), described(widget)
            wanted = next((ROLES[kind] for kind in ROLES if isinstance(widget, kind)), None)
            role = interface.role()
            assert role in wanted if wanted else role is not Role.NoRole, (described(widget), role)
    assert seen > 50


def test_what_shows_an_icon_alone_says_in_words_what_it_does(full: Desktop, qtbot: QtBot) -> None:
    seen = 0
    for root in windows(full, qtbot):
        for widget in controls(root):
            if isinstance(widget, QAbstractButton) and not any(map(str.isalpha, widget.text())):
                seen += 1
                assert widget.toolTip() and widget.accessibleName(), described(widget)
    full.window.resize(500, 700)
    qtbot.waitUntil(lambda: full.window.navigation.buttons[Page.CHAT].width() < 60)
    for choice in full.window.navigation.buttons.values():
        assert choice.toolTip() and choice.accessibleName()
    assert seen > 0


def reached(window: QWidget, qtbot: QtBot, most: int = 300) -> set[QWidget]:
    """Return what Tab comes to until it begins again."""
    found: dict[QWidget, None] = {}
    for _ in range(most):
        focus = QApplication.focusWidget()
        if focus is None or (focus in found and len(found) > 1 and focus is next(iter(found))):
            break
        found[focus] = None
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    return set(found)


def by_arrows(widget: QWidget, found: set[QWidget]) -> bool:
    """Whether arrow keys lead to `widget` from the chosen one of its group."""
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    return group is not None and group.exclusive() and group.checkedButton() in found


def test_tab_reaches_every_control(full: Desktop, qtbot: QtBot) -> None:
    for page in pages(full, qtbot):
        found = reached(full.window, qtbot)
        missed = [
            described(widget)
            for widget in controls(page)
            if widget not in found and not by_arrows(widget, found)
        ]
        assert missed == []
        assert set(full.window.navigation.buttons.values()) & found


def test_the_dialogs_are_gone_through_by_tab(full: Desktop, qtbot: QtBot) -> None:
    full.telemetry.come_forward()
    qtbot.waitUntil(full.telemetry.isActiveWindow)
    full.telemetry.speed.setFocus()
    assert {full.telemetry.speed, full.telemetry.memory, full.telemetry.table} <= reached(
        full.telemetry, qtbot
    )


def test_whatever_has_the_focus_shows_it(full: Desktop, qtbot: QtBot) -> None:
    """Its picture differs from the one without, where it is not a text with a cursor."""
    for page in pages(full, qtbot):
        for widget in controls(page):
            if isinstance(widget, (QLineEdit, QPlainTextEdit, QAbstractScrollArea)):
                continue
            widget.clearFocus()
            before = widget.grab().toImage()
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            if widget.hasFocus():
                assert widget.grab().toImage() != before, described(widget)
