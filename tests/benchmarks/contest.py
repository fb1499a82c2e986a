"""One shape in one precision, measured by both engines turn about, and the check before it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from engine.cli.bandwidth import Bandwidth, measure_apart
from engine.hardware import Cpu
from engine.messages import Loaded, Precision
from tests.benchmarks import tern_runner
from tests.benchmarks.llama_build import LlamaBuild
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.neighbours import BUSY_SHARE, Neighbours
from tests.benchmarks.prompts import Prompt, PromptMaker
from tests.benchmarks.report import Round
from tests.benchmarks.tern_runner import TernRequest
from tests.benchmarks.write_models import ModelFiles

FILE_TYPES = {Precision.BF16: "BF16", Precision.INT8: "Q8_0", Precision.INT4: "Q4_0"}
_CONTEXT_STEP = 256  # llama.cpp rounds a context up to a multiple of it
_CORRELATION = 0.99


class Invalid(Exception):
    """The figures would mean nothing; the message says why."""


@dataclass(frozen=True)
class Prompts:
    """The prompts of every measurement, and the context that holds each with its reply."""

    check: Prompt
    warm_up: Prompt
    prompt_128: Prompt
    prompt_512: Prompt
    prompt_4096: Prompt | None
    context: int

    @classmethod
    def make(cls, new_tokens: int, long: bool) -> "Prompts":
        """Return the prompts, the same ones in each run."""
        make = PromptMaker().prompt
        longest = (4096 if long else 512) + new_tokens
        return cls(
            check=make(16),
            warm_up=make(16),
            prompt_128=make(128),
            prompt_512=make(512),
            prompt_4096=make(4096) if long else None,
            context=-(-longest // _CONTEXT_STEP) * _CONTEXT_STEP,
        )


@dataclass(frozen=True)
class Contest:
    """One shape in one precision, ready to be measured by both engines."""

    shape: str
    precision: Precision
    files: ModelFiles
    chosen: Loaded

    @property
    def gguf(self) -> Path:
        """llama.cpp's file."""
        return self.files.gguf(FILE_TYPES[self.precision])


@dataclass(frozen=True)
class Bench:
    """What all measurements share."""

    build: LlamaBuild
    prompts: Prompts
    new_tokens: int
    cpu: Cpu
    force: bool

    def round(self, contest: Contest, tern_first: bool) -> Round:
        """Measure both engines. Raises Invalid where the machine was busy and `force` is off."""
        neighbours = Neighbours()
        before = measure_apart(self.cpu)
        first = (self._tern if tern_first else self._llama)(contest)
        between = measure_apart(self.cpu)
        second = (self._llama if tern_first else self._tern)(contest)
        after = measure_apart(self.cpu)
        others = neighbours.share()
        if others > BUSY_SHARE and not self.force:
            raise Invalid(f"machine busy (others took {others:.0%} of the CPU time; see --force)")
        halves = (first, _mean(before, between)), (second, _mean(between, after))
        (tern, ours), (llama, theirs) = halves if tern_first else halves[::-1]
        return Round(tern, llama, others, ours, theirs)

    def _tern(self, contest: Contest) -> Measurement:
        prompts = self.prompts
        return tern_runner.measure(
            TernRequest(
                folder=contest.files.hf,
                precision=contest.precision,
                kernel=contest.chosen.kernel.value,
                context=prompts.context,
                warm_up=prompts.warm_up,
                prompt_128=prompts.prompt_128,
                prompt_512=prompts.prompt_512,
                prompt_4096=prompts.prompt_4096,
                new_tokens=self.new_tokens,
            )
        )

    def _llama(self, contest: Contest) -> Measurement:
        prompts = self.prompts
        figures = self.build.run(
            "measure",
            path=str(contest.gguf),
            context=prompts.context,
            threads=self.cpu.threads,
            warm_up=prompts.warm_up.ids,
            prompt_128=prompts.prompt_128.ids,
            prompt_512=prompts.prompt_512.ids,
            prompt_4096=prompts.prompt_4096.ids if prompts.prompt_4096 else None,
            new_tokens=self.new_tokens,
        )
        return msgspec.convert(figures, Measurement)

    def check_same_model(self, files: ModelFiles) -> str:
        """Return how well the logits of llama.cpp's BF16 and Tern's bf16 agree.

        Raises Invalid where these are not of one model.
        """
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = Path(folder, "tern.npy"), Path(folder, "llama.npy")
            prompt = self.prompts.check
            tern_runner.write_logits(files.hf, prompt, ours)
            path = str(files.gguf("BF16"))
            self.build.run(
                "logits", path=path, threads=self.cpu.threads, prompt=prompt.ids, output=str(theirs)
            )
            tern, llama = np.load(ours), np.load(theirs)
        correlation = float(np.corrcoef(tern, llama)[0, 1])
        same_token = int(tern.argmax()) == int(llama.argmax())
        agreement = f"logits correlate by {correlation:.5f}, same first token: {same_token}"
        if not correlation > _CORRELATION:  # the same first token alone can be luck; NaN fails too
            raise Invalid(f"{files.hf} and its GGUF are not the same model: {agreement}")
        return agreement


def _mean(before: Bandwidth | None, after: Bandwidth | None) -> Bandwidth | None:
    """What memory sustained on the whole, and the best moment of both."""
    if not (before and after):
        return None
    return Bandwidth(
        max(before.bytes_per_s, after.bytes_per_s),
        (before.sustained_bytes_per_s + after.sustained_bytes_per_s) / 2,
        after.method,
    )
