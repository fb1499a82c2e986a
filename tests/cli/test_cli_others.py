"""`tern bench`, `perplexity`, `doctor`, and the run without display and terminal."""

import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine import bench
from engine.cli import bandwidth, console, headless
from engine.doctor import FLAGS_THAT_MATTER, advise, why_not_writable
from engine.hardware import Isa
from engine.kernels.base import ipex_installed
from engine.messages import Metrics, Precision
from engine.network_filter import why_not_here

MEASURED = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "prefill_tokens_per_s",
    "decode_tokens_per_s",
    "ttft_s",
    "token_ms_p50",
    "token_ms_p95",
    "peak_rss_bytes",
    "load_s",
)


@pytest.fixture
def known_bandwidth(monkeypatch):
    monkeypatch.setattr(
        "engine.cli.bench.measure_apart", lambda _: bandwidth.Bandwidth(1e9, 0.9e9, "a guess")
    )
    monkeypatch.setattr(bench.NoiseWatch, "verdict", lambda _: "")


@pytest.mark.usefixtures("known_bandwidth")
def test_bench_measures_each_precision_in_its_own_process(tern, home):
    result = tern("bench", "--prompt-tokens", 40, "--new-tokens", 8, "--repeats", 3, "--json")
    assert result.code == 0
    assert len((home / "pids").read_text().split()) == 3
    assert [row["precision"] for row in result.json["rows"]] == ["bf16", "int8", "int4"]
    for row in result.json["rows"]:
        assert all(row[name].keys() == {"median", "min", "max"} for name in MEASURED)
        assert row["prompt_tokens"] == {"median": 40, "min": 40, "max": 40}
        assert row["completion_tokens"]["min"] == 8
        assert row["cached_tokens"]["max"] == 0
        assert row["bytes_per_token"] == 2000 + 16 * 44
        assert row["bandwidth_fraction"] == pytest.approx(2704 * 50 / 1e9)
        assert not row["noisy"]
    assert result.json["read_bandwidth_bytes_per_s"] == 1e9
    assert result.json.keys() >= {"cpu", "threads", "versions"}
    assert "decode tok/s" in result.out.splitlines()[0]
    assert "prompts of 40 tokens" in result.err


@pytest.mark.usefixtures("known_bandwidth")
def test_bench_of_what_does_not_fit_or_is_not_served(tern):
    too_long = tern("bench", "--prompt-tokens", 1000, "--new-tokens", 100)
    assert too_long.code == 2
    assert "1024 at most" in too_long.err
    unserved = tern("bench", "--kernel", "ipex", "--precision", "int4")
    assert unserved.code == 3
    assert unserved.err.startswith("error: IPEX cannot serve it.")


def test_bench_marks_rows_that_cannot_be_trusted():
    plan = bench.Plan("demo", "auto", 40, 8, 2)
    assert "served 12 tokens" in bench._irregularity([_reply(cached=12)], plan)
    assert "not every reply" in bench._irregularity([_reply(completion=7)], plan)
    assert bench._irregularity([_reply(cached=1)], plan) == ""  # a begin-of-text token


def _reply(cached=0, completion=8):
    return Metrics(
        prompt_tokens=40,
        cached_tokens=cached,
        completion_tokens=completion,
        ttft_s=0.1,
        prefill_s=0.1,
        prefill_tokens_per_s=1.0,
        decode_tokens_per_s=1.0,
        token_ms_p50=1.0,
        token_ms_p95=1.0,
        context_used=1,
        context_length=1,
        peak_rss_bytes=1,
    )


def test_noise_is_what_others_did(monkeypatch):
    readings = iter([(100.0, 10.0, 0), (160.0, 20.0, 5)])  # 50 CPU seconds of others
    monkeypatch.setattr(bench.NoiseWatch, "_read", lambda _: next(readings))
    monkeypatch.setattr("psutil.cpu_count", lambda: 10)
    clock = SimpleNamespace(monotonic=iter([0.0, 10.0]).__next__)
    monkeypatch.setattr("engine.lab.conditions.time", clock)
    verdict = bench.NoiseWatch(None).verdict()
    assert "50 %" in verdict
    assert "swapping" in verdict


def test_read_bandwidth(monkeypatch):
    monkeypatch.setattr(bandwidth, "_array_bytes", lambda: 8 << 20)
    measured = bandwidth.measure([0])
    assert measured.bytes_per_s > 1e8
    assert "8 MiB" in measured.method


