"""What the lab's tests share: one home with packed weights, real engine processes, none left."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.client import EngineClient
from engine.lab.records import GREEDY, Comparison, Plan, Prompt, Variant
from engine.lab.run import Runner
from engine.lab.steps import Finished, Step
from engine.messages import ChatMessage, Precision, Quantisation
from engine.paths import Paths
from tests.integration.conftest import ROOT

QUESTIONS = ("What is 3 plus 4?", "Tell me a story about a fox.", "What is Tern?")
BF16 = Variant(precision=Precision.BF16)
INT8 = Variant(precision=Precision.INT8)
INT4 = Variant(precision=Precision.INT4)


class Quiet:
    """A watch on a machine that does nothing else, whatever this one does."""

    def __init__(self, _pid: int | None) -> None:
        pass

    def verdict(self) -> str:
        return ""


def said(question: str) -> Prompt:
    return Prompt(messages=(ChatMessage("user", question),))


def plan_of(*variants: Variant, questions: tuple[str, ...] = QUESTIONS, **changes) -> Plan:
    """A plan on the demo model, whose weights are rounded without calibration: that is quick."""
    prompts = tuple(said(question) for question in questions)
    fields = {"sampling": GREEDY, "quantisation": Quantisation(samples=0)} | changes
    return Plan(model="demo", variants=variants, prompts=prompts, **fields)


def client() -> EngineClient:
    return EngineClient(Paths.default())


def runner(plan: Plan, watch=Quiet) -> Runner:
    return Runner(plan, client, Paths.default(), watch)


def compare(plan: Plan, watch=Quiet) -> tuple[Comparison, list[Step]]:
    """What comes of a plan, and all steps on the way."""
    steps = list(runner(plan, watch).steps())
    assert isinstance(steps[-1], Finished)
    return steps[-1].comparison, steps


def children() -> list[psutil.Process]:
    """Engine processes of this one that still run."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "engine.worker" in " ".join(child.cmdline())
    ]


def kept_files() -> list[Path]:
    folder = Paths.default().lab
    return list(folder.rglob("*")) if folder.exists() else []


@pytest.fixture(scope="session")
def lab_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab-home")


@pytest.fixture(autouse=True)
def tern_home(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One home for all of these tests, so that weights are packed once; no process is left over."""
    monkeypatch.setenv("TERN_HOME", str(lab_home))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    yield lab_home
    assert not children()


@pytest.fixture(scope="session")
def finished(lab_home: Path) -> Callable[[], tuple[Comparison, list[Step]]]:
    """One comparison of the three precisions, run when it is first asked for."""
    found: list[tuple[Comparison, list[Step]]] = []

    def get() -> tuple[Comparison, list[Step]]:
        if not found:
            text = "Once upon a time there was a fox. " * 8
            found.append(compare(plan_of(BF16, INT8, INT4, text=text, text_name="fox.txt")))
        return found[0]

    return get


@pytest.fixture
def comparison(finished: Callable[[], tuple[Comparison, list[Step]]]) -> Comparison:
    return finished()[0]
