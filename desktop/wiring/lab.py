"""The Lab page: the person's acts -> the lab's controller; what comes of them -> the page."""

from pathlib import Path

import msgspec
from PySide6.QtWidgets import QFileDialog

from desktop import wording
from desktop.controller import Controller
from desktop.lab_controller import LabController
from desktop.lab_page.prompts import BUILT_IN, PinnedPrompts
from desktop.library_controller import LibraryController
from desktop.models_page.page import Tab
from desktop.shell.main_window import MainWindow
from desktop.shell.navigation import Page
from desktop.state import Notice, Selection
from desktop.theme import Theme
from desktop.translation import mark, tr
from engine.errors import TernError
from engine.lab import report
from engine.lab.records import Comparison, Plan
from engine.lab.steps import Step, Working
from engine.lab.threads import Curve, Point
from engine.messages import Memory, Precision, Progress
from engine.models import DEMO
from engine.store.local import StoredModel

_HTML, _JSON = mark("Web pages (*.html)"), mark("JSON files (*.json)")
_MAKERS: dict[str, tuple[str, report.Make]] = {
    "html": (_HTML, report.html_bytes),
    "json": (_JSON, report.as_json),
}


def connect_lab(
    window: MainWindow,
    lab: LabController,
    controller: Controller,
    library: LibraryController,
    theme: Theme,
    pinned: PinnedPrompts,
) -> None:
    """Connect all of the page."""
    chooser = _Chooser(window, lab)
    _connect_models(window, lab, controller, library, chooser)
    _connect_setup(window, lab, pinned, chooser)
    _connect_running(window, lab)
    _connect_threads(window, lab, chooser)
    _connect_reports(window, lab)
    lab.noticed.connect(window.lab.show_notice)
    lab.told.connect(window.lab.tell)
    theme.changed.connect(window.lab.recolour)
    window.closing.connect(lab.close)


class _Chooser:
    """The model that the page is about: the chat's at first."""

    def __init__(self, window: MainWindow, lab: LabController) -> None:
        self._page, self._lab = window.lab, lab
        self.model = ""

    def choose(self, name: str) -> None:
        """Be about the model `name`."""
        if name != self.model:
            self.model = name
            self._page.threads.forget_sweep()
        self._page.models.show_selected(name)
        self._page.setup.show_model(name)
        self._lab.look_at(name)
        self.look_for_threads()

    def look_for_threads(self) -> None:
        """Find out how many threads are remembered."""
        self._lab.look_for_threads(self.model, self._page.threads.precision)


def _connect_models(
    window: MainWindow,
    lab: LabController,
    controller: Controller,
    library: LibraryController,
    chooser: _Chooser,
) -> None:
    page = window.lab

    def show_models(models: list[StoredModel]) -> None:
        page.models.show_models([model for model in models if model.can_run])
        page.models.show_selected(chooser.model)

    def follow(selection: Selection) -> None:
        """Be about the chat's model until another one is chosen here."""
        if not chooser.model:
            chooser.choose(selection.model)

    def show(shown: Page) -> None:
        if shown is Page.LAB:
            follow(controller.selection)
            lab.look_at(chooser.model)  # what is free has changed since

    def find_more() -> None:
        window.show_page(Page.MODELS)
        window.models.show_tab(Tab.FIND)

    def show_memory(event: object) -> None:
        if isinstance(event, Memory):
            page.setup.show_chat_memory(event.rss_bytes)

    page.models.model_chosen.connect(chooser.choose)
    page.models.list_wanted.connect(library.refresh)
    page.models.more_wanted.connect(find_more)
    library.models_changed.connect(show_models)
    window.page_shown.connect(show)
    controller.figures_arrived.connect(show_memory)
    lab.subject_changed.connect(page.setup.show_subject)


