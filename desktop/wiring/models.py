"""The Models page: the person's acts -> library, Hub and engine; what they tell -> the page."""

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from desktop.controller import Controller
from desktop.hub_controller import HubController
from desktop.library_controller import LibraryController
from desktop.models_page import dialogs
from desktop.models_page.downloads_view import overall
from desktop.models_page.finding import Finding
from desktop.models_page.page import Tab
from desktop.shell.main_window import MainWindow
from desktop.shell.navigation import Page
from desktop.state import Notice
from desktop.translation import tr
from engine.store.downloads import DownloadState
from engine.store.local import StoredModel
from engine.store.reference import Reference, endpoint, parse_reference
from engine.store.removal import DeletePlan
from engine.store.verify import Verification


def connect_find(window: MainWindow, hub: HubController, finding: Finding) -> None:
    """Search, suggestions, and the detail of what can be fetched."""
    page = window.models
    view, detail = page.finder, page.offer_detail

    def search(text: str) -> None:
        hub.search(text, view.wanted.sort)

    def choose(offer: object) -> None:
        """A click on a result asks the Hub about it; a suggestion is known without it."""
        finding.mark(view.list.item)
        if offer is not None and finding.is_search and view.list.item.description is None:
            hub.describe(view.list.item.reference)

    def try_token(trouble: Notice | None) -> None:
        detail.gate.show_kept(trouble)
        if trouble is None and view.list.item is not None:
            hub.describe(view.list.item.reference)

    def open_terms(repo: str) -> None:
        QDesktopServices.openUrl(QUrl(f"{endpoint()}/{repo}"))

    view.search_wanted.connect(search)
    view.suggestions_wanted.connect(finding.forget_search)
    view.filters_changed.connect(finding.filter)
    view.list.selected.connect(finding.mark)
    view.list.chosen.connect(choose)
    finding.offers_changed.connect(view.show_offers)
    finding.status_changed.connect(view.show_status)
    finding.trouble_changed.connect(view.show_trouble)
    finding.choice_changed.connect(detail.show_choice)
    finding.choice_changed.connect(page.arrange)
    hub.search_began.connect(finding.begin_search)
    hub.search_ended.connect(finding.end_search)
    hub.search_failed.connect(finding.fail_search)
    hub.describing_began.connect(finding.begin_describing)
    hub.described.connect(finding.end_describing)
    hub.describing_failed.connect(finding.fail_describing)
    hub.hindrance_changed.connect(page.show_hindrance)
    hub.hindrance_changed.connect(view.show_hindrance)
    hub.hindrance_changed.connect(detail.show_hindrance)
    hub.token_kept.connect(try_token)
    detail.details_wanted.connect(hub.describe)
    detail.token_given.connect(hub.keep_token)
    detail.page_wanted.connect(open_terms)


def connect_downloads(
    window: MainWindow,
    hub: HubController,
    library: LibraryController,
    finding: Finding,
    controller: Controller,
) -> None:
    """The queue, and what it is fed from."""
    page = window.models
    rows = page.downloads

    def download(reference: Reference) -> None:
        hub.download(reference)
        page.show_tab(Tab.DOWNLOADS)

    def chat(name: str) -> None:
        controller.select(model=name)
        window.show_page(Page.CHAT)

    def show(states: tuple[DownloadState, ...]) -> None:
        rows.show_downloads(states)
        page.show_count(states)
        finding.take_downloads(states)
        window.navigation.show_progress(overall(states))

    page.offer_detail.download_wanted.connect(download)
    page.offer_detail.downloads_wanted.connect(lambda: page.show_tab(Tab.DOWNLOADS))
    page.offer_detail.chat_wanted.connect(chat)
    rows.pause_wanted.connect(hub.pause)
    rows.resume_wanted.connect(hub.resume)
    rows.cancel_wanted.connect(hub.cancel)
    rows.chat_wanted.connect(chat)
    rows.find_wanted.connect(lambda: page.show_tab(Tab.FIND))
    hub.downloads_changed.connect(show)
    hub.download_ended.connect(lambda _state: library.refresh())
    library.models_changed.connect(finding.take_models)


def connect_library(
    window: MainWindow, library: LibraryController, hub: HubController, controller: Controller
) -> None:
    """What is on this computer."""
    page = window.models
    view, detail = page.local, page.local_detail

    def bring(folder: Path) -> None:
        dialogs.ask_import(window, folder, lambda copy: library.import_folder(folder, copy))

    def choose_folder() -> None:
        folder = QFileDialog.getExistingDirectory(window, tr("Import a model folder"))
        if folder:
            bring(Path(folder))

    def ask_delete(plan: DeletePlan) -> None:
        dialogs.ask_delete(window, plan, lambda: library.delete(plan))

    def chat(model: StoredModel) -> None:
        controller.select(model=model.name)
        window.show_page(Page.CHAT)

    def fetch(model: StoredModel) -> None:
        hub.download(parse_reference(model.name))
        page.show_tab(Tab.DOWNLOADS)

    def repair(model: StoredModel, found: Verification) -> None:
        library.discard(found, lambda: fetch(model))

    def show_models(models: list[StoredModel]) -> None:
        view.show_models(models)
        window.chat.header.models.show_models([model for model in models if model.can_run])

    view.list.selected.connect(detail.show_model)
    view.import_wanted.connect(choose_folder)
    view.find_wanted.connect(lambda: page.show_tab(Tab.FIND))
    page.folder_dropped.connect(bring)
    detail.chat_wanted.connect(chat)
    detail.verify_wanted.connect(library.verify)
    detail.delete_wanted.connect(library.plan_delete)
    detail.folder_wanted.connect(
        lambda model: QDesktopServices.openUrl(QUrl.fromLocalFile(str(model.folder)))
    )
    detail.fetch_wanted.connect(fetch)
    detail.repair_wanted.connect(repair)
    page.job.cancel_wanted.connect(library.stop_job)
    library.models_changed.connect(show_models)
    library.models_changed.connect(page.arrange)
    library.storage_changed.connect(page.offer_detail.show_storage)
    library.job_changed.connect(page.job.show_job)
    library.noticed.connect(page.job.show_notice)
    library.told.connect(page.job.tell)
    library.verified.connect(detail.show_verification)
    library.delete_planned.connect(ask_delete)
    library.imported.connect(lambda model: view.list.mark(model.name))
