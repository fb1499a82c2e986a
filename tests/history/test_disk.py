"""Full disks and folders that are read-only: explained, and nothing that was saved is lost."""

import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from desktop.history import History
from tests.history.conftest import fill, is_sound

ROOT = Path(__file__).resolve().parents[2]

FILLER = """
import sys
from pathlib import Path
from desktop.history import History
from engine.errors import HistoryUnwritable
history = History.open(Path(sys.argv[1]))
chat = history.chats.create()
try:
    for number in range(10_000):
        history.messages.ask(chat.id, "word " * 1000)
        print(number, flush=True)
except HistoryUnwritable as failure:
    print(failure.said)
    assert len(history.messages.path(chat.id)) == number
"""


def test_a_full_disk_loses_nothing_that_was_saved(file: Path) -> None:
    fill(file)

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

    child = subprocess.run(
        [sys.executable, "-c", FILLER, str(file)],
        cwd=ROOT,
        preexec_fn=small_disk,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    *_, last, sentence = child.stdout.splitlines()
    assert sentence.startswith(f"Your chats cannot be saved in {file}")
    history = History.open(file)
    assert len(history.messages.path(history.chats.all()[0].id)) == int(last) + 1
    history.close()
    assert is_sound(file)


OPENER = """
import os, sys
from pathlib import Path
from desktop.history import History
from engine.errors import TernError
if os.geteuid() == 0:
    os.setuid(65534)  # for root nothing is read-only
try:
    History.open(Path(sys.argv[1])).chats.create()
except TernError as failure:
    print(failure.kind)
"""


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "kind"),
    [
        (0o555, 0o444, "UnwritableFolder"),
        (0o777, 0o444, "HistoryUnwritable"),
        (0o777, 0o000, "HistoryUnwritable"),
    ],
)
def test_what_is_read_only_is_explained(folder_mode: int, file_mode: int, kind: str) -> None:
    with tempfile.TemporaryDirectory() as name:  # which anybody may enter, unlike tmp_path
        file = Path(name) / "chats.sqlite"
        fill(file)
        before = file.read_bytes()
        file.chmod(file_mode)
        file.parent.chmod(folder_mode)
        child = subprocess.run(
            [sys.executable, "-c", OPENER, str(file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        file.parent.chmod(0o755)
        file.chmod(0o644)
        assert child.stdout.split() == [kind], child.stderr
        assert file.read_bytes() == before
