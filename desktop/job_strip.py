"""A thin row that tells how far work on the disk is, what came of it, and lets it be cancelled."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from desktop import wording
from desktop.library_controller import Job
from desktop.state import Notice
from desktop.translation import tr
from desktop.widgets import ThinBar, button, label, styled


class JobStrip(QFrame):
    """Hidden while there is nothing to tell."""

    cancel_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        styled(self, "panel")
        self.text = label("", wraps=True)
        self.bar = ThinBar()
        self.bar.setAccessibleName(tr("Progress"))
        self.cancel = button("Cancel", "quiet")
        self.dismiss = button("Dismiss", "quiet")
        self.cancel.clicked.connect(self.cancel_wanted)
        self.dismiss.clicked.connect(self.hide)
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        row.addWidget(self.cancel)
        row.addWidget(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 8, 16, 8)
        column.addLayout(row)
        column.addWidget(self.bar)
        self.hide()

    @Slot(object)
    def show_job(self, job: Job | None) -> None:
        """Show how far `job` is; disappear where none runs any more."""
        if job is None:
            self.hide()
            return
        self._show(_words(job), is_running=True)
        self.bar.show_progress(job.done, job.total)

    @Slot(str)
    def tell(self, text: str) -> None:
        """Say what was done."""
        self._show(text, is_running=False)

    @Slot(object)
    def show_notice(self, notice: Notice | None) -> None:
        """Say what went wrong."""
        if notice:
            self._show(f"{notice.sentence} {notice.way_out}", is_running=False)

    def _show(self, text: str, is_running: bool) -> None:
        self.text.setText(text)
        self.text.setAccessibleName(text)
        self.bar.setVisible(is_running)
        self.cancel.setVisible(is_running)
        self.dismiss.setVisible(not is_running)
        self.show()


def _words(job: Job) -> str:
    if not job.total:
        return f"{job.doing}…"
    done, total = wording.size(job.done), wording.size(job.total)
    return tr("{doing}, {done} of {total}", doing=job.doing, done=done, total=total)
