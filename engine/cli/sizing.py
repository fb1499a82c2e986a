"""`tern sizing`: from sessions an hour to the tokens a second that serve them."""

import argparse
import dataclasses

from engine.cli import console
from engine.cli.session import ClientFactory
from engine.lab.sizing import Demand, size


def run(args: argparse.Namespace, _make_client: ClientFactory) -> int:
    """Run the command."""
    demand = Demand(
        sessions_per_hour=args.sessions,
        requests_per_session=args.requests,
        tokens_per_reply=args.tokens,
        overhead_s=args.overhead,
        reading_s=args.reading,
        session_s=args.session_time,
    )
    needed = size(demand)
    if args.json:
        console.print_json(dataclasses.asdict(needed))
        return 0
    print(
        f"{needed.replying_s:.3g} s of a session remain for {demand.requests_per_session} replies, "
        f"{needed.reply_s:.3g} s each: {needed.stream_tokens_per_s:.3g} tokens/s a stream.\n"
        f"On average {needed.sessions:.3g} sessions are open and {needed.requests:.3g} requests in "
        f"flight: {needed.total_tokens_per_s:.3g} tokens/s in all."
    )
    return 0
