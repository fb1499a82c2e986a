"""What the window costs: the engine's tokens/s beneath the real window, over those without one.

    python -m tests.benchmarks.window_cost [--model M] [--precision int4] [--messages 500]

In each round both answer the same question for as long, in fresh processes, turn about; the answer
is stopped after that time. With `--messages` it is asked in a chat of that many, all of Markdown,
of which both engines are sent what fits into the context. The window is shown and paints the answer
as it grows, on Qt's `offscreen` platform unless QT_QPA_PLATFORM says otherwise. It also tells how
long that chat took to open, from its file to its painted end, and the longest time in which the
event loop did not answer while tokens came. The last line of stdout is one JSON object. A model
that does not end by itself gives the fairest figures: random weights, say.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from engine import messages
from engine.client import EngineClient
from engine.messages import ChatMessage, Done, Precision
from engine.paths import Paths
from tests.benchmarks import long_chat

_QUESTION = "Tell me all that you know about the sea."
_TURNS = ("headless", "window")


@dataclass(frozen=True)
class Turn:
    """One answer. The rest is the window's alone: seconds, and its share of one core."""

    tokens_per_s: float
    opened_s: float = 0.0
    longest_gap_s: float = 0.0
    core: float = 0.0


def _headless(args: argparse.Namespace) -> Turn:
    """Answer without a window."""
    client = EngineClient(Paths.default())
    client.start()
    timer: threading.Timer | None = None
    asked: tuple[ChatMessage, ...] = long_chat.as_prompt(args.messages, _QUESTION)
    load_id = client.next_id()
    client.send(messages.Load(request_id=load_id, model=args.model, precision=args.precision))
    for event in client.events():
        if isinstance(event, messages.Failed | messages.Crashed):
            raise RuntimeError(event.sentence)
        if isinstance(event, messages.Loaded):
            answer_id = client.next_id()
            client.send(
                messages.Generate(request_id=answer_id, messages=asked, overflow="drop_oldest")
            )
            timer = threading.Timer(args.seconds, client.stop, [answer_id])
        if isinstance(event, messages.Prefilled) and timer:
            timer.start()
        if isinstance(event, Done):
            client.close()
            return Turn(event.metrics.decode_tokens_per_s)
    raise RuntimeError("the engine ended")


def _window(args: argparse.Namespace) -> Turn:
    """Answer in the window, whose chats lie in a folder that goes with them."""
    with tempfile.TemporaryDirectory() as data:
        paths = replace(Paths.default(), data=Path(data))
        chat = long_chat.fill(paths.chats, args.messages) if args.messages else None
        return _in_window(args, paths, chat)


def _in_window(args: argparse.Namespace, paths: Paths, chat: int | None) -> Turn:
    import gc

    from PySide6.QtWidgets import QApplication

    from desktop.app import build, start
    from tests.benchmarks.window_turn import WindowTurn

    app = QApplication(["tern"])
    desktop = build(app, paths, args.model, args.precision)
    turn = WindowTurn(desktop, _QUESTION, args.seconds, chat)
    start(desktop)
    gc.freeze()  # as the window's program does
    app.exec()
    return Turn(turn.tokens_per_s, turn.opened_s, turn.longest_gap_s, turn.core)


def _measure(turn: str, args: argparse.Namespace) -> Turn:
    """Return the figures of one answer in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.window_cost", "--turn", turn]
    command += ["--model", args.model, "--precision", args.precision]
    command += ["--seconds", str(args.seconds), "--messages", str(args.messages)]
    environment = {"QT_QPA_PLATFORM": "offscreen"} | os.environ
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return Turn(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print the table and the JSON line, or take one turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="demo")
    parser.add_argument("--precision", type=Precision, default=Precision.INT4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--messages", type=int, default=0, help="of the chat, an even number")
    parser.add_argument("--turn", choices=_TURNS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.turn:
        turn = (_headless if args.turn == "headless" else _window)(args)
        print(json.dumps(turn.__dict__))
        return
    turns: dict[str, list[Turn]] = {turn: [] for turn in _TURNS}
    for number in range(args.rounds):
        for name in _TURNS if number % 2 == 0 else reversed(_TURNS):
            turns[name].append(_measure(name, args))
        print({name: taken[-1] for name, taken in turns.items()}, file=sys.stderr)
    _print(turns)


def _print(turns: dict[str, list[Turn]]) -> None:
    rates = {name: [turn.tokens_per_s for turn in taken] for name, taken in turns.items()}
    ratios = [a / b for a, b in zip(rates["window"], rates["headless"], strict=True)]
    medians = {name: statistics.median(values) for name, values in rates.items()}
    opened = [turn.opened_s for turn in turns["window"]]
    gaps = [turn.longest_gap_s for turn in turns["window"]]
    print("| | tokens/s | of that without a window |")
    print("|---|---|---|")
    print(f"| without a window | {medians['headless']:.1f} | |")
    share = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})"
    print(f"| in the window | {medians['window']:.1f} | {share} |")
    if any(opened):
        print(f"\nopened in {statistics.median(opened) * 1000:.0f} ms; ", end="")
    core = statistics.median(turn.core for turn in turns["window"])
    print(f"longest gap of the event loop {statistics.median(gaps) * 1000:.0f} ms; ", end="")
    print(f"the window took {core:.1%} of one core (medians)")
    print(
        json.dumps(
            {
                "tokens_per_s": rates,
                "ratio": statistics.median(ratios),
                "opened_s": opened,
                "longest_gap_s": gaps,
                "core": [turn.core for turn in turns["window"]],
            }
        )
    )


if __name__ == "__main__":
    main()
