"""The Lab page, mostly over real engine processes on the demo model."""

import json
from pathlib import Path

import msgspec
import psutil
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from desktop.app import Desktop
from desktop.lab_page import figures, prompts
from desktop.lab_page.figures_table import FiguresTable
from desktop.lab_page.page import LabPage, LabTab
from desktop.lab_page.token_text import FIRST, TokenText
from desktop.shell.navigation import Page
from desktop.state import State
from desktop.theme import DARK, LIGHT
from engine.client import EngineClient, worker_command
from engine.lab import against
from engine.lab.records import Comparison, Failure
from engine.lab.run import Runner
from engine.lab.steps import Finished, Wrote
from engine.messages import ForcedToken, Likely
from engine.paths import Paths
from tests.desktop.conftest import OpenWindow, click, wait_for
from tests.desktop.test_accessibility import controls, described, reached

QUESTIONS = ("What is 3 plus 4? <b>&amp;", "Tell me a story about a fox.")
NOISE = "other processes took 93% of the machine's CPU time"


class Quiet:
    """A watch on a machine that does nothing else."""

    def __init__(self, _pid: int | None) -> None:
        pass

    def verdict(self) -> str:
        return ""


class Noisy(Quiet):
    """A watch on a machine that does something else all the time."""

    def verdict(self) -> str:
        return NOISE


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packed weights of these tests, which are made once."""
    return tmp_path_factory.mktemp("lab") / "packed"


@pytest.fixture
def real(open_window: OpenWindow, qtbot: QtBot, packed: Path) -> Desktop:
    """A window over real engine processes, its Lab page shown."""
    paths = Paths.default()
    paths.packed.parent.mkdir(parents=True, exist_ok=True)
    packed.mkdir(exist_ok=True)
    paths.packed.symlink_to(packed)
    made = open_window(command=worker_command())
    made.lab.watch = Quiet
    wait_for(qtbot, made, State.READY)
    open_lab(qtbot, made)
    return made


def open_lab(qtbot: QtBot, made: Desktop) -> LabPage:
    made.window.show_page(Page.LAB)
    qtbot.waitUntil(lambda: made.window.lab.setup._subject is not None)
    return made.window.lab


def write(page: LabPage, *asked: str, tokens: int = 24) -> None:
    page.setup.prompts.setPlainText("\n".join(asked))
    page.setup.tokens.setValue(tokens)
    page.setup.choose_precisions("bf16", "int4")


def run(qtbot: QtBot, made: Desktop) -> Comparison:
    click(qtbot, made.window.lab.setup.run)
    qtbot.waitUntil(lambda: not made.lab.is_busy)
    assert made.lab.comparison
    return made.lab.comparison


def cells(table: FiguresTable, line: figures.Figure) -> list[str]:
    """What the table shows in the line of a figure."""
    shown = table.table
    row = next(r for r in range(shown.rowCount()) if shown.item(r, 0).text() == line.name)
    return [shown.item(row, column).text() for column in range(1, shown.columnCount())]


def engines() -> list[psutil.Process]:
    """The engine processes that run."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "engine.worker" in " ".join(child.cmdline())
    ]


def kept_files() -> list[Path]:
    folder = Paths.default().lab
    return list(folder.rglob("*")) if folder.exists() else []


