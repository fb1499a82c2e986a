"""`tern chat`, through a pipe and at a terminal."""

import contextlib
import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.cli.conversation import Conversation

PROGRAM = Path(__file__).with_name("tern.py")


@pytest.fixture
def chat(tern, monkeypatch):
    """Send lines through a pipe; return the result."""

    def run(*lines, options=()):
        text = "".join(f"{line}\n" for line in lines)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return tern("chat", *options)

    return run


def test_a_conversation_goes_on(chat):
    result = chat("Hello", "", "And now?")
    assert result.code == 0
    assert result.out == "You said 'Hello' after 1 turns.\nYou said 'And now?' after 3 turns.\n"
    assert result.err.count("50.0 tokens/s") == 2
    assert "256 MiB now, 512 MiB peak" in result.err
    assert "bf16 · native kernels on AVX2 (it is fake)" in result.err


def test_system_message_and_new(chat):
    result = chat("a", "b", "/new", "c", options=["--system", "Be brief."])
    assert re.findall(r"after (\d) turns", result.out) == ["2", "4", "2"]


def test_retry_replaces_the_last_answer(chat):
    result = chat("/retry", "a", "b", "/retry", "c")
    assert "nothing to answer again" in result.err
    assert re.findall(r"'(\w)' after (\d)", result.out) == [
        ("a", "1"),
        ("b", "3"),
        ("b", "3"),
        ("c", "5"),
    ]


def test_precision_changes_and_the_conversation_stays(chat, home):
    result = chat("a", "/precision int4", "b")
    assert "'b' after 3 turns" in result.out
    assert "int4 · native" in result.err
    assert len((home / "pids").read_text().split()) == 2  # so that the peak is of one model


def test_model_changes(chat, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    result = chat("a", "/model /nowhere", f"/model {tmp_path}", "b")
    assert "no model named /nowhere" in result.err
    assert "'b' after 3 turns" in result.out


def test_unknown_commands_and_values_are_explained(chat):
    result = chat("/fly", "/precision int3", "/model", " /fly", "/help", "/quit", "never")
    assert "no command /fly" in result.err
    assert "must be bf16, int8, int4" in result.err
    assert "' /fly' after 1 turns" in result.out
    assert "/retry" in result.err
    assert "never" not in result.out
    assert result.code == 0


def test_a_crash_is_explained_and_the_conversation_kept(chat):
    result = chat("a", "CRASH", "b")
    assert "killed the engine" in result.err
    assert "\nYou said \n" in result.out
    assert "'b' after 5 turns" in result.out
    assert result.code == 0


def test_the_last_failure_is_the_exit_code_of_a_piped_chat(chat):
    assert chat("a", "BUG").code == 1


def test_a_line_that_ends_with_a_backslash_goes_on(chat):
    assert r"'one\ntwo' after 1" in chat("one\\", "two").out


def test_an_engine_that_died_between_messages_is_replaced(spawn, home):
    child = spawn("chat", text=True)
    child.stdin.write("a\n")
    child.stdin.flush()
    assert "after 1" in child.stdout.readline()
    engine = psutil.Process(int((home / "pids").read_text()))
    engine.kill()
    while psutil.pid_exists(engine.pid):
        time.sleep(0.01)
    time.sleep(0.1)  # from the end of the process to the news of it
    out, err = child.communicate("b\n", timeout=60)
    assert "'b' after 3 turns" in out
    assert "killed the engine" in err
    assert child.returncode == 0


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, *argv):
        self.screen = ""
        self._own, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *argv],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm"},
        )
        os.close(theirs)
        os.set_blocking(self._own, False)

    def type(self, text):
        os.write(self._own, text.encode())

    def interrupt(self):
        """What the terminal does at Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def read_until(self, text, patience_s=60.0):
        """Wait until `text` is shown; return the screen so far and begin anew."""
        end = time.monotonic() + patience_s
        while text not in self.screen:
            assert time.monotonic() < end, self.screen
            with contextlib.suppress(OSError):
                self.screen += os.read(self._own, 65536).decode(errors="replace")
            time.sleep(0.01)
        before, _, self.screen = self.screen.partition(text)
        return before + text

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._own)


@pytest.fixture
def terminal():
    with contextlib.closing(Terminal("chat")) as terminal:
        terminal.read_until("> ")
        yield terminal


def test_ctrl_c_at_a_terminal_stops_the_answer_and_the_chat_goes_on(terminal):
    terminal.type("SLOW\n")
    terminal.read_until("You said")
    terminal.interrupt()
    terminal.read_until("stopped")
    terminal.read_until("> ")
    terminal.type("next\n")
    terminal.read_until("'next' after 3 turns")
    terminal.read_until("> ")
    terminal.type("\x04")
    assert terminal.process.wait(timeout=60) == 0


def test_one_ctrl_c_at_the_prompt_only_warns(terminal):
    terminal.interrupt()
    terminal.read_until("ends the chat")
    terminal.type("on\n")
    terminal.read_until("'on' after 1 turns")
    terminal.read_until("> ")
    terminal.interrupt()
    terminal.read_until("ends the chat")
    terminal.interrupt()
    assert terminal.process.wait(timeout=60) == 130


def test_two_ctrl_c_replace_an_engine_that_does_not_listen(terminal):
    terminal.type("DEAF\n")
    terminal.read_until("on on")
    terminal.interrupt()
    time.sleep(0.3)  # two signals at once are one
    terminal.interrupt()
    terminal.read_until("Given up")
    terminal.read_until("> ")
    terminal.type("next\n")
    terminal.read_until("'next' after 3 turns")


def test_no_escape_sequence_of_the_model_reaches_a_terminal(terminal):
    terminal.type("ESCAPE\n")
    shown = terminal.read_until("tokens/s")
    assert "safe]0;owned[2J31m" in shown
    assert "\x1b]0" not in shown
    assert "\x07" not in shown


def test_a_question_without_an_answer_is_no_turn():
    conversation = Conversation()
    conversation.ask("a")
    conversation.answer("")
    assert conversation.turns == []
    assert conversation.last_question == "a"
    assert [turn.content for turn in conversation.ask("b")] == ["b"]


def test_a_retry_that_fails_keeps_the_old_answer():
    conversation = Conversation()
    conversation.ask("a")
    conversation.answer("A")
    taken = conversation.take_back()
    conversation.ask("a")
    conversation.answer("")
    conversation.put_back(taken)
    assert [turn.content for turn in conversation.turns] == ["a", "A"]
