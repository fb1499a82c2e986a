"""What the Lab page does: compares, tunes, saves and reads reports. Knows no widget.

A comparison or a sweep runs in a thread of its own, over engine processes of its own; `close` ends
them. The steps of both arrive as signals in the window's thread.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal, Slot

from desktop.background import Background
from desktop.state import Notice, fault_notice
from desktop.translation import tr
from engine.errors import FileUnreadable, TernError
from engine.hardware import Cpu
from engine.lab import against, report
from engine.lab.conditions import NoiseWatch
from engine.lab.course import Watch
from engine.lab.process import MakeClient, Refused
from engine.lab.records import Comparison, Plan
from engine.lab.run import Runner
from engine.lab.steps import Finished, Working
from engine.lab.threads import Point, Tuner, remember
from engine.messages import KernelChoice, Precision
from engine.model_config import ModelConfig, read_config
from engine.models import LocalModel, resolve
from engine.paths import Paths
from engine.preflight import Outlook, Preflight, choose
from engine.settings import SettingsFile, threads_key
from engine.store.hub_cache import identity

_log = logging.getLogger("desktop")


@dataclass(frozen=True)
class Subject:
    """The model that is chosen: what it takes in each precision, and which kernels can serve it."""

    model: LocalModel
    outlooks: tuple[Outlook, ...]
    kernels: tuple[KernelChoice, ...]


@dataclass(frozen=True)
class Against:
    """What became of an older comparison's figures: sentences of the engine's."""

    file: Path
    worse: tuple[str, ...]
    caveats: tuple[str, ...]


class StepThread(QThread):
    """Goes through `steps`, reporting each; an error ends it with `failed`."""

    came = Signal(object)
    failed = Signal(object)  # Notice

    def __init__(self, steps: Callable[[], Iterator[object]], parent: QObject) -> None:
        super().__init__(parent)
        self._steps = steps

    def run(self) -> None:
        """Go through the steps. Runs in the thread."""
        try:
            for step in self._steps():
                self.came.emit(step)
        except Refused as refused:
            self.failed.emit(Notice(refused.failed.sentence, refused.failed.way_out))
        except TernError as error:
            self.failed.emit(Notice(error.said, error.advice))
        except Exception as error:  # a thread that dies silently would leave the window waiting
            _log.exception("in the lab")
            self.failed.emit(fault_notice(error))


class LabController(QObject):
    """One comparison or one sweep at a time, and the reports of the last comparison.

    watch: see `engine.lab.run.Runner`.
    """

    began = Signal(object)  # Plan
    stepped = Signal(object)  # engine.lab.steps.Step
    ended = Signal(object)  # Comparison, or None where it could not begin
    tuning_began = Signal()
    tuning_told = Signal(object)  # engine.lab.steps.Working, while the model loads
    measured = Signal(object)  # engine.lab.threads.Point
    tuned = Signal(object)  # engine.lab.threads.Curve
    subject_changed = Signal(object)  # Subject, or None where the model cannot be read
    threads_kept = Signal(object)  # int, or None for the usual number
    text_read = Signal(str, str)  # name and content of the text for perplexity
    compared = Signal(object)  # Against
    noticed = Signal(object)  # Notice, or None where it is settled
    told = Signal(str)  # what was done

    def __init__(
        self,
        make_client: MakeClient,
        paths: Paths,
        preflight: Preflight,
        settings: SettingsFile,
        watch: Watch = NoiseWatch,
    ) -> None:
        super().__init__()
        self._make_client = make_client
        self._paths = paths
        self._preflight = preflight
        self._settings = settings
        self._background = Background(self)
        self._thread: StepThread | None = None
        self._work: Runner | Tuner | None = None
        self._wanted = ""
        self._closed = False
        self.watch = watch
        self.comparison: Comparison | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a comparison or a sweep runs."""
        return self._thread is not None

    # -- a comparison ----------------------------------------------------------------------------

    def run(self, plan: Plan) -> None:
        """Compare, unless something runs."""
        if self.is_busy:
            return
        runner = Runner(plan, self._make_client, self._paths, self.watch)
        self.comparison = None
        self._start(runner, runner.steps)
        self.began.emit(plan)

    def stop(self) -> None:
        """Ask what runs to end; a second time it ends at once."""
        if self._work:
            self._work.stop()

    # -- the threads -----------------------------------------------------------------------------

    def tune(self, model: str, precision: Precision) -> None:
        """Measure each number of threads, unless something runs."""
        if self.is_busy:
            return
        cpu, watch = self._preflight.cpu, self.watch
        tuner = Tuner(
            model, precision, self._make_client, cpu, watch=watch, on_progress=self._tell_loading
        )
        self._start(tuner, tuner.points)
        self.tuning_began.emit()

    def _tell_loading(self, stage: str, done: int, total: int) -> None:
        """Pass on how far a sweep's model is loaded. Runs in the thread."""
        if self._thread:
            self._thread.came.emit(Working(0, stage, done, total))

    def keep_threads(self, model: str, precision: Precision, threads: int | None) -> None:
        """Let loads of the model take so many threads from now on; None: the usual number."""
        try:
            remember(self._settings, resolve(model).folder, precision, threads)
        except TernError as error:
            self.noticed.emit(Notice(error.said, error.advice))
        else:
            self.look_for_threads(model, precision)

    def look_for_threads(self, model: str, precision: Precision) -> None:
        """Tell by `threads_kept` how many threads are remembered."""
        try:
            key = threads_key(identity(resolve(model).folder), precision, "auto")
        except TernError:
            self.threads_kept.emit(None)
        else:
            self.threads_kept.emit(self._settings.value.threads.get(key))

    # -- what is read and written ----------------------------------------------------------------

    def look_at(self, model: str) -> None:
        """Find out what `model` takes here; `subject_changed` tells it."""
        self._wanted = model

        def show(subject: Subject | None) -> None:
            if model == self._wanted:
                self.subject_changed.emit(subject)

        def fail(notice: Notice) -> None:
            show(None)
            self.noticed.emit(notice)

        self._background.run(lambda _task: subject_of(model, self._preflight), show, fail)

    def read_text(self, file: Path) -> None:
        """Read what perplexity is measured on; `text_read` tells it."""
        self._background.run(
            lambda _task: _text_in(file),
            lambda text: self.text_read.emit(file.name, text),
            self.noticed.emit,
        )

    def save(self, file: Path, make: report.Make) -> None:
        """Write a report of the last comparison."""
        comparison = self.comparison
        if comparison is None:
            return
        self._background.run(
            lambda _task: report.write(file, make(comparison)),
            lambda _nothing: self.told.emit(tr("The report is in {file} now.", file=file)),
            self.noticed.emit,
        )

    def compare_with(self, file: Path) -> None:
        """Find out what has become worse since an older comparison; `compared` tells it."""
        new = self.comparison
        if new is None:
            return

        def judge() -> Against:
            old = against.read(file)
            worse = tuple(change.sentence for change in against.worse(old, new))
            return Against(file, worse, tuple(against.caveats(old, new)))

        self._background.run(lambda _task: judge(), self.compared.emit, self.noticed.emit)

    def close(self) -> None:
        """End everything; returns when no process and no file is left."""
        self._closed = True
        if self._thread:
            self.stop()
            self.stop()
            self._thread.wait()
        self._background.close()

    # -- the thread ------------------------------------------------------------------------------

    def _start(self, work: Runner | Tuner, steps: Callable[[], Iterator[object]]) -> None:
        self.noticed.emit(None)
        self._work = work
        self._thread = StepThread(steps, self)
        self._thread.came.connect(self._on_step)
        self._thread.failed.connect(self.noticed)
        self._thread.finished.connect(self._on_finished)
        self._thread.start()

    @Slot(object)
    def _on_step(self, step: object) -> None:
        if self._closed:
            return  # it was on its way when the window went
        if isinstance(step, Point):
            self.measured.emit(step)
        elif isinstance(step, Finished):
            self.comparison = step.comparison
        elif isinstance(self._work, Tuner):
            self.tuning_told.emit(step)
        else:
            self.stepped.emit(step)

    @Slot()
    def _on_finished(self) -> None:
        if self._closed or self._thread is None:
            return
        self._thread.deleteLater()
        work, self._thread, self._work = self._work, None, None
        if isinstance(work, Tuner):
            self.tuned.emit(work.curve())
        else:
            self.ended.emit(self.comparison)


def subject_of(name: str, preflight: Preflight) -> Subject:
    """Return what the model `name` takes here. Raises TernError where it cannot be read."""
    model = resolve(name)
    config = read_config(model.folder)
    outlooks = preflight.outlooks(config, model.folder)
    return Subject(model, outlooks, _kernels(config, preflight.cpu))


def _kernels(config: ModelConfig, cpu: Cpu) -> tuple[KernelChoice, ...]:
    """Return the kernels that can serve the model in some precision."""
    names: tuple[KernelChoice, ...] = ("native", "ipex", "torch")
    return tuple(
        name
        for name in names
        if (name != "torch" or find_spec("torch"))
        and any(_serves(config, precision, name, cpu) for precision in Precision)
    )


def _serves(config: ModelConfig, precision: Precision, name: KernelChoice, cpu: Cpu) -> bool:
    try:
        return choose(config, precision, name, cpu).kernel == name
    except TernError:
        return False


def _text_in(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FileUnreadable(file=file, reason=error.strerror or error) from error
    except UnicodeDecodeError as error:
        raise FileUnreadable(file=file, reason="it is not UTF-8 text") from error
