"""From sessions an hour to tokens a second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadSetting, CannotBeServed
from engine.lab.sizing import Demand, size

USUAL = {
    "sessions_per_hour": 300.0,
    "requests_per_session": 5,
    "tokens_per_reply": 100,
    "overhead_s": 10.0,
    "reading_s": 30.0,
    "session_s": 180.0,
}


def test_three_hundred_sessions_an_hour() -> None:
    needed = size(Demand(**USUAL))
    assert needed.replying_s == pytest.approx(20)
    assert needed.reply_s == pytest.approx(4)
    assert needed.stream_tokens_per_s == pytest.approx(25)
    assert needed.sessions == pytest.approx(15)
    assert needed.requests == pytest.approx(1.67, abs=0.005)
    assert needed.total_tokens_per_s == pytest.approx(41.7, abs=0.05)


@given(st.floats(0.1, 1e4), st.integers(1, 50), st.integers(1, 4000), st.floats(1, 1000))
def test_what_is_in_flight_writes_what_is_asked_for(
    sessions: float, requests: int, tokens: int, time: float
) -> None:
    """Little's law: as many streams as are in flight, each at its speed, make all the tokens."""
    needed = size(Demand(sessions, requests, tokens, 0, 0, time))
    assert needed.requests * needed.stream_tokens_per_s == pytest.approx(needed.total_tokens_per_s)
    assert needed.requests <= needed.sessions * (1 + 1e-9)


def test_a_session_without_time_for_replies_cannot_be_served() -> None:
    with pytest.raises(CannotBeServed, match="of 160 s a session, 10 s are overhead and 150 s"):
        size(Demand(**USUAL | {"session_s": 160.0}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sessions_per_hour", 0),
        ("requests_per_session", -1),
        ("tokens_per_reply", 0),
        ("overhead_s", -1),
        ("reading_s", float("nan")),
        ("session_s", float("inf")),
    ],
)
def test_what_is_no_demand_is_refused_by_its_name(name: str, value: float) -> None:
    with pytest.raises(BadSetting) as refused:
        size(Demand(**USUAL | {name: value}))
    assert str(value) in refused.value.said
