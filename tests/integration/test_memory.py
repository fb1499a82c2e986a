"""The predicted peak of memory is within 15 % of the measured one, in real engine processes.

Larger shapes are held by `python -m tests.benchmarks.memory`.
"""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("gguf")
pytest.importorskip("engine.kernels.native._core")

from engine.messages import Precision, Quantisation
from engine.models import DEMO, demo_model
from tests.benchmarks.memory import Measured, measure
from tests.benchmarks.shapes import SHAPES
from tests.benchmarks.write_models import ModelFiles, write_hf

SMALL = replace(SHAPES["smollm2-135m"], name="small", layers=4)  # 42 million weights
TOLERANCE = 0.15


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = ModelFiles(tmp_path_factory.mktemp("models"), SMALL.name)
    write_hf(SMALL, files, lambda _: None)
    return files.hf


def check(measured: Measured, *peaks: str) -> None:
    deviations = {name: measured.deviations[name] for name in peaks}
    assert all(abs(share) < TOLERANCE for share in deviations.values()), measured


@pytest.mark.parametrize("precision", Precision)
def test_the_demo_takes_what_was_predicted(precision: Precision) -> None:
    peaks = ["running"] if precision is Precision.BF16 else ["running", "packing"]
    quick = Quantisation(samples=1)
    check(measure(DEMO, demo_model().folder, precision, 512, quantisation=quick), *peaks)


@pytest.mark.parametrize("precision", Precision)
def test_a_larger_model_takes_what_was_predicted(precision: Precision, small: Path) -> None:
    rounded_at_once = Quantisation(samples=0)
    check(measure(str(small), small, precision, 1024, quantisation=rounded_at_once), "running")
