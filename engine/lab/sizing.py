"""What a service needs, from sessions an hour to tokens a second: arithmetic, nothing measured."""

from dataclasses import dataclass

from engine.errors import BadSetting, CannotBeServed


@dataclass(frozen=True)
class Demand:
    """What is to be served. Seconds; `reading_s` follows every reply, the last one too."""

    sessions_per_hour: float
    requests_per_session: int
    tokens_per_reply: int
    overhead_s: float
    reading_s: float
    session_s: float


@dataclass(frozen=True)
class Sizing:
    """What serves a demand.

    reply_s: seconds for one reply; replying_s: for all of a session's. stream_tokens_per_s: of one
    reply; total_tokens_per_s: of all that are written at once, on average. sessions and requests:
    how many are open, and in flight, on average (Little's law).
    """

    replying_s: float
    reply_s: float
    stream_tokens_per_s: float
    sessions: float
    requests: float
    total_tokens_per_s: float


def size(demand: Demand) -> Sizing:
    """Return what serves `demand`.

    Little, A Proof for the Queuing Formula L = λW (1961): what is there on average is what arrives
    a second times how long it stays. Raises BadSetting for a number that is none or out of range,
    CannotBeServed where overhead and reading leave no time for replies.
    """
    _check(demand)
    reading_s = demand.reading_s * demand.requests_per_session
    replying_s = demand.session_s - demand.overhead_s - reading_s
    if replying_s <= 0:
        raise CannotBeServed(
            session=f"{demand.session_s:g}",
            overhead=f"{demand.overhead_s:g}",
            reading=f"{reading_s:g}",
        )
    arrivals = demand.sessions_per_hour / 3600
    reply_s = replying_s / demand.requests_per_session
    return Sizing(
        replying_s=replying_s,
        reply_s=reply_s,
        stream_tokens_per_s=demand.tokens_per_reply / reply_s,
        sessions=arrivals * demand.session_s,
        requests=arrivals * replying_s,
        total_tokens_per_s=arrivals * demand.requests_per_session * demand.tokens_per_reply,
    )


def _check(demand: Demand) -> None:
    positive = ("sessions_per_hour", "requests_per_session", "tokens_per_reply", "session_s")
    for name in demand.__dataclass_fields__:
        value = getattr(demand, name)
        least = "above 0" if name in positive else "0 or more"
        fits = 0 < value < 1e12 if name in positive else 0 <= value < 1e12
        if not fits:
            raise BadSetting(name=_NAMES[name], value=value, allowed=f"a number, {least}")


_NAMES = {
    "sessions_per_hour": "The number of sessions an hour",
    "requests_per_session": "The number of requests a session",
    "tokens_per_reply": "The number of tokens a reply",
    "overhead_s": "The overhead of a session",
    "reading_s": "The time for reading a reply",
    "session_s": "The time for a session",
}
