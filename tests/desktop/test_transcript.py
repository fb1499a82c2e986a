"""The transcript by itself: what is shown, long conversations, and staying where the person is."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QGuiApplication, QTextCursor, QTextTable
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from desktop.document.text_pane import TextPane
from desktop.theme import DARK, LIGHT
from desktop.transcript.message_view import MessageView
from desktop.transcript.shown_message import Act, ShownMessage
from desktop.transcript.throttle import RepaintThrottle
from desktop.transcript.transcript import Transcript
from tests.desktop.conftest import click
from tests.desktop.fake_worker import CODE


@pytest.fixture
def transcript(qtbot: QtBot) -> Iterator[Transcript]:
    made = Transcript(LIGHT)
    qtbot.addWidget(made)
    made.resize(800, 500)
    made.show()
    made.setFocus()
    qtbot.waitExposed(made)
    yield made
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def answer(text: str, number: int = 1, **more: object) -> ShownMessage:
    return ShownMessage(number, "assistant", text, **more)


def pairs(count: int) -> list[ShownMessage]:
    questions = [ShownMessage(2 * i + 1, "user", f"question {i}") for i in range(count)]
    answers = [answer(f"**Answer** {i}\n\n{CODE}", 2 * i + 2) for i in range(count)]
    return [message for pair in zip(questions, answers, strict=True) for message in pair]


def settle(qtbot: QtBot, transcript: Transcript) -> None:
    qtbot.waitUntil(lambda: bool(transcript.views) and transcript.is_settled)


def show(qtbot: QtBot, transcript: Transcript, *messages: ShownMessage) -> MessageView:
    """Show `messages`, and return the view of the last."""
    transcript.show_messages(messages)
    settle(qtbot, transcript)
    return transcript.views[-1]


def pane(view: MessageView) -> TextPane:
    return view.body.panes[0]


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


# -- following and staying -------------------------------------------------------------------------


def test_it_follows_a_growing_answer(transcript: Transcript, qtbot: QtBot) -> None:
    show(qtbot, transcript, *pairs(5), answer("", 99, state="growing"))
    bar = transcript.verticalScrollBar()
    before = bar.maximum()
    text = "\n\n".join(["a paragraph"] * 30)
    transcript.update_message(answer(text, 99, state="growing"))
    qtbot.waitUntil(lambda: bar.maximum() > before and bar.value() == bar.maximum())
    assert not transcript.to_end.isVisible()


def test_it_stays_where_the_person_scrolled_and_leads_back(
    transcript: Transcript, qtbot: QtBot
) -> None:
    show(qtbot, transcript, *pairs(3), answer("", 99, state="growing"))
    bar = transcript.verticalScrollBar()
    bar.setValue(100)
    settle(qtbot, transcript)
    top = transcript.views[0].y()
    transcript.update_message(answer("a paragraph\n\n" * 30, 99, state="growing"))
    transcript.update_message(answer("a paragraph\n\n" * 30, 99))
    settle(qtbot, transcript)
    assert bar.value() < bar.maximum() and transcript.views[0].y() == top
    click(qtbot, transcript.to_end)
    settle(qtbot, transcript)
    assert bar.value() == bar.maximum() and not transcript.to_end.isVisible()
    assert "a paragraph" in transcript.views[-1].body.toPlainText()


def test_what_is_read_does_not_jump_when_heights_above_become_known(
    transcript: Transcript, qtbot: QtBot
) -> None:
    show(qtbot, transcript, *pairs(60))
    bar = transcript.verticalScrollBar()
    for _ in range(40):
        settle(qtbot, transcript)
        seen = transcript.views[-2] if transcript.views[-1].y() > 500 else transcript.views[-1]
        before = seen.mapTo(transcript, QPoint(0, 0)).y()
        bar.setValue(bar.value() - 60)
        settle(qtbot, transcript)
        assert seen.mapTo(transcript, QPoint(0, 0)).y() - before == 60


def test_only_messages_near_are_widgets(transcript: Transcript, qtbot: QtBot) -> None:
    show(qtbot, transcript, *pairs(100))
    assert len(transcript.messages) == 200
    for place in (0, 5000, 20_000):
        transcript.verticalScrollBar().setValue(place)
        settle(qtbot, transcript)
        assert 0 < len(transcript.views) < 20


def test_every_message_can_be_reached_by_scrolling(transcript: Transcript, qtbot: QtBot) -> None:
    show(qtbot, transcript, *pairs(15))
    seen: set[int] = set()
    bar = transcript.verticalScrollBar()
    bar.setValue(0)
    while True:
        settle(qtbot, transcript)
        seen |= {view.message.id for view in transcript.views}
        if bar.value() >= bar.maximum():
            break
        bar.setValue(bar.value() + 300)
    assert seen == {message.id for message in transcript.messages}


def test_switching_versions_keeps_the_place(transcript: Transcript, qtbot: QtBot) -> None:
    messages = pairs(6)
    show(qtbot, transcript, *messages)
    transcript.verticalScrollBar().setValue(0)
    settle(qtbot, transcript)
    first = transcript.views[0]
    other = answer("Another version.", 400, siblings=(12, 400))
    transcript.show_messages([*messages[:-1], other])
    settle(qtbot, transcript)
    assert transcript.views[0] is first and transcript.verticalScrollBar().value() == 0
    assert transcript.messages[-1] == other


def test_another_chat_is_shown_from_its_end(transcript: Transcript, qtbot: QtBot) -> None:
    show(qtbot, transcript, *pairs(6))
    transcript.verticalScrollBar().setValue(0)
    others = [answer(CODE, 1000 + i) for i in range(8)]
    assert show(qtbot, transcript, *others).message == others[-1]
    bar = transcript.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0


def test_it_wraps_anew_in_a_narrower_window(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, *pairs(3))
    height = view.height()
    transcript.resize(420, 500)
    settle(qtbot, transcript)
    assert pane(view).width() <= 420 and view.height() > height
    assert transcript.verticalScrollBar().value() == transcript.verticalScrollBar().maximum()


def test_zoom_makes_text_larger(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, *pairs(2))
    height = view.height()
    transcript.set_zoom(150)
    settle(qtbot, transcript)
    size = pane(view).document().firstBlock().begin().fragment().charFormat().font().pixelSize()
    assert size == 22 and view.height() > 1.2 * height


def test_colours_change_with_the_theme(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, answer("text"))
    transcript.recolour(DARK)
    settle(qtbot, transcript)
    letters = pane(view).document().firstBlock().begin().fragment().charFormat()
    assert letters.foreground().color() == QColor(DARK.text)


# -- Markdown --------------------------------------------------------------------------------------


def test_markdown_is_shown(transcript: Transcript, qtbot: QtBot) -> None:
    text = "# Head\n\n- a\n- [x] done\n\n3. three\n3. four\n\n"
    text += "| h | i |\n|---|--:|\n| 1 | 2 |\n\n> said"
    document = pane(show(qtbot, transcript, answer(text))).document()
    blocks = {}
    block = document.begin()
    while block.isValid():
        blocks[block.text()] = block
        block = block.next()
    assert blocks["Head"].blockFormat().headingLevel() == 1
    assert blocks["done"].blockFormat().marker() == blocks["done"].blockFormat().MarkerType.Checked
    assert [blocks[t].textList().itemText(blocks[t]) for t in ("three", "four")] == ["3.", "4."]
    table = next(f for f in document.rootFrame().childFrames() if isinstance(f, QTextTable))
    assert (table.rows(), table.columns()) == (2, 2)
    assert blocks["2"].blockFormat().alignment() & Qt.AlignmentFlag.AlignRight
    assert blocks["said"].blockFormat().leftMargin() > 0


def test_growing_text_looks_in_the_end_as_if_it_had_been_there_at_once(
    transcript: Transcript, qtbot: QtBot
) -> None:
    at_once = show(qtbot, transcript, answer(CODE, 1)).body.toPlainText()
    growing = show(qtbot, transcript, answer("", 2, state="growing"))
    for end in range(0, len(CODE), 3):
        growing.show_message(answer(CODE[:end], 2, state="growing"))
        while not growing.is_done:
            growing.advance()
    growing.show_message(answer(CODE, 2))
    while not growing.is_done:
        growing.advance()
    assert growing.body.toPlainText() == at_once


def test_code_gets_its_colours(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, answer("```python\nreturn 'text'\n```"))

    def colours() -> set[str]:
        block = pane(view).document().lastBlock()
        return {run.fragment().charFormat().foreground().color().name() for run in block}

    qtbot.waitUntil(lambda: {LIGHT.keyword, LIGHT.string} <= colours())


def test_code_that_settles_before_its_colours_are_there_gets_them(
    transcript: Transcript, qtbot: QtBot
) -> None:
    text = "```python\nreturn 'other text'\n```\n\nMore.\n\nAnd"
    view = show(qtbot, transcript, answer(text, state="growing"))

    def keyword() -> bool:
        found = pane(view).document().find("return").charFormat().foreground().color()
        return found == QColor(LIGHT.keyword)

    qtbot.waitUntil(keyword)


def test_a_formula_becomes_a_picture_and_nonsense_stays_its_source(
    transcript: Transcript, qtbot: QtBot
) -> None:
    view = show(qtbot, transcript, answer(r"See $\frac{1}{2}$ and $\nonsense$ for $5 or $6."))
    qtbot.waitUntil(lambda: "\ufffc" in view.body.toPlainText())
    settle(qtbot, transcript)
    assert view.body.toPlainText() == "See \ufffc and $\\nonsense$ for $5 or $6."
    pane(view).selectAll()
    pane(view).copy()
    assert clipboard() == view.message.content


def test_text_from_right_to_left_stands_at_the_right(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, answer("left\n\nשלום עולם"))
    document = pane(view).document()
    assert document.firstBlock().textDirection() == Qt.LayoutDirection.LeftToRight
    assert document.lastBlock().textDirection() == Qt.LayoutDirection.RightToLeft


# -- thinking --------------------------------------------------------------------------------------


def test_thinking_is_open_while_it_grows_and_folds_when_the_answer_begins(
    transcript: Transcript, qtbot: QtBot
) -> None:
    def grow(text: str, state: str = "growing") -> MessageView:
        transcript.update_message(answer(text, state=state))
        qtbot.waitUntil(lambda: transcript.views[0].message.content == text)
        settle(qtbot, transcript)
        return transcript.views[0]

    show(qtbot, transcript, answer("", state="growing"))
    grow("<think>")
    view = grow("<think>Let me see.")
    assert view.thinking.head.text() == "▾  Thinking…"
    assert view.thinking.body.toPlainText() == "Let me see." and view.thinking.body.isVisible()
    with qtbot.waitSignal(transcript.thought) as signal:
        view = grow("<think>Let me see.</think>\n\nIt is")
    assert signal.args[0] == 1
    assert view.thinking.head.text() == "▸  Thought for 1 s"
    assert view.body.toPlainText() == "It is" and not view.thinking.body.isVisible()
    click(qtbot, view.thinking.head)
    assert view.thinking.body.isVisible()
    assert grow("<think>Let me see.</think>\n\nIt is so.", "whole").thinking.is_open


def test_folded_thinking_says_how_long_it_took(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, answer("<think>x</think>y", thought_s=12.4))
    assert view.thinking.head.text() == "▸  Thought for 12 s"
    view = show(qtbot, transcript, answer("<think>x</think>y", 2))
    assert view.thinking.head.text() == "▸  Thought"


# -- copying ---------------------------------------------------------------------------------------


def test_a_code_blocks_button_copies_it_exactly(transcript: Transcript, qtbot: QtBot) -> None:
    code = "\n".join(f"if x == {i}:\n\tprint('a  b')\n" for i in range(1000))
    view = show(
        qtbot, transcript, answer(f"Text\n\n```python\n{code}\n```\n\nMore\n\n```\nlast\n```")
    )
    buttons = [b for p in view.body.panes for b in p.findChildren(QPushButton)]
    assert len(buttons) == 2 and len(view.body.panes) > 1
    click(qtbot, buttons[0])
    assert clipboard() == code and buttons[0].text() == "Copied"
    click(qtbot, buttons[1])
    assert clipboard() == "last"


def test_a_selection_of_whole_blocks_is_copied_as_markdown(
    transcript: Transcript, qtbot: QtBot
) -> None:
    view = show(qtbot, transcript, answer(CODE))
    pane(view).selectAll()
    pane(view).copy()
    assert clipboard() == CODE
    pane(view).setFocus()
    QTest.keyClick(pane(view), Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard() == CODE


def test_a_selection_within_code_keeps_its_lines(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, answer("Emoji 🦊🦊\n\n```\none\n  two 🦊\nthree\n```"))
    cursor = pane(view).document().find("ne")
    start = cursor.selectionStart()
    end = pane(view).document().find("thr").selectionEnd()
    cursor.setPosition(start)
    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
    pane(view).setTextCursor(cursor)
    pane(view).copy()
    assert clipboard() == "ne\n  two 🦊\nthr"


def test_a_message_is_copied_as_its_markdown(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, answer(CODE))
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard() == CODE


# -- tools -----------------------------------------------------------------------------------------


def test_the_tools_ask_for_what_is_wanted(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.offer(Act)
    view = show(qtbot, transcript, answer("Half an", 7, state="partial", siblings=(5, 7)))
    for act, signal, args in (
        (Act.REGENERATE, transcript.regenerate_wanted, [7]),
        (Act.CONTINUE, transcript.continue_wanted, [7]),
        (Act.DELETE, transcript.delete_wanted, [7]),
    ):
        with qtbot.waitSignal(signal) as caught:
            click(qtbot, view.tools.acts[act])
        assert caught.args == args
    assert view.tools.place.text() == "2/2" and not view.tools.next.isEnabled()
    with qtbot.waitSignal(transcript.select_sibling_wanted) as caught:
        click(qtbot, view.tools.previous)
    assert caught.args == [7, 5]


def test_only_what_suits_and_is_offered_is_there(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, answer("Whole."))
    assert view.tools.acts.keys() == {Act.COPY}
    transcript.offer(Act)
    assert view.tools.acts.keys() == {Act.COPY, Act.REGENERATE, Act.DELETE}
    growing = show(qtbot, transcript, answer("Gro", 2, state="growing"))
    assert not any(button.isVisible() for button in growing.tools.acts.values())


def test_tools_appear_on_hover_and_leave(transcript: Transcript, qtbot: QtBot) -> None:
    show(qtbot, transcript, answer("first", 1), answer("last", 2))
    first, last = transcript.views
    assert last.copy_button.isVisible()
    QApplication.sendEvent(first, QEvent(QEvent.Type.Leave))
    assert not first.tools.acts or not first.tools.acts[Act.COPY].isVisible()
    height = first.height()
    assert first.copy_button.isVisible() and first.height() == height
    QApplication.sendEvent(first, QEvent(QEvent.Type.Leave))
    assert not first.tools.acts[Act.COPY].isVisible()


def test_the_keyboard_reaches_every_message_and_its_tools(
    transcript: Transcript, qtbot: QtBot
) -> None:
    transcript.offer(Act)
    show(qtbot, transcript, *pairs(20))
    transcript.activateWindow()
    names = []
    for _ in range(40):
        QTest.keyClick(
            QApplication.focusWidget() or transcript,
            Qt.Key.Key_Up,
            Qt.KeyboardModifier.ControlModifier,
        )
        focus = QApplication.focusWidget()
        assert isinstance(focus, MessageView)
        names.append(focus.message.id)
        top = focus.mapTo(transcript, QPoint(0, 0)).y()
        assert top < transcript.height() and top + focus.height() > 0
        assert focus.accessibleName().startswith(("Answer: ", "Your message: question"))
    assert names == list(range(40, 0, -1))
    question = QApplication.focusWidget()
    reached = []
    for _ in range(4):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget())
    acts = question.tools.acts
    assert reached[:3] == [acts[Act.COPY], acts[Act.EDIT], acts[Act.DELETE]]
    assert isinstance(reached[3], MessageView)


def test_a_question_is_edited_in_its_place(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.offer(Act)
    view = show(qtbot, transcript, ShownMessage(3, "user", "How are you?"))
    click(qtbot, view.tools.acts[Act.EDIT])
    assert view.editor.edit.hasFocus() and not view.body.isVisible()
    qtbot.keyClicks(view.editor.edit, " Really?")
    with qtbot.waitSignal(transcript.edit_wanted) as caught:
        qtbot.keyClick(view.editor.edit, Qt.Key.Key_Return)
    assert caught.args == [3, "How are you? Really?"]
    assert view.editor is None and view.body.isVisible()


def test_escape_leaves_a_question_as_it_was(transcript: Transcript, qtbot: QtBot) -> None:
    view = show(qtbot, transcript, ShownMessage(3, "user", "How are you?"))
    view.edit()
    qtbot.keyClicks(view.editor.edit, "xyz")
    with qtbot.assertNotEmitted(transcript.edit_wanted):
        qtbot.keyClick(view.editor.edit, Qt.Key.Key_Escape)
    assert view.editor is None and view.body.toPlainText() == "How are you?"


def test_what_the_person_does_in_a_message_keeps_it_alive(
    transcript: Transcript, qtbot: QtBot
) -> None:
    show(qtbot, transcript, *pairs(50))
    bar = transcript.verticalScrollBar()
    bar.setValue(0)
    settle(qtbot, transcript)
    view = transcript.views[0]
    view.edit()
    qtbot.keyClicks(view.editor.edit, " more")
    bar.setValue(bar.maximum())
    settle(qtbot, transcript)
    bar.setValue(0)
    settle(qtbot, transcript)
    assert transcript.views[0].editor.edit.toPlainText() == "question 0 more"


def test_many_tokens_are_one_repaint(qapp: QApplication, qtbot: QtBot) -> None:
    repaints: list[None] = []
    throttle = RepaintThrottle(lambda: repaints.append(None), qapp)
    for _token in range(1000):
        throttle.request()
    qtbot.waitUntil(lambda: bool(repaints))
    assert len(repaints) == 1
    throttle.request()
    qtbot.waitUntil(lambda: len(repaints) > 1)
    throttle.deleteLater()
