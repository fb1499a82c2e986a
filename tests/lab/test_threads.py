"""Which numbers of threads are tried, and which of them is called the best."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.hardware import Cpu, read_cpu
from engine.lab.process import Refused
from engine.lab.records import Estimate
from engine.lab.threads import Curve, Point, Tuner, counts
from engine.messages import Precision
from tests.lab.conftest import Quiet, children, client


def point(threads: int, low: float, high: float, spoiled: str = "") -> Point:
    speed = Estimate((low + high) / 2, low, high, "runs")
    return Point(threads, tuple(range(threads)), speed, speed, spoiled)


def best(*points: Point) -> int | None:
    found = Curve("demo", Precision.INT4, points, usual=8).best
    return found.threads if found else None


def test_the_fewest_that_nothing_surely_exceeds_are_best() -> None:
    assert best(point(1, 9, 11), point(2, 18, 22), point(4, 19, 21), point(8, 12, 14)) == 2
    assert best(point(1, 9, 11), point(2, 12, 14)) == 2


def test_a_spoiled_point_is_not_the_best() -> None:
    assert best(point(1, 9, 11), point(2, 90, 95, "the machine was swapping")) == 1
    assert best(point(1, 9, 11, "the machine was swapping")) is None
    assert best() is None


@given(st.integers(1, 64), st.integers(0, 192))
def test_what_is_tried_reaches_from_one_to_all(cores: int, others: int) -> None:
    logical = range(cores + others)
    cpu = Cpu("", frozenset(), tuple(logical[:cores]), others=tuple(logical[cores:]))
    tried = counts(cpu)
    assert list(tried) == sorted(set(tried))
    assert {1, cores, cores + others} <= set(tried)
    assert all(1 <= count <= cores + others for count in tried)
    assert len(tried) <= 32


def test_a_sweep_can_be_stopped_and_keeps_its_points() -> None:
    told: list[str] = []

    def on_progress(stage: str, _done: int, _total: int) -> None:
        told.append(stage)

    tuner = Tuner(
        "demo",
        Precision.BF16,
        client,
        read_cpu(),
        tried=(1,) * 50,
        watch=Quiet,
        on_progress=on_progress,
    )
    for _ in tuner.points():
        tuner.stop()
    assert 1 <= len(tuner.curve().points) <= 2
    assert told
    assert children() == []


def test_a_model_that_cannot_be_loaded_is_refused_in_words() -> None:
    tuner = Tuner("no/such", Precision.BF16, client, read_cpu(), tried=(1,))
    with pytest.raises(Refused, match="no model named no/such"):
        list(tuner.points())
