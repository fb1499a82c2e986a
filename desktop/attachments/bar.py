"""The files of the message that is being written: chips, those still being read, and troubles."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop.attachments.attachment import Attachment
from desktop.attachments.chip import AttachmentChip
from desktop.attachments.preview import AttachmentPreview
from desktop.flow import Flow
from desktop.translation import tr
from desktop.widgets import label, plain_button, plain_label, styled

_GAP = 6  # px between chips, and between the rows


class AttachmentBar(QWidget):
    """Shows what is attached; hidden where nothing is."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.chips: list[AttachmentChip] = []
        self.troubles: list[QWidget] = []
        self._reading: list[str] = []
        self._row = QWidget(self)
        self._flow = Flow(self._row)
        self.reading = label("", "hint", wraps=True)
        self.reading.setParent(self)
        self._show()

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """What is attached, in its order."""
        return tuple(chip.attachment for chip in self.chips)

    @property
    def count(self) -> int:
        """How many files there are, those being read included."""
        return len(self.chips) + len(self._reading)

    @property
    def is_reading(self) -> bool:
        """Whether a file is still being read."""
        return bool(self._reading)

    def begin(self, name: str) -> None:
        """Say that the file `name` is being read."""
        self._reading.append(name)
        self._show()

    def add(self, attachment: Attachment, name: str = "") -> None:
        """Attach a file; name: the one that was said to be read."""
        self._end(name)
        chip = AttachmentChip(attachment, can_be_removed=True)
        chip.opened.connect(lambda opened: AttachmentPreview(opened, self.window()).open())
        chip.removed.connect(lambda _attachment: self._remove(chip))
        self.chips.append(chip)
        self._flow.addWidget(chip)
        chip.show()
        self._show()

    def tell(self, sentence: str, name: str = "") -> None:
        """Say why a file is not attached."""
        self._end(name)
        line = styled(QWidget(self), "trouble")
        dismiss = plain_button(
            "✕", "chipRemove", spoken=tr("Dismiss: {sentence}", sentence=sentence)
        )
        row = QHBoxLayout(line)
        row.setContentsMargins(10, 4, 4, 4)
        row.addWidget(plain_label(sentence, "troubleText", wraps=True), 1)
        row.addWidget(dismiss, 0, Qt.AlignmentFlag.AlignTop)
        line.setAccessibleName(sentence)
        dismiss.clicked.connect(lambda: self._dismiss(line))
        self.troubles.append(line)
        line.show()
        self._show()

    def show_tokens(self, tokens: Mapping[Attachment, int]) -> None:
        """Show how many tokens each file takes."""
        for chip in self.chips:
            chip.show_tokens(tokens.get(chip.attachment))

    def put_back(self, attachments: Sequence[Attachment]) -> None:
        """Attach again what could not be sent."""
        for attachment in attachments:
            self.add(attachment)

    def clear(self) -> None:
        """Forget all files and troubles; what is being read will still be attached."""
        for widget in (*self.chips, *self.troubles):
            widget.hide()
            widget.deleteLater()
        for chip in self.chips:
            self._flow.removeWidget(chip)
        self.chips, self.troubles = [], []
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the chips as many rows as they need."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Put the parts one below the other, and take the height they need at this width."""
        width, top = max(1, self.width()), 0
        heights = (
            (self._row, self._flow.heightForWidth(width) if self.chips else 0),
            (self.reading, self.reading.heightForWidth(width) if self._reading else 0),
            *((line, line.heightForWidth(width)) for line in self.troubles),
        )
        for part, height in heights:
            part.setGeometry(0, top, width, height)
            top += height + _GAP if height else 0
        self.setFixedHeight(max(0, top - _GAP))

    def _remove(self, chip: AttachmentChip) -> None:
        """Take a file off; the keys go to the next one."""
        place = self.chips.index(chip)
        self.chips.remove(chip)
        self._flow.removeWidget(chip)
        chip.deleteLater()
        if self.chips:
            self.chips[min(place, len(self.chips) - 1)].remove.setFocus()
        self._show()

    def _dismiss(self, line: QWidget) -> None:
        self.troubles.remove(line)
        line.hide()
        line.deleteLater()
        self._show()

    def _end(self, name: str) -> None:
        if name in self._reading:
            self._reading.remove(name)

    def _show(self) -> None:
        names = ", ".join(self._reading[:3]) + (" …" if len(self._reading) > 3 else "")
        self.reading.setText(tr("Reading {names}…", names=names) if names else "")
        self.reading.setVisible(bool(names))
        self._row.setVisible(bool(self.chips))
        self.setVisible(bool(self.chips or self.troubles or self._reading))
        self._flow.invalidate()
        self._fit()
        self.changed.emit()