def test_perplexity(tern, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("one two three")
    argv = ("perplexity", "--text", text, "--precision", "int8")
    result = tern(*argv, "--max-tokens", 2, "--json")
    assert result.code == 0
    assert result.json["perplexity"] == 7.5
    assert result.json["nats_per_token"] == 2.0149
    assert result.json["tokens"] == 2
    assert result.json["precision"] == "int8"
    assert result.json.keys() >= {"kernel", "isa", "model"}
    assert "perplexity 7.5" in tern(*argv).out


def test_perplexity_of_no_text(tern, tmp_path):
    missing = tern("perplexity", "--text", tmp_path / "none.txt")
    assert missing.code == 3
    assert "No such file" in missing.err
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\x00\xff")
    assert "not UTF-8" in tern("perplexity", "--text", binary).err
    assert tern("perplexity", "--text", tmp_path).code == 3


def test_ctrl_c_in_scoring_ends_with_130(spawn, tmp_path, home):
    text = tmp_path / "text.txt"
    text.write_text("SLOW")
    child = spawn("perplexity", "--text", str(text), "--debug")
    while not (home / "pids").exists():
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in err


def test_doctor(tern, home, monkeypatch):
    result = tern("doctor", "--json")
    assert result.code == 0
    report = result.json
    assert set(report["flags"]) == set(FLAGS_THAT_MATTER)
    assert report["versions"].keys() >= {"tern", "python", "torch", "transformers", "ipex"}
    assert [advice["precision"] for advice in report["kernels"]] == ["bf16", "int8", "int4"]
    assert report["memory_total"] >= report["memory_available"] > 0
    assert {place["folder"] for place in report["places"]} >= {str(home / "config")}
    assert report["threads"] >= 1
    if ipex_installed():  # else None
        assert report["ipex_isa"] in {isa.name for isa in Isa}
    # Asking IPEX again would take seconds.
    monkeypatch.setattr("engine.cli.ipex_level.level_apart", lambda _: report["ipex_isa"])
    shown = tern("doctor")
    assert shown.code == 0
    assert report["cpu"] in shown.out
    if ipex_installed():
        assert f"{'IPEX runs on':16}{report['ipex_isa']}" in shown.out
    assert "--kernel ipex" in shown.out
    filtered = not why_not_here()
    assert (report["network_problem"] == "") is filtered
    assert ("the kernel refuses its processes every internet socket" in shown.out) is filtered


def test_doctor_says_what_is_not_writable(tern, monkeypatch):
    monkeypatch.setenv("TERN_HOME", "/dev/null/x")
    monkeypatch.setattr("engine.cli.doctor.ipex_installed", lambda: False)  # which takes seconds
    result = tern("doctor")
    assert result.code == 0
    assert "cannot write: /dev/null is not a folder" in result.out
    assert why_not_writable(Path("/dev/null/x/y")) == "/dev/null is not a folder"


def test_doctor_knows_what_ipex_would_say():
    old = advise(Precision.INT4, Isa.AVX2, True)
    assert old.kernel == "native"
    assert (old.ipex_problem, "unpacks" in old.ipex_caution) == ("", True)
    assert "need AVX512" in advise(Precision.BF16, Isa.AVX2, True).ipex_problem
    new = advise(Precision.BF16, Isa.AVX512_FP16, True)
    assert (new.kernel, new.ipex_problem, new.ipex_caution) == ("ipex", "", "")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--alpha", "2"), "2 is not 0 or more and 1 at most"),
        (("--calibration-length", "1"), "1 is not 2 or more"),
        (("--lowp-mode", "fp8"), "invalid choice"),
    ],
)
def test_odd_ways_to_quantise_are_refused_at_once(tern, arguments, named):
    result = tern("generate", "--prompt", "x", *arguments)
    assert result.code == 2
    assert named in result.err


def test_a_calibration_text_that_is_not_there_is_named(tern):
    result = tern("generate", "--prompt", "x", "--calibration", "/nowhere/text.txt")
    assert result.code == 3
    assert "/nowhere/text.txt" in result.err


def test_headless_asks_in_each_precision(make_client, capsys, home):
    assert headless.run(make_client) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["demo", "bf16", "int8", "int4"]
    assert all("You said 'What is 3 plus 4?'" in line for line in lines[1:])
    assert all("tokens/s" in line and "peak" in line for line in lines[1:])
    assert len((home / "pids").read_text().split()) == 3


def test_headless_says_when_there_was_no_answer(make_client, capsys, monkeypatch):
    monkeypatch.setattr(headless, "_QUESTION", "CRASH")
    assert headless.run(make_client) == 3
    assert capsys.readouterr().err.count("error: ") == 3
    monkeypatch.setattr(headless, "_QUESTION", "SILENT")
    assert headless.run(make_client) == 3


def test_json_is_ascii_and_whole(capsys):
    console.print_json({"text": "ä\x1b\u2028"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"text": "ä\x1b\u2028"}
