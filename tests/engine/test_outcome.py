"""Why an engine ended, from what could be known of it: the cause, the sentence, the way out."""

import signal
from pathlib import Path

import pytest

from engine.cgroup import group_room, kill_counter, kills_in
from engine.messages import Load, Precision
from engine.outcome import Cause, Evidence, outcome
from engine.paths import Paths
from engine.shortage import Room, Shortage, shortage
from tests.engine.random_models import save_random_model

GB = 1_000_000_000
PLENTY = Room(held=1 * GB, free=8 * GB)
SCARCE = Room(held=3 * GB, free=GB // 10)
SHORT = Shortage(
    Precision.BF16, 2_600_000_000, Room(0, 1_900_000_000), Precision.INT4, 11 * GB // 10
)


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        (Evidence(-signal.SIGKILL, kills=1, room=PLENTY), Cause.OUT_OF_MEMORY),
        (Evidence(-signal.SIGKILL, kills=0, room=SCARCE), Cause.LIKELY_OUT_OF_MEMORY),
        (Evidence(-signal.SIGKILL, kills=None, room=SCARCE), Cause.LIKELY_OUT_OF_MEMORY),
        (Evidence(-signal.SIGKILL, kills=0, room=PLENTY), Cause.KILLED),
        (Evidence(-signal.SIGKILL), Cause.KILLED_UNEXPLAINED),
        (Evidence(-signal.SIGABRT, last_words="what():  std::bad_alloc"), Cause.REFUSED_MEMORY),
        (Evidence(-signal.SIGABRT, last_words="assertion failed"), Cause.FAULT),
        (Evidence(1, last_words="Traceback …\nMemoryError\n"), Cause.REFUSED_MEMORY),
        (Evidence(1, last_words="Traceback …\nKeyError\n"), Cause.EXITED),
        (Evidence(0), Cause.EXITED),
        (Evidence(-signal.SIGSEGV, room=SCARCE), Cause.FAULT),
        (Evidence(-signal.SIGBUS), Cause.LOST_FILE),
        (Evidence(-signal.SIGILL), Cause.BAD_INSTRUCTION),
        (Evidence(-signal.SIGTERM), Cause.ASKED),
        (Evidence(-64), Cause.FAULT),
    ],
)
def test_the_evidence_decides(evidence: Evidence, cause: Cause) -> None:
    found = outcome(evidence)
    assert found.cause is cause
    for words in (found.sentence, found.way_out):
        assert words.endswith(".") and "{" not in words
        assert ("memory" in words) <= ("memory" in cause or "kill" in cause)


def test_figures_say_what_was_needed_what_there_was_and_what_would_do() -> None:
    found = outcome(Evidence(-signal.SIGKILL, kills=1, shortage=SHORT))
    assert found.sentence == (
        "The system ended the engine for want of memory: this model needs about 2.6 GB in bf16, "
        "and 1.9 GB was free; int4 would need 1.1 GB."
    )
    assert found.fitting is Precision.INT4 and "int4" in found.way_out


def test_a_prediction_that_would_have_fitted_is_not_shown_as_the_reason() -> None:
    short = Shortage(Precision.BF16, 2 * GB, SCARCE)
    assert "it held 3.0 GB, and 100 MB was left" in short.figures
    assert "needs" not in short.figures


def test_a_limit_of_the_process_is_named() -> None:
    limited = Shortage(Precision.BF16, 3 * GB, Room(GB, 9 * GB, limit=2 * GB))
    assert "2.0 GB was free (a limit of 2.0 GB is set for this program)" in limited.figures


def test_only_a_precision_that_fits_is_offered(tmp_path: Path) -> None:
    model = save_random_model(tmp_path / "m", "qwen2")
    load = Load(request_id=1, model=str(model), precision=Precision.BF16, kernel="native")
    for free in (1, 100 * GB):
        short = shortage(load, Room(0, free), Paths.default())
        assert short is not None and short.needed > 1_000_000
        assert short.lower is None, "quantising takes more than so small a model itself"
    gone = Load(request_id=1, model="nobody/nothing", precision=Precision.BF16)
    assert shortage(gone, PLENTY, Paths.default()) is None


# -- control groups ------------------------------------------------------------------------------


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def test_version_2_limits_along_the_way_up_count(tmp_path: Path) -> None:
    service = "sys/fs/cgroup/user.slice/tern.scope"
    write(
        tmp_path,
        {
            "proc/7/cgroup": "0::/user.slice/tern.scope\n",
            f"{service}/memory.max": "max\n",
            f"{service}/memory.current": "900\n",
            f"{service}/memory.events": "low 0\noom 2\noom_kill 2\n",
            "sys/fs/cgroup/user.slice/memory.max": "3000\n",
            "sys/fs/cgroup/user.slice/memory.current": "2500\n",
            "sys/fs/cgroup/user.slice/memory.stat": "inactive_file 700\nactive_file 300\n",
            "sys/fs/cgroup/user.slice/memory.events": "oom_kill 9\n",
        },
    )
    assert group_room(7, tmp_path) == 3000 - (2500 - 1000), "what is cached of files is free"
    counter = kill_counter(7, tmp_path)
    assert kills_in(counter) == 2
    (tmp_path / "proc/7/cgroup").unlink()  # the process is gone, its group is not
    assert kills_in(counter) == 2


def test_version_1_and_no_groups_at_all(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/memory/docker/abc"
    write(
        tmp_path,
        {
            "proc/7/cgroup": "5:devices:/docker/abc\n4:memory:/docker/abc\n0::/\n",
            f"{group}/memory.limit_in_bytes": "1000\n",
            f"{group}/memory.usage_in_bytes": "400\n",
            f"{group}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "5000\n",
            "sys/fs/cgroup/memory/memory.oom_control": "oom_kill 3\n",
            "proc/vmstat": "nr_free_pages 5\noom_kill 4\n",
        },
    )
    assert group_room(7, tmp_path) == 600
    assert kills_in(kill_counter(7, tmp_path)) == 1
    assert group_room(8, tmp_path) is None
    assert kills_in(kill_counter(8, tmp_path)) == 4
    assert kills_in(kill_counter(8, tmp_path / "elsewhere")) is None
