"""What is taken for a hang and what is not, by clocks of the test's own."""

from dataclasses import dataclass, field

import pytest

from engine.messages import (
    Chunk,
    Command,
    Count,
    Failed,
    Generate,
    Load,
    Memory,
    Precision,
    Prefilled,
    Progress,
    Ready,
    Recovered,
    Stalled,
)
from engine.watchdog import Look, Watchdog

PULSE = Memory(rss_bytes=1, peak_rss_bytes=1)
READY = Ready(protocol_version=3, pid=1, versions={})
LOAD = Load(request_id=1, model="m", precision=Precision.INT4)
GENERATE = Generate(request_id=2, prompt="p")
PROGRESS = Progress(request_id=1, stage="Quantising", done=1, total=2)
READ = Prefilled(request_id=2, prompt_tokens=9, cached_tokens=0, prefill_tokens_per_s=1.0)
CHUNK = Chunk(
    request_id=2, text="a", completion_tokens=1, ttft_s=1, decode_tokens_per_s=1, context_used=1
)
END = Failed(request_id=2, kind="Stopped", sentence="", way_out="")


@dataclass
class Machine:
    """An engine process and the clocks; its engine is watched second by second."""

    now: float = 1000.0
    asleep: float = 0.0
    cpu_s: float = 0.0
    pages: int = 0
    is_stopped: bool = False
    waits_for_disk: bool = False
    said: list[Stalled | Recovered] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dog = Watchdog(self.look, None, lambda: self.now, lambda: self.asleep)

    def look(self) -> Look:
        return Look(self.cpu_s, self.pages, self.is_stopped, self.waits_for_disk)

    def hear(self, *events: object) -> None:
        for event in events:
            if said := self.dog.heard(event):
                self.said.append(said)

    def live(self, seconds: int, cpu: float = 0.0, pulse: bool = True, pages: int = 0) -> None:
        """Let time pass; cpu: seconds of it in each."""
        for _ in range(seconds):
            self.now += 1.0
            self.cpu_s += cpu
            self.pages += pages
            if pulse and not self.is_stopped:
                self.hear(PULSE)
            if said := self.dog.tick():
                self.said.append(said)

    @property
    def sentences(self) -> list[str]:
        return [said.sentence for said in self.said if isinstance(said, Stalled)]


def busy(*commands: Command) -> Machine:
    """A machine whose engine has been asked for something."""
    made = Machine()
    made.hear(READY)
    for command in commands:
        made.dog.sent(command)
    return made


HOUR = 3600


def test_an_engine_that_was_asked_for_nothing_may_be_as_quiet_as_it_likes() -> None:
    machine = busy()
    machine.live(HOUR, pulse=False)
    machine.is_stopped = True
    machine.live(HOUR)
    assert machine.said == []


def test_a_load_that_computes_may_take_long_over_a_step() -> None:
    machine = busy(LOAD)
    for _ in range(3):
        machine.live(29 * 60, cpu=0.1)
        machine.hear(PROGRESS)
    assert machine.said == []


def test_a_load_that_reads_from_a_slow_disk_is_left_alone() -> None:
    machine = busy(LOAD)
    machine.live(25 * 60, pages=1)
    assert machine.said == []


def test_a_slow_prompt_and_slow_words_are_left_alone() -> None:
    machine = busy(GENERATE)
    machine.live(9 * 60, cpu=1.9)
    machine.hear(READ)
    for _ in range(10):
        machine.live(170, cpu=1.9)
        machine.hear(CHUNK)
    assert machine.said == []


def test_a_process_that_was_stopped_is_named_soon_and_taken_back_when_it_goes_on() -> None:
    machine = busy(GENERATE)
    machine.hear(READ, CHUNK)
    machine.is_stopped = True
    machine.live(8)
    assert len(machine.said) == 1 and "stopped by another program" in machine.sentences[0]
    machine.live(HOUR)
    assert len(machine.said) == 1, "it is said once"
    machine.is_stopped = False
    machine.live(2, cpu=1)
    assert isinstance(machine.said[-1], Recovered)
    machine.live(60, cpu=1)
    assert len(machine.said) == 2


@pytest.mark.parametrize("pulse", [True, False])
@pytest.mark.parametrize("command", [LOAD, GENERATE])
def test_a_deadlock_is_noticed_with_and_without_a_pulse(pulse: bool, command: Command) -> None:
    machine = busy(command)
    machine.live(15, pulse=pulse)
    assert machine.said == []
    machine.live(15, cpu=0.005, pulse=pulse)
    [sentence] = machine.sentences
    assert "neither computes nor reads" in sentence
    machine.hear(PROGRESS)
    assert isinstance(machine.said[-1], Recovered)


def test_an_engine_that_never_becomes_ready_is_noticed() -> None:
    machine = Machine()
    machine.live(30, pulse=False)
    assert len(machine.sentences) == 1


@pytest.mark.parametrize(
    ("heard", "minutes"), [((READ, CHUNK), 3), ((), 10)], ids=["a word", "a prompt"]
)
def test_an_endless_loop_is_noticed_when_no_machine_is_that_slow(
    heard: tuple[object, ...], minutes: int
) -> None:
    machine = busy(GENERATE)
    machine.hear(*heard)
    machine.live(minutes * 60 - 5, cpu=1, pulse=False)
    assert machine.said == []
    machine.live(10, cpu=1, pulse=False)
    assert f"computed for {minutes} minutes" in machine.sentences[0]


def test_the_second_answer_has_as_much_time_for_its_prompt_as_the_first() -> None:
    machine = busy(GENERATE)
    machine.hear(READ, CHUNK, END)
    machine.dog.sent(GENERATE)
    machine.live(9 * 60, cpu=1)
    assert machine.said == []


def test_the_disk_is_named_where_it_is_waited_for() -> None:
    machine = busy(LOAD)
    machine.waits_for_disk = True
    machine.live(80)
    assert machine.said == []
    machine.live(20)
    assert "waiting for the disk" in machine.sentences[0]


@pytest.mark.parametrize("monotonic_too", [False, True], ids=["Linux", "elsewhere"])
def test_a_night_asleep_is_no_hang(monotonic_too: bool) -> None:
    """Linux's monotonic clock stands still meanwhile; where it does not, the gap says it."""
    machine = busy(GENERATE)
    machine.hear(READ)
    machine.live(14)
    machine.asleep += 8 * HOUR
    machine.now += 8 * HOUR if monotonic_too else 0.5
    machine.live(14)
    assert machine.said == []
    machine.live(10)
    assert len(machine.sentences) == 1, "a hang after the sleep is one"


def test_a_watcher_that_did_not_run_itself_blames_nobody() -> None:
    """As when all of them are stopped together, or the machine has no time for anything."""
    machine = busy(GENERATE)
    for _ in range(20):
        machine.now += 6.0
        machine.dog.tick()
    assert machine.said == []


def test_what_is_asked_later_has_its_own_time() -> None:
    machine = busy(GENERATE)
    machine.hear(END)
    machine.live(HOUR)
    machine.dog.sent(Count(request_id=3))
    machine.live(14)
    assert machine.said == []
