"""Models and loading for the engine's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.hardware import Cpu, read_cpu
from engine.loader import LoadedModel, LoadRequest, load
from engine.messages import KernelChoice, Precision, Quantisation
from engine.models import demo_model
from engine.paths import Paths


def load_folder(
    folder: Path,
    precision: Precision = Precision.BF16,
    kernel: KernelChoice = "native",
    context_length: int | None = None,
    cpu: Cpu | None = None,
    float32: bool = False,
    **options: Any,
) -> LoadedModel:
    """Load a model as the worker does, without listening to its progress.

    options: those of `Quantisation`.
    """
    request = LoadRequest(
        folder,
        precision,
        kernel,
        context_length,
        Paths.default(),
        cpu or read_cpu(),
        Quantisation(**options),
        float32=float32,
    )
    return load(request, lambda stage, done, total: None)


def distance(found: Any, expected: Any) -> float:
    """How far `found` is from `expected`, arrays or tensors, as a share of its length."""
    found, expected = np.asarray(found), np.asarray(expected)
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    """For the models of transformers that serve as references."""
    with torch.no_grad():
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """These models are small: two threads mostly wait for each other, long on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def demo() -> Callable[[Precision], LoadedModel]:
    """The demo model on the native kernels, each precision loaded once."""
    loaded: dict[Precision, LoadedModel] = {}

    def get(precision: Precision) -> LoadedModel:
        if precision not in loaded:
            loaded[precision] = load_folder(demo_model().folder, precision)
        return loaded[precision]

    return get
