"""Logs tell what failed and where, and never what a person wrote or a model answered."""

import logging
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from engine.errors import TernError
from engine.logs import TextlessFormatter, log_to, named
from engine.messages import ChatMessage, Done, Failed, Generate, Loaded, Precision, Score
from engine.models import demo_model
from tests.integration.conftest import GREEDY, StartEngine

SECRET = "sesame-opens-the-door"
TEMPLATE = "{{ raise_exception('I do not like: ' + messages[0]['content']) }}"


def template_that_quotes(folder: Path) -> Path:
    """The demo model with a chat template that fails with the prompt's own words."""
    shutil.copytree(demo_model().folder, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return folder


def test_the_engines_log_holds_no_prompt_and_no_answer(start: StartEngine, tmp_path: Path) -> None:
    engine = start()
    assert isinstance(engine.load("demo", Precision.BF16), Loaded)
    told = engine.answer("Once upon a time")
    assert isinstance(told, Done) and len(told.text) > 20
    engine.answer(f"{SECRET} " * 4000)  # too long
    question = (ChatMessage("user", SECRET),)
    engine.send(Score(request_id=91, text=SECRET, max_tokens=1, context_length=9))
    engine.until(Failed)
    assert isinstance(engine.load(template_that_quotes(tmp_path / "quotes")), Loaded)
    engine.send(Generate(request_id=92, messages=question, sampling=GREEDY))
    engine.until(Failed)
    quoting = [e for e in engine.seen if isinstance(e, Failed) and e.kind == "BadChatTemplate"]
    assert quoting and SECRET in quoting[0].sentence, "the person is told"
    # What is no command, as a line that was cut off would be.
    process = engine.client._process
    assert process and process.stdin
    process.stdin.write(b'{"type":"Generate","prompt":"' + SECRET.encode() + b"\n")
    process.stdin.flush()
    assert isinstance(engine.answer(SECRET), Done)
    log = engine.log()
    assert "BadChatTemplate" in log and "PromptTooLong" in log and "not a command" in log
    assert SECRET not in log
    assert told.text.strip() not in log


TALKS_NONSENSE = f"""
import os
from engine import worker
run = worker.Worker._execute
def odd(self, command):
    self._events.write(b'{{"type": "Chunk", "text": "{SECRET}"\\n')
    run(self, command)
worker.Worker._execute = odd
worker.main()
"""


def test_a_line_that_is_no_message_is_counted_and_not_quoted(start: StartEngine) -> None:
    engine = start([sys.executable, "-P", "-c", TALKS_NONSENSE])
    assert isinstance(engine.load(), Loaded)
    assert "is not a message" in engine.log()
    assert SECRET not in engine.log()


def fail_by_statement() -> None:
    raise TypeError(f"cannot answer {SECRET}")


def fail_in_a_library() -> None:
    int(SECRET)


def fail_on_a_file() -> None:
    Path(f"/nonexistent/{SECRET}").read_text()


def fail_in_the_database() -> None:
    sqlite3.connect(":memory:").execute(f"select '{SECRET}' from nowhere_{SECRET}")


def fail_after_another() -> None:
    try:
        fail_by_statement()
    except TypeError as error:
        raise KeyError(SECRET) from error


@pytest.mark.parametrize(
    "fail",
    [
        fail_by_statement,
        fail_in_a_library,
        fail_on_a_file,
        fail_in_the_database,
        fail_after_another,
    ],
)
def test_what_an_exception_says_of_a_text_is_left_out(fail, tmp_path: Path) -> None:
    handler = log_to(tmp_path / "some.log")
    try:
        fail()
    except Exception:
        logging.getLogger("desktop").exception("in a test")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    log = (tmp_path / "some.log").read_text(encoding="utf-8")
    assert "in a test" in log and fail.__name__ in log and "Error" in log
    assert SECRET not in log


def test_what_the_interpreter_says_of_the_program_is_kept() -> None:
    try:
        _ = TextlessFormatter().formatt  # type: ignore[attr-defined]
    except AttributeError as error:
        assert "'formatt'" in named(error)
    try:
        Path("/nonexistent/file").read_text()
    except OSError as error:
        assert named(error) == "FileNotFoundError: No such file or directory"


def test_a_failure_of_loading_is_logged_with_its_facts(start: StartEngine, tmp_path: Path) -> None:
    engine = start()
    failed = engine.load(tmp_path)
    assert isinstance(failed, Failed) and failed.kind in {e.__name__ for e in kinds()}
    assert f"Load failed: {failed.kind}" in engine.log() and str(tmp_path) in engine.log()


def kinds() -> list[type[TernError]]:
    return TernError.__subclasses__()
