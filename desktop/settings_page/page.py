"""The Settings page's layout: its sections under each other, in a column that is easy to read."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop.job_strip import JobStrip
from desktop.models_page.parts import Scroller
from desktop.settings_page.general import GeneralSection
from desktop.settings_page.privacy import PrivacySection
from desktop.settings_page.storage import StorageSection
from desktop.translation import tr
from desktop.widgets import label, plain_label, styled

_COLUMN = 720  # px at most


class SettingsPage(QWidget):
    """General, Storage, Privacy & network."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.general = GeneralSection()
        self.storage = StorageSection()
        self.privacy = PrivacySection(host)
        self.job = JobStrip()
        header = styled(QWidget(), "header")
        across = QHBoxLayout(header)
        across.setContentsMargins(20, 14, 20, 14)
        across.addWidget(label("Settings", "heading"))
        self._scroller = scroller = Scroller(tr("Settings"))
        inside = QWidget()
        inside.setMaximumWidth(_COLUMN)
        sections = QVBoxLayout(inside)
        sections.setContentsMargins(0, 0, 0, 0)
        sections.setSpacing(14)
        self._add(sections, tr("General"), self.general)
        self._add(sections, tr("Storage"), self.storage)
        self._add(sections, tr("Privacy & network"), self.privacy)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(inside, 100)
        middle.addStretch(1)
        scroller.column.addLayout(middle)
        scroller.column.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(header)
        column.addWidget(self.job)
        column.addWidget(scroller, 1)

    @property
    def entry(self) -> QWidget:
        """What the keys go to when the page is shown.

        No focus proxy: with one, Tab would come to it past all that stands before it.
        """
        return self.general.themes

    def show_privacy(self) -> None:
        """Bring the section on the network into view."""
        self.privacy.sealed.setFocus()
        self._scroller.ensureWidgetVisible(self.privacy.sealed)

    def _add(self, sections: QVBoxLayout, name: str, section: QWidget) -> None:
        card = styled(QWidget(), "card")
        column = QVBoxLayout(card)
        column.setContentsMargins(16, 16, 16, 18)
        column.setSpacing(12)
        column.addWidget(plain_label(name, "heading"))
        column.addWidget(section)
        sections.addWidget(card)