def _connect_setup(
    window: MainWindow, lab: LabController, pinned: PinnedPrompts, chooser: _Chooser
) -> None:
    page, setup = window.lab, window.lab.setup

    def pin(prompts: tuple[str, ...]) -> None:
        try:
            pinned.keep(prompts)
        except TernError as error:
            page.show_notice(Notice(error.said, error.advice))
        else:
            setup.show_pinned(prompts)

    def try_demo() -> None:
        chooser.choose(DEMO)
        setup.show_prompts(BUILT_IN)
        setup.choose_precisions(*Precision)
        lab.run(setup.plan())

    def insist() -> None:
        run = page.results.run
        assert run, "it is asked after a comparison"
        lab.run(msgspec.structs.replace(run.plan, regardless=True))

    def choose_text() -> None:
        name, _ = QFileDialog.getOpenFileName(
            window, tr("Text to measure perplexity on"), "", tr("Text files (*)")
        )
        if name:
            lab.read_text(Path(name))

    kept = pinned.read()
    setup.show_pinned(kept)
    setup.show_prompts(kept)
    setup.pin_wanted.connect(pin)
    setup.text_wanted.connect(choose_text)
    setup.run_wanted.connect(lab.run)
    lab.text_read.connect(setup.show_text)
    page.introduction.demo.clicked.connect(try_demo)
    page.results.insist_wanted.connect(insist)


def _connect_running(window: MainWindow, lab: LabController) -> None:
    page = window.lab

    def begin(plan: Plan) -> None:
        page.begin(plan)
        page.progress.begin(tr("Starting the engine"))
        page.show_busy(True)

    def show_step(step: Step) -> None:
        page.results.show_step(step)
        run = page.results.run
        if run and run.doing:
            page.progress.tell(run.doing, run.done, run.total)

    def end(comparison: Comparison | None) -> None:
        page.show_busy(False)
        page.end(comparison)

    page.progress.stop_wanted.connect(lab.stop)
    lab.began.connect(begin)
    lab.stepped.connect(show_step)
    lab.ended.connect(end)


def _connect_threads(window: MainWindow, lab: LabController, chooser: _Chooser) -> None:
    page, threads = window.lab, window.lab.threads

    def begin() -> None:
        threads.begin()
        page.progress.begin(tr("Measuring the threads"))
        page.show_busy(True)

    def end(sweep: Curve) -> None:
        page.show_busy(False)
        threads.show_sweep(sweep)

    def tell(step: Working) -> None:
        told = wording.progress(
            Progress(request_id=0, stage=step.stage, done=step.done, total=step.total)
        )
        page.progress.tell(told, step.done, step.total)

    def measured(point: Point) -> None:
        threads.show_point(point)
        page.progress.tell(tr("Measuring the threads"))

    def keep(count: int | None) -> None:
        lab.keep_threads(chooser.model, threads.precision, count)

    threads.tune_wanted.connect(lambda precision: lab.tune(chooser.model, precision))
    threads.keep_wanted.connect(keep)
    threads.precision_chosen.connect(chooser.look_for_threads)
    lab.tuning_began.connect(begin)
    lab.tuning_told.connect(tell)
    lab.measured.connect(measured)
    lab.tuned.connect(end)
    lab.threads_kept.connect(threads.show_kept)


def _connect_reports(window: MainWindow, lab: LabController) -> None:
    results = window.lab.results

    def save(form: str) -> None:
        kind, make = _MAKERS[form]
        name, _ = QFileDialog.getSaveFileName(
            window, tr("Save the report"), f"{tr('Precision lab')}.{form}", tr(kind)
        )
        if name:
            path = Path(name)
            lab.save(path if path.suffix else path.with_suffix(f".{form}"), make)

    def compare() -> None:
        name, _ = QFileDialog.getOpenFileName(
            window, tr("Compare with an older report"), "", tr(_JSON)
        )
        if name:
            lab.compare_with(Path(name))

    results.save_wanted.connect(save)
    results.older_wanted.connect(compare)
    lab.compared.connect(results.older.show_against)