def choose_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Let the person choose `file` in whichever dialog comes next."""
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, name, staticmethod(lambda *_: (str(file), "")))


# -- a whole comparison --------------------------------------------------------------------------


def test_a_comparison_streams_and_shows_what_the_engine_finds(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    streamed: list[str] = []

    def listen(step: object) -> None:
        if isinstance(step, Wrote):
            streamed.append(step.text)

    real.lab.stepped.connect(listen)
    write(page, *QUESTIONS)
    plan = page.setup.plan()
    comparison = run(qtbot, real)
    results = page.results
    assert results.verdict.text() == comparison.rows[1].verdict != ""
    # The same figures as the engine finds without a window, wherever they do not depend on time.
    *_, last = Runner(plan, lambda: EngineClient(Paths.default()), Paths.default(), Quiet).steps()
    assert isinstance(last, Finished)
    alone = last.comparison.rows[1]
    for figure, estimate, words in (
        (figures.KL, alone.kl, figures.nats),
        (figures.AGREEMENT, alone.top1_agreement, figures.share),
        (figures.PERPLEXITY, alone.perplexity_ratio, lambda value: f"{value:.4f}"),
    ):
        assert estimate
        reference, shown = cells(results.figures, figure)
        assert (reference, shown.splitlines()[0]) == ("–", words(estimate.value))
    for figure in (figures.DECODE, figures.PREFILL, figures.TTFT, figures.P50, figures.P95):
        assert all(cell[0].isdigit() for cell in cells(results.figures, figure))
    for figure in (figures.PEAK, figures.LOADING, figures.DISK):
        assert all(cell[0].isdigit() for cell in cells(results.figures, figure))
    for place in range(len(QUESTIONS)):
        results.columns.prompts.setCurrentIndex(place)
        shown_answers = [column.text.text() for column in results.columns.columns]
        assert shown_answers == [row.answers[place].text for row in comparison.rows]
        assert all(answer in "".join(streamed) for answer in shown_answers)
    assert not page.introduction.isVisible() and not page.progress.isVisible()
    assert (len(engines()), kept_files()) == (1, []), "only the chat's own is left"


def test_each_token_can_be_looked_at_by_keys_and_pointer_and_as_a_table(
    real: Desktop, qtbot: QtBot
) -> None:
    page = real.window.lab
    write(page, *QUESTIONS, tokens=60)
    row = run(qtbot, real).rows[1]
    page.results.columns.prompts.setCurrentIndex(1)
    view, tokens = page.results.divergence, row.judgements[1].tokens
    departs = row.judgements[1].departs
    assert departs is not None, "int4 tells another story"
    text = view.text.toPlainText()
    assert text.replace(FIRST, "") == "".join(token.text for token in tokens)
    assert text.index(FIRST) == len("".join(token.text for token in tokens[:departs]))
    assert view.text.place == departs
    assert tokens[departs].top[0].text.strip() in view.sentence.text()
    both = (tokens[departs].reference_top, tokens[departs].top)
    for listed, top in zip(view.lists, both, strict=True):
        shown = [line.split("”")[0].removeprefix("“") for line in listed.text().splitlines()]
        assert shown == [likely.text for likely in top]
    qtbot.keyClick(view.text, Qt.Key.Key_Home)
    assert f"Token 1 of {len(tokens)}" in view.text.accessibleDescription()
    qtbot.keyClick(view.text, Qt.Key.Key_Right)
    assert view.text.place == 1
    qtbot.keyClick(view.text, Qt.Key.Key_Down)
    assert view.text.place == departs
    # The page goes to the verdict by itself first.
    qtbot.waitUntil(lambda: page.compare.verticalScrollBar().value() > 0)
    page.compare.ensureWidgetVisible(view.text)
    qtbot.mouseMove(view.text.viewport(), QPoint(12, 12))
    qtbot.waitUntil(lambda: view.text.place == 0)
    view.as_table.click()
    table = view.table.model()
    assert view.table.isVisible() and not view.text.isVisible()
    assert table.rowCount() == len(tokens)
    assert table.index(departs, 3).data() == "no, the first"


def test_what_has_come_is_reached_by_keys_and_named(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    write(page, *QUESTIONS)
    run(qtbot, real)
    real.window.activateWindow()
    qtbot.waitUntil(real.window.isActiveWindow)
    page.setup.prompts.setFocus()
    found = reached(real.window, qtbot)
    assert {page.results.divergence.text, page.results.figures.table, page.results.compare} <= found
    for widget in controls(page):
        assert widget.accessibleName(), described(widget)
    real.window.resize(460, 760)
    qtbot.waitUntil(lambda: real.window.width() == 460)
    for percent in (100, 200):
        real.theme.set_zoom(percent)
        for tab, view in zip(LabTab, (page.compare, page.threads, page.sizing), strict=True):
            page.show_tab(tab)
            # It scrolls upright alone.
            qtbot.waitUntil(lambda v=view: v.widget().width() <= v.viewport().width())
    real.theme.set_zoom(100)
    page.show_tab(LabTab.COMPARE)
    first, second = page.results.columns.columns
    qtbot.waitUntil(lambda: second.y() > first.y() and second.x() == first.x())


# -- reports -------------------------------------------------------------------------------------


def test_reports_are_saved_escaped_and_compared(
    real: Desktop, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = real.window.lab
    write(page, *QUESTIONS)
    comparison = run(qtbot, real)
    web, data = tmp_path / "lab.html", tmp_path / "lab"
    choose_file(monkeypatch, web)
    click(qtbot, page.results.save_html)
    qtbot.waitUntil(lambda: str(web) in page.told.text())
    html = web.read_text(encoding="utf-8")
    assert "&lt;b&gt;&amp;amp;" in html and "<b>" not in html
    choose_file(monkeypatch, data)
    click(qtbot, page.results.save_json)
    saved = data.with_suffix(".json")
    qtbot.waitUntil(lambda: str(saved) in page.told.text())
    assert against.read(saved) == comparison
    choose_file(monkeypatch, saved)
    click(qtbot, page.results.compare)
    older = page.results.older
    qtbot.waitUntil(older.isVisible)
    assert older.fine.isVisible() and not older.worse.isVisible()
    record = json.loads(saved.read_bytes())
    record["rows"][1]["disk_bytes"] //= 2
    saved.write_text(json.dumps(record), encoding="utf-8")
    click(qtbot, page.results.compare)
    qtbot.waitUntil(older.worse.isVisible)
    assert "int4: disk" in older.worse.text() and not older.fine.isVisible()
    saved.write_text("{}", encoding="utf-8")
    click(qtbot, page.results.compare)
    qtbot.waitUntil(page.notice.isVisible)
    assert "not a comparison" in page.notice.sentence.text()


# -- what is cut short or does not count ---------------------------------------------------------


def test_stop_in_mid_run_keeps_what_there_is(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    write(page, *(f"Count from {n} to 50." for n in range(1, 40)), tokens=200)
    with qtbot.waitSignal(real.lab.stepped, check_params_cb=lambda step: isinstance(step, Wrote)):
        click(qtbot, page.setup.run)
    assert not page.setup.run.isEnabled() and page.progress.isVisible()
    click(qtbot, page.progress.stop)
    qtbot.waitUntil(lambda: not real.lab.is_busy)
    assert real.lab.comparison and real.lab.comparison.stopped
    assert "stopped before its end" in page.results.missing.text()
    assert page.setup.run.isEnabled() and not page.progress.isVisible()
    assert (len(engines()), kept_files()) == (1, [])


def test_closing_the_window_ends_the_run(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    write(page, *(f"Count from {n} to 50." for n in range(1, 40)), tokens=200)
    with qtbot.waitSignal(real.lab.stepped, check_params_cb=lambda step: isinstance(step, Wrote)):
        click(qtbot, page.setup.run)
    assert len(engines()) == 2
    real.window.close()
    assert (engines(), kept_files()) == ([], [])


def test_a_spoiled_run_says_so_and_its_speeds_are_muted(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    real.lab.watch = Noisy
    write(page, *QUESTIONS)
    run(qtbot, real)
    results = page.results
    assert f"2 of 2 answers do not count for speed: {NOISE}." in results.missing.text()
    assert NOISE in results.columns.columns[0].trouble.text()
    assert all("invalid" in cell for cell in cells(results.figures, figures.DECODE))
    assert "invalid" not in "".join(cells(results.figures, figures.KL))
    for theme, palette in (("dark", DARK), ("light", LIGHT)):
        real.theme.choose(theme)
        item = results.figures.table.item(0, 1)
        assert item.foreground().color() == QColor(palette.muted)
        assert NOISE in item.toolTip()


def test_where_memory_does_not_suffice_it_can_be_run_anyway(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    write(page, *QUESTIONS)
    comparison = run(qtbot, real)
    assert not page.results.insist.isVisible()
    refused = Failure(label="int4", kind="NotEnoughMemory", sentence="Too large.", way_out="")
    page.results.show_end(msgspec.structs.replace(comparison, failures=(refused,)))
    assert page.results.insist.isVisible()
    with qtbot.waitSignal(real.lab.began, check_params_cb=lambda plan: plan.regardless):
        click(qtbot, page.results.insist)


# -- what is to be run ---------------------------------------------------------------------------


def test_the_empty_page_offers_a_run_of_the_demo_model(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    assert page.introduction.isVisible() and not page.results.isVisible()
    with qtbot.waitSignal(real.lab.began) as began:
        click(qtbot, page.introduction.demo)
    plan = began.args[0]
    assert plan.model == "demo" and [v.label for v in plan.variants] == ["bf16", "int8", "int4"]
    assert [prompt.title for prompt in plan.prompts] == list(prompts.BUILT_IN)
    assert not page.introduction.isVisible()


@pytest.fixture
def page(ready: Desktop, qtbot: QtBot) -> LabPage:
    return open_lab(qtbot, ready)


def test_what_cannot_be_compared_is_said_before_it_runs(page: LabPage) -> None:
    setup = page.setup
    for text, names, problem in (
        ("", ("bf16", "int4"), "Write a prompt."),
        ("Hello", ("bf16",), "at least two"),
        ("Hello\n" * 51, ("bf16", "int4"), "No more than 50"),
    ):
        setup.prompts.setPlainText(text)
        setup.choose_precisions(*names)
        assert not setup.run.isEnabled() and problem in setup.problem.text()
    setup.prompts.setPlainText("Hello\n" * 50)
    setup.choose_precisions("fp32", "int4")
    assert setup.run.isEnabled() and setup.problem.text() == ""
    assert [variant.label for variant in setup.plan().variants] == ["fp32", "int4"]


def test_a_model_that_is_gone_is_told_and_not_run(ready: Desktop, qtbot: QtBot) -> None:
    page = open_lab(qtbot, ready)
    page.setup.prompts.setPlainText("Hello")
    page.models.model_chosen.emit("nobody/nothing")
    qtbot.waitUntil(page.notice.isVisible)
    assert "nobody/nothing" in page.notice.sentence.text()
    assert not page.setup.run.isEnabled()


def test_kernels_are_compared_where_there_is_a_choice(page: LabPage) -> None:
    setup = page.setup
    assert "native" in setup.kernels
    setup.choose_precisions("bf16", "int4")
    setup.kernels["native"].click()
    setup.kernels["auto"].click()
    labels = [variant.label for variant in setup.plan().variants]
    assert labels == ["bf16 (native)", "int4 (native)"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One\nTwo\n", ("One", "Two")),
        ("One\nmore\n\nTwo\n \nThree", ("One\nmore", "Two", "Three")),
        ("\n\n", ()),
    ],
)
def test_prompts_are_lines_or_blocks(text: str, found: tuple[str, ...]) -> None:
    assert prompts.split(text) == found
    assert prompts.split(prompts.joined(found)) == found


def test_a_single_block_stays_one_prompt() -> None:
    assert prompts.split(prompts.joined(("One\nmore",))) == ("One\nmore",)


def test_pinned_prompts_are_there_the_next_time(open_window: OpenWindow, qtbot: QtBot) -> None:
    page = open_lab(qtbot, open_window())
    page.setup.prompts.setPlainText("First\nSecond")
    click(qtbot, page.setup.pin)
    assert not page.setup.pin.isVisible()
    again = open_lab(qtbot, open_window())
    assert again.setup.prompts.toPlainText() == "First\nSecond"
    again.setup.prompts.setPlainText("Third")
    click(qtbot, again.setup.unpin)
    assert again.setup.prompts.toPlainText() == "First\nSecond"


def test_a_text_for_perplexity_is_read_and_taken_away(
    page: LabPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "book.txt"
    file.write_text("Once upon a time", encoding="utf-8")
    choose_file(monkeypatch, file)
    click(qtbot, page.setup.choose_text)
    qtbot.waitUntil(lambda: page.setup.plan().text == "Once upon a time")
    assert page.setup.text.text() == page.setup.plan().text_name == "book.txt"
    click(qtbot, page.setup.drop_text)
    assert page.setup.plan().text == ""
    file.write_bytes(b"\xff\xfe\x00")
    click(qtbot, page.setup.choose_text)
    qtbot.waitUntil(page.notice.isVisible)
    assert "not UTF-8" in page.notice.sentence.text() and page.setup.plan().text == ""


def test_markup_in_a_token_is_shown_as_it_is(qtbot: QtBot) -> None:
    view = TokenText(LIGHT)
    qtbot.addWidget(view)
    top = (Likely("<i>", 0.5),)
    view.show_tokens(
        [
            ForcedToken(text="<b>bold</b>\x00\n", nats=0.1, top=top, kl=3.0, agrees=False),
            ForcedToken(text=" 🦊", nats=0.1, top=top),
            ForcedToken(text="!", nats=0.1, top=top),
        ]
    )
    assert view.toPlainText() == f"{FIRST}<b>bold</b>⏎\n 🦊!"
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.extraSelections()[0].cursor.selectedText() == "!"


# -- threads and sizing --------------------------------------------------------------------------


def test_the_best_number_of_threads_is_found_and_remembered(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    page.show_tab(LabTab.THREADS)
    click(qtbot, page.threads.tune)
    qtbot.waitUntil(lambda: not real.lab.is_busy)
    view = page.threads
    best = next(p for p in view.points if view.table.item(view.points.index(p), 3).text())
    assert f"{best.threads} thread" in view.state.text()
    assert view.curve.reading.startswith(f"{best.threads} thread")
    click(qtbot, view.use)
    assert list(real.settings.value.threads.values()) == [best.threads]
    assert view.kept.isVisible()
    click(qtbot, view.forget)
    assert real.settings.value.threads == {} and not view.kept.isVisible()


def test_sizing_says_how_fast_it_must_be(page: LabPage) -> None:
    page.show_tab(LabTab.SIZING)
    view = page.sizing
    known = {
        "sessions_per_hour": 300,
        "requests_per_session": 5,
        "tokens_per_reply": 100,
        "overhead_s": 10,
        "reading_s": 30,
        "session_s": 180,
    }
    for name, value in known.items():
        view.fields[name].setValue(value)
    assert view.needed.text() == "25 tokens/s for each reply, 41.7 tokens/s in all."
    assert "20 s of a session remain for 5 replies, 4 s for each." in view.why.text()
    view.fields["session_s"].setValue(160)
    assert view.problem.isVisible() and "leaves no time for replies" in view.problem.text()
    assert not view.needed.isVisible()


def test_what_was_measured_stands_beside_what_is_needed(real: Desktop, qtbot: QtBot) -> None:
    page = real.window.lab
    assert "Nothing yet" in page.sizing.measured.text()
    write(page, *QUESTIONS)
    run(qtbot, real)
    page.sizing.fields["tokens_per_reply"].setValue(1_000_000)
    said = page.sizing.measured.text().splitlines()
    assert [line.split(":")[0] for line in said] == ["bf16", "int4"]
    assert all("Too slow for a single reply." in line for line in said)
