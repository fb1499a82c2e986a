"""`tern perplexity`: how well a precision predicts a text."""

import argparse

from engine.cli import console
from engine.cli.generate import load_request
from engine.cli.inputs import read_text
from engine.cli.session import ClientFactory, Session
from engine.messages import Score


def run(args: argparse.Namespace, make_client: ClientFactory) -> int:
    """Run the command."""
    request = Score(
        request_id=0,
        text=read_text(args.text),
        context_length=args.context,
        max_tokens=args.max_tokens,
    )
    load = load_request(args)
    with Session(make_client) as session:
        loaded = session.load(load)
        scored = session.score(request)
    if args.json:
        console.print_json(
            {
                "perplexity": scored.perplexity,
                "nats_per_token": scored.nats_per_token,
                "tokens": scored.tokens,
                "window": scored.window,
                "model": loaded.model,
                "precision": loaded.precision,
                "kernel": loaded.kernel,
                "isa": loaded.isa,
                "versions": session.versions,
            }
        )
        return 0
    print(
        f"perplexity {scored.perplexity:.4f} ({scored.nats_per_token:.4f} nats per token) "
        f"over {scored.tokens:,} tokens, in windows of {scored.window}"
    )
    console.note(console.describe(loaded))
    return 0
