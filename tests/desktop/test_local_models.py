"""The models on this computer in the window: listed, verified, imported, deleted; and the disk."""

import shutil
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.models_page.page import ModelsPage
from desktop.rows import Tone
from desktop.shell.navigation import Page
from desktop.state import State
from engine.settings import SettingsFile
from engine.store.phase import Phase
from tests.desktop.conftest import OpenWindow, click, wait_for
from tests.desktop.pages import (
    answer,
    below,
    choose,
    open_models,
    question,
    rows,
    titles,
    wait_for_phase,
)
from tests.store.cached import cache_model, change_config, demo_folder
from tests.store.conftest import hub  # noqa: F401
from tests.store.hub_server import HubServer

REPO, TITLE = "tern/chat", "chat"


def told(qtbot: QtBot, page: ModelsPage, words: str) -> None:
    qtbot.waitUntil(lambda: words in page.job.text.text() and page.job.isVisible())


def drop(page: ModelsPage, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    keys = Qt.KeyboardModifier.NoModifier
    button = Qt.MouseButton.LeftButton
    page.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, button, keys))


def test_each_model_says_what_it_takes_and_why_it_cannot_run(
    ready: Desktop, qtbot: QtBot, model_cache: Path
) -> None:
    cache_model(model_cache, REPO)
    half = model_cache / "models--tern--half" / "blobs" / "0a.incomplete"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"0" * 3_000_000)
    broken = cache_model(model_cache, "tern/falcon")
    change_config(broken, architectures=["FalconForCausalLM"])
    ready.library.refresh()
    page = open_models(qtbot, ready)
    qtbot.waitUntil(lambda: len(rows(page.local.list)) == 4)
    shown = {row.title: row for row in rows(page.local.list)}
    assert shown[TITLE].subtitle.startswith("11 MB · Hugging Face cache")
    assert (shown["half"].remark, shown["half"].tone) == ("not complete", Tone.WARN)
    assert (shown["falcon"].remark, shown["falcon"].tone) == ("cannot run", Tone.BAD)
    choose(qtbot, page.local.list, "falcon")
    detail = page.local_detail
    assert "FalconForCausalLM" in detail.notice.sentence.text()
    assert not detail.chat.isVisible() and detail.delete.isVisible()
    choose(qtbot, page.local.list, "half")
    assert detail.notice.action.text() == "Go on with it" and not detail.verify.isVisible()
    choose(qtbot, page.local.list, "Tern demo (a toy)")
    assert not detail.delete.isVisible() and detail.chat.isVisible()


def test_a_model_is_chatted_with(ready: Desktop, qtbot: QtBot, model_cache: Path) -> None:
    cache_model(model_cache, REPO)
    ready.library.refresh()
    page = open_models(qtbot, ready)
    qtbot.waitUntil(lambda: TITLE in titles(page.local.list))
    choose(qtbot, page.local.list, TITLE)
    click(qtbot, page.local_detail.chat)
    assert ready.window.page is Page.CHAT
    wait_for(qtbot, ready, State.READY)
    assert ready.settings.value.model == REPO


def test_verifying_says_what_was_found_and_fetches_only_the_damaged_file(
    hub: HubServer,  # noqa: F811
    ready: Desktop,
    qtbot: QtBot,
    model_cache: Path,
) -> None:
    repository = hub.add_model(REPO)
    files = {path: file.content for path, file in repository.files().items()}
    folder = cache_model(model_cache, REPO, files, commit=repository.head)
    ready.library.refresh()
    page = open_models(qtbot, ready)
    qtbot.waitUntil(lambda: TITLE in titles(page.local.list))
    choose(qtbot, page.local.list, TITLE)
    detail = page.local_detail
    click(qtbot, detail.verify)
    qtbot.waitUntil(detail.verdict.isVisible)
    assert "every byte was compared" in detail.verdict.text()
    blob = (folder / "tokenizer.json").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    click(qtbot, detail.verify)
    qtbot.waitUntil(lambda: "tokenizer.json" in detail.notice.sentence.text())
    assert not detail.verdict.isVisible()
    click(qtbot, detail.notice.action)
    wait_for_phase(qtbot, page, Phase.DONE)
    assert blob.read_bytes()[-1:] != b"!"
    assert hub.sent("model.safetensors") == 0


def test_deleting_asks_and_says_what_is_freed_and_who_else_may_use_it(
    ready: Desktop, qtbot: QtBot, model_cache: Path
) -> None:
    folder = cache_model(model_cache, REPO)
    ready.library.refresh()
    page = open_models(qtbot, ready)
    qtbot.waitUntil(lambda: TITLE in titles(page.local.list))
    choose(qtbot, page.local.list, TITLE)
    click(qtbot, page.local_detail.delete)
    box = question(qtbot, ready)
    assert box.text() == f"Delete {TITLE}?"
    assert "11 MB are free again" in box.informativeText()
    assert "other programs may use it" in box.informativeText()
    answer(qtbot, box, "Cancel")
    assert folder.is_dir()
    click(qtbot, page.local_detail.delete)
    answer(qtbot, question(qtbot, ready), "Delete")
    qtbot.waitUntil(lambda: TITLE not in titles(page.local.list))
    assert not list(model_cache.glob("models--*"))
    told(qtbot, page, "free again")


