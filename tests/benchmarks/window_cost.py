"""What the window costs: the engine's tokens/s beneath the real window, over those without one.

    python -m tests.benchmarks.window_cost [--model M] [--precision int4] [--rounds 5]

In each round both answer the same question for as long, in fresh processes, turn about; the answer
is stopped after that time. The window is shown and paints the answer as it grows, on Qt's
`offscreen` platform unless QT_QPA_PLATFORM says otherwise. The last line of stdout is one JSON
object. A model that does not end by itself gives the fairest figures: random weights, say.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading

from engine import messages
from engine.client import EngineClient
from engine.messages import Done, Precision
from engine.paths import Paths

_QUESTION = "Tell me all that you know about the sea."
_TURNS = ("headless", "window")


def _headless(model: str, precision: Precision, seconds: float) -> Done:
    """Answer without a window."""

    client = EngineClient(Paths.default())
    client.start()
    timer: threading.Timer | None = None
    load_id = client.next_id()
    client.send(messages.Load(request_id=load_id, model=model, precision=precision))
    for event in client.events():
        if isinstance(event, messages.Failed | messages.Crashed):
            raise RuntimeError(event.sentence)
        if isinstance(event, messages.Loaded):
            answer_id = client.next_id()
            question = messages.ChatMessage(role="user", content=_QUESTION)
            client.send(messages.Generate(request_id=answer_id, messages=(question,)))
            timer = threading.Timer(seconds, client.stop, [answer_id])
        if isinstance(event, messages.Prefilled) and timer:
            timer.start()
        if isinstance(event, Done):
            client.close()
            return event
    raise RuntimeError("the engine ended")


def _window(model: str, precision: Precision, seconds: float) -> Done:
    """Answer in the window."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from desktop.app import build, start
    from desktop.state import State

    app = QApplication(["tern"])
    desktop = build(app, Paths.default(), model, precision)
    controller, ended = desktop.controller, list[Done]()

    def on_state(state: State) -> None:
        if state is State.READY and not ended:
            controller.ask(_QUESTION)

    def on_figures(event: object) -> None:
        if isinstance(event, messages.Prefilled):
            QTimer.singleShot(round(seconds * 1000), controller.stop)
        if isinstance(event, Done):
            ended.append(event)
            desktop.window.close()

    controller.state_changed.connect(on_state)
    controller.figures_arrived.connect(on_figures)
    start(desktop)
    app.exec()
    return ended[0]


def _measure(turn: str, args: argparse.Namespace) -> float:
    """Return the tokens/s of one answer in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.window_cost", "--turn", turn]
    command += ["--model", args.model, "--precision", args.precision]
    command += ["--seconds", str(args.seconds)]
    environment = {"QT_QPA_PLATFORM": "offscreen"} | os.environ
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table and the JSON line, or take one turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="demo")
    parser.add_argument("--precision", type=Precision, default=Precision.INT4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--turn", choices=_TURNS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.turn:
        answer = _headless if args.turn == "headless" else _window
        print(answer(args.model, args.precision, args.seconds).metrics.decode_tokens_per_s)
        return
    rates: dict[str, list[float]] = {turn: [] for turn in _TURNS}
    for number in range(args.rounds):
        for turn in _TURNS if number % 2 == 0 else reversed(_TURNS):
            rates[turn].append(_measure(turn, args))
        print({turn: round(values[-1], 1) for turn, values in rates.items()}, file=sys.stderr)
    ratios = [a / b for a, b in zip(rates["window"], rates["headless"], strict=True)]
    medians = {turn: statistics.median(values) for turn, values in rates.items()}
    print("| | tokens/s | of that without a window |")
    print("|---|---|---|")
    print(f"| without a window | {medians['headless']:.1f} | |")
    share = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})"
    print(f"| in the window | {medians['window']:.1f} | {share} |")
    print(json.dumps({"tokens_per_s": rates, "ratio": statistics.median(ratios)}))


if __name__ == "__main__":
    main()
