"""Tern through its own engine process, driven as `tern bench` does it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.cli.session import Session, default_client
from engine.hardware import child_environment, read_cpu
from engine.messages import (
    Generate,
    KernelChoice,
    Load,
    Loaded,
    Metrics,
    Precision,
    Quantisation,
    SamplingSettings,
)
from engine.models import DEMO
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.prompts import Prompt

_WARM_UP_TOKENS = 8
# Weights are rounded without a calibration, which takes a twentieth of the time: speed does not
# depend on their values.
_QUICK = Quantisation(samples=0)


class TernFailed(Exception):
    """Tern did something that makes its figures mean nothing."""


@dataclass(frozen=True)
class TernRequest:
    """What to measure. context: tokens that the KV cache holds."""

    folder: Path
    precision: Precision
    kernel: KernelChoice
    context: int
    warm_up: Prompt
    prompt_128: Prompt
    prompt_512: Prompt
    prompt_4096: Prompt | None
    new_tokens: int


def measure(request: TernRequest) -> Measurement:
    """Return the figures of a fresh engine process.

    Raises what `Session` raises, or TernFailed where a reply is not what was asked for.
    """
    load = Load(
        request_id=0,
        model=str(request.folder),
        precision=request.precision,
        kernel=request.kernel,
        context_length=request.context,
        quantisation=_QUICK,
    )
    with Session(default_client) as session:
        # The small demo model first, so that what a kernel imports is not part of load_s.
        session.load(msgspec.structs.replace(load, model=DEMO, context_length=None))
        loaded = session.load(load)
        _reply(session, request.warm_up, _WARM_UP_TOKENS)
        short = _reply(session, request.prompt_128, request.new_tokens)
        long = _reply(session, request.prompt_512, 1)
        longest = request.prompt_4096 and _reply(session, request.prompt_4096, request.new_tokens)
    return Measurement(
        load_s=loaded.load_s,
        prefill_128_tokens_per_s=short.prefill_tokens_per_s,
        prefill_512_tokens_per_s=long.prefill_tokens_per_s,
        ttft_s=short.ttft_s,
        decode_tokens_per_s=short.decode_tokens_per_s,
        peak_rss_bytes=long.peak_rss_bytes,
        decode_4096_tokens_per_s=longest.decode_tokens_per_s if longest else None,
    )


def prepare(folder: Path, precision: Precision) -> Loaded:
    """Load the model once, so that its weights are packed, and return what Tern chose for it."""
    load = Load(request_id=0, model=str(folder), precision=precision, quantisation=_QUICK)
    with Session(default_client) as session:
        return session.load(load)


def write_logits(folder: Path, prompt: Prompt, output: Path) -> None:
    """Write bf16 logits after `prompt` to `output` (.npy). Raises TernFailed."""
    module = "tests.benchmarks.tern_logits"
    command = [sys.executable, "-P", "-m", module, str(folder), json.dumps(prompt.ids), str(output)]
    environment = child_environment(read_cpu(), os.environ)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TernFailed(f"Tern gives no logits:\n{done.stderr[-2000:]}")


def _reply(session: Session, prompt: Prompt, new_tokens: int) -> Metrics:
    sampling = SamplingSettings(temperature=0, repetition_penalty=1, max_new_tokens=new_tokens)
    request = Generate(request_id=0, prompt=prompt.text, sampling=sampling, ignore_end=True)
    metrics = session.generate(request, lambda _: None).metrics
    counted = (metrics.prompt_tokens, metrics.cached_tokens, metrics.completion_tokens)
    if counted != (len(prompt.ids), 0, new_tokens):
        raise TernFailed(f"prompt, cached and new tokens are {counted}, not as asked for")
    return metrics