def test_a_dropped_folder_is_used_where_it_lies_and_forgotten_without_being_deleted(
    ready: Desktop, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = demo_folder(tmp_path / "my-model")
    page = open_models(qtbot, ready)
    drop(page, folder)
    answer(qtbot, question(qtbot, ready), "Use it where it lies")
    qtbot.waitUntil(lambda: "my-model" in titles(page.local.list))
    assert ready.settings.value.folders == (str(folder),)
    qtbot.waitUntil(lambda: page.local_detail.title.text() == "my-model")
    assert page.local_detail.delete.text() == "Forget…"
    click(qtbot, page.local_detail.delete)
    box = question(qtbot, ready)
    assert "stays as it is" in box.informativeText()
    answer(qtbot, box, "Forget")
    qtbot.waitUntil(lambda: "my-model" not in titles(page.local.list))
    assert (folder / "model.safetensors").is_file()
    assert ready.settings.value.folders == ()


def test_a_folder_is_imported_as_a_copy(
    ready: Desktop, qtbot: QtBot, tmp_path: Path, monkeypatch
) -> None:
    folder = demo_folder(tmp_path / "my-model")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    page = open_models(qtbot, ready)
    click(qtbot, page.local.bring)
    answer(qtbot, question(qtbot, ready), "Copy it")
    qtbot.waitUntil(lambda: "my-model" in titles(page.local.list))
    shutil.rmtree(folder)
    assert (ready.paths.imported / "my-model" / "model.safetensors").is_file()


def test_what_is_no_model_is_refused_with_a_sentence(
    ready: Desktop, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "letters").mkdir()
    page = open_models(qtbot, ready)
    drop(page, tmp_path / "letters")
    answer(qtbot, question(qtbot, ready), "Use it where it lies")
    told(qtbot, page, "is not a model that Tern can read")
    click(qtbot, page.job.dismiss)
    assert not page.job.isVisible()


def test_the_store_is_moved_and_the_models_are_still_there(
    ready: Desktop, qtbot: QtBot, tmp_path: Path, model_cache: Path, monkeypatch
) -> None:
    cache_model(model_cache, REPO)
    ready.library.refresh()
    page = open_models(qtbot, ready)
    qtbot.waitUntil(lambda: TITLE in titles(page.local.list))
    ready.window.show_page(Page.SETTINGS)
    storage = ready.window.settings.storage
    assert storage.root.text() == str(model_cache)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "disk"))
    click(qtbot, storage.move_to)
    box = question(qtbot, ready)
    assert "Hugging Face cache" in box.informativeText()
    answer(qtbot, box, "Move")
    qtbot.waitUntil(lambda: storage.root.text() == str(tmp_path / "disk"))
    assert below(tmp_path / "disk")
    assert TITLE in titles(page.local.list)
    assert SettingsFile.of(ready.paths).value.models == str(tmp_path / "disk")


def test_packed_weights_of_nobody_are_reclaimed(
    open_window: OpenWindow, home: Path, qtbot: QtBot
) -> None:
    nobody = home / "cache" / "packed" / "gone-0123456789ab-int4"
    nobody.mkdir(parents=True)
    (nobody / "weights").write_bytes(b"0" * 2_000_000)
    made = open_window()
    made.window.show_page(Page.SETTINGS)
    storage = made.window.settings.storage
    qtbot.waitUntil(storage.reclaim.isVisible)
    assert storage.reclaim.text() == "Reclaim 2.0 MB"
    click(qtbot, storage.reclaim)
    qtbot.waitUntil(lambda: not storage.reclaim.isVisible())
    assert not nobody.exists()
    assert "2 MB are free again" in made.window.settings.job.text.text()


def test_closing_in_the_middle_of_a_copy_leaves_nothing_half_done(
    ready: Desktop, qtbot: QtBot, tmp_path: Path
) -> None:
    ready.library.import_folder(demo_folder(tmp_path / "my-model"), copy=True)
    ready.window.close()
    assert not list(ready.paths.data.rglob("*.partial"))


def test_questions_are_closed_by_escape_without_doing_anything(
    ready: Desktop, qtbot: QtBot, model_cache: Path
) -> None:
    folder = cache_model(model_cache, REPO)
    ready.library.refresh()
    page = open_models(qtbot, ready)
    qtbot.waitUntil(lambda: TITLE in titles(page.local.list))
    choose(qtbot, page.local.list, TITLE)
    click(qtbot, page.local_detail.delete)
    box = question(qtbot, ready)
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not any(b.isVisible() for b in ready.window.findChildren(QMessageBox)))
    assert folder.is_dir()
