"""The writing process is killed for good: the conversation is there, and the answer's beginning."""

import subprocess
import sys
from pathlib import Path

from desktop.history import History
from tests.history.conftest import is_sound

ROOT = Path(__file__).resolve().parents[2]

ANSWERING = """
import sys, time
from pathlib import Path
from desktop.history import History
history = History.open(Path(sys.argv[1]))
chat = history.chats.create()
question = history.messages.ask(chat.id, "Tell me a long story")
answer = history.journal.begin_answer(question.id, model="demo")
text = ""
while True:
    text += "word "
    print(time.monotonic(), len(text), flush=True)
    history.journal.grow(answer.id, text)
    time.sleep(0.01)
"""

BUSY = """
import sys
from pathlib import Path
from desktop.history import History
history = History.open(Path(sys.argv[1]))
chat = history.chats.create()
while True:
    question = history.messages.ask(chat.id, "word " * 200)
    answer = history.journal.begin_answer(question.id, model="demo")
    history.journal.end_answer(answer.id, "text " * 200, "whole")
    print(answer.id, flush=True)
"""


def killed(script: str, file: Path, lines: int) -> list[str]:
    """Run `script` until it has printed `lines` lines, kill it, and return all that it printed."""
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    seen = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    seen += [line for line in child.stdout if line.endswith("\n")]
    child.wait()
    assert child.returncode == -9
    return seen


def test_a_kill_in_mid_answer_takes_a_second_of_text_at_most(file: Path) -> None:
    printed = [tuple(map(float, line.split())) for line in killed(ANSWERING, file, 200)]
    end = printed[-1][0]
    assert end - printed[0][0] > 1.5, "the child was killed before the journal had to write"
    history = History.open(file)
    (chat,) = history.chats.all()
    question, answer = history.messages.path(chat.id)
    assert (chat.title, question.content) == ("Tell me a long story", "Tell me a long story")
    assert answer.state == "partial"
    a_second_ago = max(length for moment, length in printed if moment <= end - 1.05)
    assert len(answer.content) >= a_second_ago
    assert answer.content == "word " * (len(answer.content) // 5)
    assert [found.message for found in history.search("word")] == [answer.id]
    history.journal.continue_answer(answer.id)
    history.journal.end_answer(answer.id, answer.content + "end", "whole")
    history.close()
    assert is_sound(file)


def test_nothing_that_was_saved_is_lost_whenever_the_kill_comes(file: Path) -> None:
    saved: list[int] = []
    for lines in (1, 3, 10, 37, 90):
        saved += [int(line) for line in killed(BUSY, file, lines)]
    history = History.open(file)
    rows = history.database.rows("SELECT id FROM message WHERE state = 'whole'")
    assert set(saved) <= {row["id"] for row in rows}
    assert len(saved) > 140
    assert not history.database.rows("SELECT 1 FROM message WHERE state = 'growing'")
    history.close()
    assert is_sound(file)


def test_another_window_stays_as_it_is_while_one_is_killed(history: History, file: Path) -> None:
    question = history.messages.ask(history.chats.create().id, "mine")
    answer = history.journal.begin_answer(question.id, model="demo")
    killed(ANSWERING, file, 5)
    late = History.open(file)
    states = {
        row["id"]: row["state"]
        for row in late.database.rows("SELECT id, state FROM message WHERE role = 'assistant'")
    }
    late.close()
    assert states.pop(answer.id) == "growing"
    assert list(states.values()) == ["partial"]
