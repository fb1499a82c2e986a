"""Predicted against measured peak memory: `python -m tests.benchmarks.memory`.

Each precision of each shape is loaded by a fresh engine process that has to quantise it first, then
its context is filled to the end. Prints a table, and JSON as the last line. The constants of
`engine/fit.py` come from here.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from engine.cli.session import Session, default_client
from engine.fit import Need, Question, predict
from engine.messages import (
    Generate,
    Kernel,
    KernelChoice,
    Load,
    Precision,
    Quantisation,
    SamplingSettings,
)
from engine.model_config import read_config
from engine.model_files import tokenizer_bytes
from engine.models import DEMO, demo_model
from tests.benchmarks.prompts import PromptMaker

_NEW_TOKENS = 8


@dataclass(frozen=True)
class Measured:
    """One precision of one model: peaks in bytes; packing is 0 in bf16."""

    model: str
    precision: Precision
    kernel: Kernel
    context: int
    predicted: Need
    measured: Need

    @property
    def deviations(self) -> dict[str, float]:
        """Predicted over measured, less 1, of each peak that there is."""
        pairs = {
            "running": (self.predicted.running, self.measured.running),
            "packing": (self.predicted.packing, self.measured.packing),
        }
        return {name: p / m - 1 for name, (p, m) in pairs.items() if p and m}


def measure(
    model: str,
    folder: Path,
    precision: Precision,
    context: int,
    kernel: KernelChoice = "native",
    quantisation: Quantisation | None = None,
) -> Measured:
    """Load `model`, whose weights are not packed yet, fill its context and return the peaks."""
    load = Load(
        request_id=0,
        model=model,
        precision=precision,
        kernel=kernel,
        context_length=context,
        quantisation=quantisation or Quantisation(),
        regardless=True,
    )
    with Session(default_client) as session:
        loaded = session.load(load)
        running = _fill(session, loaded.context_length)
    question = Question(
        config=read_config(folder),
        precision=precision,
        kernel=loaded.kernel,
        context=loaded.context_length,
        tokenizer_bytes=tokenizer_bytes(folder),
    )
    measured = Need(running, loaded.packing_peak_bytes)
    return Measured(
        Path(model).name,
        precision,
        loaded.kernel,
        loaded.context_length,
        predict(question),
        measured,
    )


def _fill(session: Session, context: int) -> int:
    """Answer until the context is full; return the peak."""
    prompt = PromptMaker().prompt(context - _NEW_TOKENS)
    sampling = SamplingSettings(temperature=0, max_new_tokens=_NEW_TOKENS)
    request = Generate(request_id=0, prompt=prompt.text, sampling=sampling, ignore_end=True)
    metrics = session.generate(request, lambda _: None).metrics
    if metrics.context_used < context - 1:
        raise RuntimeError(f"only {metrics.context_used} of {context} tokens were used")
    return metrics.peak_rss_bytes


@contextmanager
def fresh_home() -> Iterator[None]:
    """Let no packed weights be there."""
    before = os.environ.get("TERN_HOME")
    with tempfile.TemporaryDirectory(prefix="tern-memory-") as home:
        os.environ["TERN_HOME"] = home
        try:
            yield
        finally:
            os.environ.pop("TERN_HOME")
            if before is not None:
                os.environ["TERN_HOME"] = before


def table(rows: list[Measured]) -> Iterator[str]:
    """Yield the lines of a table in MiB."""
    yield f"{'':24}{'':6}{'running':>24}{'packing':>24}"
    for row in rows:
        cells = [f"{row.model:24}{row.precision:6}"]
        for name in ("running", "packing"):
            predicted, actual = getattr(row.predicted, name), getattr(row.measured, name)
            text = f"{predicted >> 20} / {actual >> 20}" if actual else "-"
            share = f" {row.deviations[name]:+.1%}" if name in row.deviations else ""
            cells.append(f"{text + share:>24}")
        yield "".join(cells)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=[DEMO, "smollm2-135m", "llama-3.2-1b"])
    parser.add_argument("--root", type=Path, default=Path("~/.cache/tern-bench/models"))
    parser.add_argument("--precisions", nargs="+", type=Precision, default=list(Precision))
    parser.add_argument("--kernel", choices=get_args(KernelChoice), default="native")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--samples", type=int, default=48, help="of the calibration")
    options = parser.parse_args()
    rows: list[Measured] = []
    for name in options.models:
        model, folder = _model(name, options.root.expanduser())
        context = min(options.context, read_config(folder).max_context)
        for precision in options.precisions:
            print(f"{name} in {precision} …", file=sys.stderr)
            quantisation = Quantisation(samples=options.samples)
            with fresh_home():
                rows.append(
                    measure(model, folder, precision, context, options.kernel, quantisation)
                )
    for line in table(rows):
        print(line)
    print(json.dumps([asdict(row) | {"deviations": row.deviations} for row in rows]))


def _model(name: str, root: Path) -> tuple[str, Path]:
    """Return what --model takes and the folder; a shape is written where it is not there."""
    if name == DEMO:
        return DEMO, demo_model().folder
    folder = root / name
    if not folder.is_dir():
        from tests.benchmarks.shapes import SHAPES
        from tests.benchmarks.write_models import ModelFiles, write_hf

        write_hf(SHAPES[name], ModelFiles(root, name), lambda text: print(text, file=sys.stderr))
    return str(folder), folder


if __name__ == "__main__":
    main()
