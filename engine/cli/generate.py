"""`tern generate`: one reply, streamed; with --json one object instead."""

import argparse
import sys

import msgspec

from engine.cli import console
from engine.cli.inputs import quantisation_from, request_from
from engine.cli.session import ClientFactory, Session
from engine.messages import Chunk, Done, Load, Loaded, Precision
from engine.models import DEMO_NOTICE, resolve


def load_request(args: argparse.Namespace) -> Load:
    """Return the load command for the options. Raises ModelNotFound before any engine starts."""
    return Load(
        request_id=0,
        model=resolve(args.model).name,
        precision=Precision(args.precision),
        kernel=args.kernel,
        context_length=getattr(args, "context_length", None),
        quantisation=quantisation_from(args),
        threads=args.threads,
        regardless=args.regardless,
    )


def run(args: argparse.Namespace, make_client: ClientFactory) -> int:
    """Run the command."""
    request = request_from(args)
    load = load_request(args)
    with Session(make_client) as session:
        loaded = session.load(load)
        if loaded.is_demo and console.is_terminal(sys.stderr):
            console.note(DEMO_NOTICE)
        if args.json:
            done = session.generate(request, _ignore)
            console.print_json(reply(loaded, done, session.versions))
        else:
            with AnswerStream() as answer:
                done = session.generate(request, answer.show)
            console.note(console.figures(loaded, done, session.memory))
    return 0


class AnswerStream:
    """Writes an answer to stdout as it comes, and ends its last line whatever ends the answer."""

    def __init__(self) -> None:
        self.text = ""

    def __enter__(self) -> "AnswerStream":
        return self

    def __exit__(self, *_: object) -> None:
        if self.text and not self.text.endswith("\n"):
            print(flush=True)

    def show(self, chunk: Chunk) -> None:
        """Write a piece of the answer."""
        self.text += chunk.text
        print(console.printable(chunk.text), end="", flush=True)


def _ignore(_: Chunk) -> None:
    pass


def reply(loaded: Loaded, done: Done, versions: dict[str, str]) -> dict[str, object]:
    """Return the JSON object of a reply: the text, its figures, and what really ran."""
    about = {"type", "request_id"}
    what_ran = {k: v for k, v in msgspec.to_builtins(loaded).items() if k not in about}
    measured = msgspec.to_builtins(done.metrics)
    return {
        "text": done.text,
        "finish_reason": done.finish_reason,
        **what_ran,
        **measured,
        "versions": versions,
    }
