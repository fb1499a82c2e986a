"""`tern compare`, `tern threads` and `tern sizing`, in this process, with real engines."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.hardware import read_cpu
from engine.lab.conditions import NoiseWatch
from engine.messages import Load, Loaded, Precision
from engine.models import demo_model
from engine.paths import Paths
from engine.settings import SettingsFile, threads_key
from tests.integration.conftest import Engine

QUICK = ("--calibration-samples", "0")


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out.splitlines()[-1])


@pytest.fixture
def tern(capsys: pytest.CaptureFixture[str]):
    def run(*argv: object) -> Result:
        code = main([str(word) for word in argv])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.txt"
    path.write_text("What is 3 plus 4?\n\nTell me a story about a fox.\n", encoding="utf-8")
    return path


@pytest.fixture
def _spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speeds do not count: whatever else this machine does makes no difference."""
    monkeypatch.setattr(NoiseWatch, "verdict", lambda _: "the machine was swapping")


@pytest.mark.usefixtures("_spoiled")
def test_compare_from_prompts_to_reports_and_against_them(
    tern, questions: Path, tmp_path: Path
) -> None:
    page, old = tmp_path / "out" / "report.html", tmp_path / "old.json"
    options = ("--precisions", "bf16,int8,int4", "--max-new-tokens", 40, *QUICK)
    first = tern("compare", "--prompts", questions, *options, "--report", page, "--report", old)
    assert first.code == 0
    assert "Top-1 agreement" in first.out
    assert "it agreed with bf16 on" in first.out
    assert "3 plus 4 is 7" in first.out
    assert "do not count for speed: the machine was swapping" in first.err
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")

    again = tern("compare", "--prompts", questions, *options, "--against", old, "--json")
    assert again.code == 0
    assert "Nothing is slower or worse" in again.err
    rows = again.json["rows"]
    assert [row["precision"] for row in rows] == ["bf16", "int8", "int4"]
    for row in rows[1:]:
        for figure in ("kl", "top1_agreement", "perplexity_ratio"):
            assert row[figure].keys() == {"value", "low", "high", "over"}
        assert row["peak_rss_bytes"] and row["disk_bytes"]
    assert again.json["verdict"]

    better = json.loads(old.read_text(encoding="utf-8"))
    better["rows"][2]["kl"] |= {"value": 0, "low": 0, "high": 0}
    old.write_text(json.dumps(better), encoding="utf-8")
    worse = tern("compare", "--prompts", questions, *options, "--against", old)
    assert worse.code == 4
    assert "int4: KL (nats a token) went from 0 to" in worse.err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--precisions", "int3", "--prompt", "x"), 2, "'int3' is none of fp32, bf16"),
        (("--kernels", "cuda", "--prompt", "x"), 2, "'cuda' is none of"),
        ((), 2, "The number of prompts cannot be 0"),
        (("--prompt", " "), 3, "prompt is empty"),
        (("--prompt", "x", "--report", "report.pdf"), 2, "in .html or .json"),
        (("--prompt", "x", "--against", "missing.json"), 3, "cannot be read"),
        (("--prompts", "missing.txt"), 3, "cannot be read"),
        (("--prompt", "x", "--model", "no/such"), 3, "no model named"),
        (("--prompt", "x", "--raw", "--system", "y"), 2, "--raw cannot be"),
    ],
)
def test_wrong_usage_is_said_at_once(tern, options: tuple, code: int, said: str) -> None:
    result = tern("compare", *options)
    assert result.code == code
    assert said in result.err
    assert not Paths.default().lab.exists() or not list(Paths.default().lab.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [('["a", 3]', "is not a list of prompts"), ('["a", []]', "one of its prompts is empty")],
)
def test_a_damaged_file_of_prompts_is_refused(
    tern, tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(content, encoding="utf-8")
    result = tern("compare", "--prompts", path)
    assert result.code == 3
    assert said in result.err


@pytest.mark.usefixtures("_spoiled")
def test_prompts_can_be_conversations_and_kernels_compared(tern, tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    chat = [
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello! How can I help you?"},
        {"role": "user", "content": "What is 3 plus 4?"},
    ]
    path.write_text(json.dumps(["Hello!", chat]), encoding="utf-8")
    options = ("--precisions", "bf16", "--kernels", "native,torch", "--max-new-tokens", 8)
    result = tern("compare", "--prompts", path, *options, "--system", "Be brief.", "--json")
    assert result.code == 0
    assert [row["label"] for row in result.json["rows"]] == ["bf16 (native)", "bf16 (torch)"]
    said = [prompt["messages"] for prompt in result.json["plan"]["prompts"]]
    assert [len(messages) for messages in said] == [2, 4]
    assert result.json["rows"][1]["kl"]["value"] < 0.01


def test_a_precision_that_fails_is_told_and_the_code_says_so(tern) -> None:
    options = ("--precisions", "bf16,int4", "--kernel", "torch", "--symmetric", "--no-quality")
    result = tern("compare", "--prompt", "Hello!", "--max-new-tokens", 4, *options)
    assert result.code == 3
    assert "Symmetric rounding is for IPEX's kernels" in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_keeps_the_figures_that_there_are(tmp_path: Path) -> None:
    """In a program of its own, stopped in the middle of an answer."""
    report = tmp_path / "report.json"
    options = (
        "--precisions",
        "bf16",
        "--max-new-tokens",
        "800",
        "--no-quality",
        "--report",
        report,
    )
    prompts = [word for _ in range(50) for word in ("--prompt", "Tell me a story about a fox.")]
    child = subprocess.Popen(
        [sys.executable, "-m", "engine", "compare", *prompts, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline()  # an answer is there
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    kept = json.loads(report.read_text(encoding="utf-8"))
    assert kept["stopped"]
    assert 1 <= len(kept["rows"][0]["answers"]) < 50
    assert list(Paths.default().lab.iterdir()) == []


def test_sizing(tern) -> None:
    options = ("--sessions", 300, "--requests", 5, "--tokens", 100)
    times = ("--overhead", 10, "--reading", 30)
    fits = tern("sizing", *options, *times, "--session-time", 180)
    assert fits.code == 0
    assert "4 s each: 25 tokens/s a stream" in fits.out
    assert "15 sessions are open and 1.67 requests in flight: 41.7 tokens/s in all" in fits.out
    never = tern("sizing", *options, *times, "--session-time", 100)
    assert never.code == 2
    assert "leaves no time for replies" in never.err


def test_the_best_number_of_threads_is_measured_applied_and_forgotten(
    tern, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NoiseWatch, "verdict", lambda _: "")
    result = tern("threads", "--precision", "bf16", "--apply", "--json")
    assert result.code == 0
    points = result.json["points"]
    assert [point["threads"] for point in points][:1] == [1]
    assert all(point["decode_tokens_per_s"]["over"] == "runs" for point in points)
    assert result.json["best"] in [point["threads"] for point in points]
    key = threads_key(str(demo_model().folder), Precision.BF16, "auto")
    assert SettingsFile.of(Paths.default()).value.threads == {key: result.json["best"]}
    assert tern("threads", "--precision", "bf16", "--forget").code == 0
    assert SettingsFile.of(Paths.default()).value.threads == {}


@pytest.fixture
def loaded(lab_home: Path):
    """A function that loads the demo model in a process of its own, and tells what it reports."""
    engine = Engine()

    def load(**options) -> Loaded:
        request_id = engine.client.next_id()
        load = Load(request_id=request_id, model="demo", precision=Precision.BF16, **options)
        engine.send(load)
        event = engine.until(Loaded)[-1]
        assert isinstance(event, Loaded)
        return event

    yield load
    engine.client.kill()
    engine.end()


def test_a_load_takes_the_threads_that_are_remembered(loaded) -> None:
    settings = SettingsFile.of(Paths.default())
    key = threads_key(str(demo_model().folder), Precision.BF16, "auto")
    usual = loaded().threads
    settings.save(threads={key: 1})
    try:
        assert loaded().threads == 1
        assert loaded(threads=usual).threads == usual
        assert loaded(kernel="native").threads == usual  # measured for another choice
        settings.save(threads={key: read_cpu().logical + 1})  # of another computer
        assert loaded().threads == usual
    finally:
        settings.save(threads={})
