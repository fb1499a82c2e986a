"""`tern generate` and what all commands share: exit codes, error lines, Ctrl-C, pipes."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.cli.generate import load_request
from engine.cli.inputs import request_from
from engine.cli.options import build_parser
from engine.client import EngineClient
from engine.paths import Paths
from tests.cli.tern import FAKE

PROGRAM = Path(__file__).with_name("tern.py")
KEYS = {
    "text",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "ttft_s",
    "prefill_tokens_per_s",
    "decode_tokens_per_s",
    "token_ms_p50",
    "token_ms_p95",
    "peak_rss_bytes",
    "load_s",
    "precision",
    "kernel",
    "isa",
    "why",
    "finish_reason",
    "model",
    "parameters",
    "weight_bytes",
    "proof",
    "context_length",
    "threads",
    "versions",
}


def error_line(result):
    """The one line of an error; nothing of a traceback."""
    lines = result.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


def test_the_reply_goes_to_stdout_and_the_figures_to_stderr(tern):
    result = tern("generate", "--prompt", "Hello")
    assert result.code == 0
    assert result.out == "You said 'Hello' after 1 turns.\n"
    assert "50.0 tokens/s" in result.err
    assert "512 MiB peak" in result.err
    assert "bf16, native, AVX2" in result.err
    assert len(result.err.splitlines()) == 1


def test_json_is_all_of_stdout(tern):
    result = tern("generate", "--prompt", "Hellö", "--precision", "int8", "--json")
    assert result.code == 0
    assert len(result.out.splitlines()) == 1
    assert result.json.keys() >= KEYS
    assert result.json["text"] == "You said 'Hellö' after 1 turns."
    assert result.json["precision"] == "int8"
    assert result.json["proof"]["float_layers"] == 4
    assert result.err == ""


def test_prompt_from_standard_input(tern, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("grüß\n".encode())))
    assert "grüß" in tern("generate", "--prompt", "-").out


def test_standard_input_that_is_no_text(tern, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00")))
    result = tern("generate", "--prompt", "-")
    assert result.code == 3
    assert "standard input cannot be read" in error_line(result)


def test_messages_and_a_system_message(tern, tmp_path):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps([{"role": "user", "content": "Hi"}]))
    result = tern("generate", "--messages", file, "--system", "Be brief.")
    assert "'Hi' after 2 turns" in result.out


@pytest.mark.parametrize(
    "content",
    ["", "{", "{}", '"text"', '[{"role": "robot", "content": "x"}]', '[{"role": "user"}]', "[1]"],
)
def test_a_bad_messages_file_is_explained(tern, tmp_path, content):
    file = tmp_path / "talk.json"
    file.write_text(content)
    result = tern("generate", "--messages", file)
    assert result.code == 3
    assert "is not a conversation" in error_line(result)


@pytest.mark.parametrize("content", ["[]", '[{"role": "user", "content": "  "}]'])
def test_a_conversation_that_asks_nothing(tern, tmp_path, content):
    file = tmp_path / "talk.json"
    file.write_text(content)
    result = tern("generate", "--messages", file)
    assert result.code == 3
    assert "nothing to answer" in error_line(result)


def test_missing_files_and_models_are_explained_before_an_engine_starts(tern, home):
    missing = tern("generate", "--messages", "/nowhere/talk.json")
    assert missing.code == 3
    assert "No such file" in error_line(missing)
    unknown = tern("generate", "--model", "no/such-model", "--prompt", "Hi")
    assert unknown.code == 3
    assert "no model named no/such-model" in error_line(unknown)
    assert not (home / "pids").exists()


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["fly"],
        ["generate"],
        ["generate", "--prompt", "a", "--messages", "b"],
        ["generate", "--prompt", "a", "--precision", "int3"],
        ["generate", "--prompt", "a", "--kernel", "cuda"],
        ["generate", "--prompt", "a", "--temperature", "-1"],
        ["generate", "--prompt", "a", "--temperature", "nan"],
        ["generate", "--prompt", "a", "--top-p", "0"],
        ["generate", "--prompt", "a", "--top-k", "many"],
        ["generate", "--prompt", "a", "--max-new-tokens", "0"],
        ["generate", "--prompt", "a", "--seed", "9" * 30],
        ["generate", "--prompt", "\udcff"],
        ["generate", "--prompt", "a", "--raw", "--system", "b"],
        ["generate", "--messages", "a", "--raw"],
        ["models", "paint"],
        ["bench", "--repeats", "0"],
    ],
)
def test_wrong_usage(tern, argv):
    result = tern(*argv)
    assert result.code == 2
    assert "error: " in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("word", "code"), [("BUG", 1), ("BADSETTING", 2)])
def test_failures_of_the_engine(tern, word, code):
    result = tern("generate", "--prompt", word)
    assert result.code == code
    error_line(result)


def test_a_kernel_that_cannot_serve_is_one_line(tern):
    result = tern("generate", "--prompt", "Hi", "--kernel", "ipex")
    assert result.code == 3
    assert error_line(result) == "error: IPEX cannot serve it. Use native."


def test_a_crash_in_mid_answer(tern, home):
    result = tern("generate", "--prompt", "CRASH")
    assert result.code == 3
    assert result.out == "You said \n"
    assert "killed the engine" in error_line(result)
    assert str(home / "logs" / "engine.log") in result.err


def test_a_crash_in_loading(tern):
    result = tern("generate", "--prompt", "Hi", "--context-length", "14")
    assert result.code == 3
    assert "memory ran out" in error_line(result)


def test_an_engine_of_another_version(tern):
    def client():
        return EngineClient(Paths.default(), command=[*FAKE, "old"])

    result = tern("generate", "--prompt", "Hi", client=client)
    assert result.code == 3
    assert "Install Tern again" in error_line(result)


def test_an_unwritable_home(tern, monkeypatch):
    monkeypatch.setenv("TERN_HOME", "/dev/null/x")
    result = tern("generate", "--prompt", "Hi")
    assert result.code == 3
    assert "cannot write to /dev/null/x" in error_line(result)


def test_a_bug_is_one_sentence_unless_debug(tern):
    def broken():
        raise ZeroDivisionError("of mine")

    result = tern("generate", "--prompt", "Hi", client=broken)
    assert result.code == 1
    assert "--debug" in error_line(result)
    for argv in (["--debug", "generate"], ["generate", "--debug"]):
        result = tern(*argv, "--prompt", "Hi", client=broken)
        assert result.code == 1
        assert "Traceback" in result.err


def test_escape_sequences_do_not_reach_the_terminal(tern):
    result = tern("generate", "--prompt", "ESCAPE")
    assert result.out == "safe]0;owned[2J31m\ttab\nline\n"
    exact = tern("generate", "--prompt", "ESCAPE", "--json")
    assert exact.json["text"].startswith("safe\x1b]0;")
    assert exact.out.isascii()
    assert "\x1b" not in exact.out


def test_ctrl_c_stops_the_answer_and_keeps_it(spawn):
    child = spawn("generate", "--prompt", "SLOW")
    assert child.stdout.read(9) == b"You said "
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0
    assert out.endswith(b"\n")
    assert b"stopped" in err


def test_ctrl_c_in_loading_ends_with_130(spawn, home):
    child = spawn("generate", "--prompt", "Hi", "--context-length", "13")
    wait_for((home / "pids").exists)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in err


def test_a_second_ctrl_c_ends_an_engine_that_does_not_listen(spawn):
    child = spawn("generate", "--prompt", "DEAF")
    child.stdout.read(9)
    child.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two signals at once are one
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in err


def test_a_killed_command_leaves_no_engine(spawn, home):
    child = spawn("generate", "--prompt", "SLOW")
    child.stdout.read(9)
    child.kill()  # the fixture checks for orphans


def test_a_closed_pipe_ends_quietly(spawn):
    child = spawn("generate", "--prompt", "PERCENT")
    child.stdout.read(10)
    child.stdout.close()
    err = child.stderr.read()
    child.wait(timeout=60)
    assert err == b""
    assert child.returncode == 0


def test_no_stdout_at_all(home):
    command = f"exec {sys.executable} {PROGRAM} generate --prompt Hi >&-"
    done = subprocess.run(command, shell=True, env=os.environ, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_importing_the_command_line_imports_no_torch():
    code = "import sys, engine.cli.main, engine.cli.headless; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    for heavy in ("'torch'", "'transformers'", "'PySide6'", "'numpy'", "'engine.worker'"):
        assert heavy not in done.stdout


def test_help_and_version(tern):
    assert tern("--version").out.startswith("tern ")
    shown = tern("--help")
    assert shown.code == 0
    assert "opens the window" in shown.out
    assert "examples:" in shown.out
    assert "read-bandwidth" not in shown.out


def wait_for(condition, patience_s=60.0):
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_penalties_threads_and_overflow_are_asked_of_the_engine() -> None:
    words = ["generate", "--prompt", "hi", "--presence-penalty", "-1.5", "--frequency-penalty"]
    args = build_parser().parse_args([*words, "0.5", "--threads", "3", "--overflow", "drop_oldest"])
    request = request_from(args)
    assert request.sampling.presence_penalty == -1.5
    assert request.sampling.frequency_penalty == 0.5
    assert request.overflow == "drop_oldest"
    assert load_request(args).threads == 3


@pytest.mark.parametrize(
    "option", [("--presence-penalty", "3"), ("--threads", "0"), ("--overflow", "x")]
)
def test_what_is_out_of_range_is_wrong_usage(tern, option) -> None:
    assert tern("generate", "--prompt", "hi", *option).code == 2
