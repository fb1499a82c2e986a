"""What may import what, seen in fresh interpreters and in the sources."""

import ast
import functools
import json
import pkgutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import engine
from engine.kernels.base import core_built, ipex_installed
from tests.integration.conftest import ROOT

LIGHT = {
    "bench",
    "cgroup",
    "cli.main",
    "client",
    "doctor",
    "errors",
    "fit",
    "hardware",
    "kernels.base",
    "lab",
    "lab.against",
    "lab.charts",
    "lab.conditions",
    "lab.course",
    "lab.origin",
    "lab.process",
    "lab.records",
    "lab.report",
    "lab.run",
    "lab.scratch",
    "lab.sizing",
    "lab.statistics",
    "lab.steps",
    "lab.table",
    "lab.tally",
    "lab.threads",
    "lab.verdict",
    "logs",
    "messages",
    "model_config",
    "model_files",
    "model_folder",
    "models",
    "network",
    "observed",
    "outcome",
    "own_process",
    "paths",
    "preflight",
    "redaction",
    "settings",
    "shortage",
    "store",
    "store.catalogue",
    "store.description",
    "store.download",
    "store.downloads",
    "store.files",
    "store.hub",
    "store.hub_cache",
    "store.importing",
    "store.interruptible",
    "store.line",
    "store.local",
    "store.meter",
    "store.moving",
    "store.packed",
    "store.partial",
    "store.phase",
    "store.placing",
    "store.plan",
    "store.reference",
    "store.removal",
    "store.session",
    "store.token",
    "store.transfer",
    "store.verify",
    "support",
    "watchdog",
    "witness",
}
HEAVY = {"torch", "transformers", "intel_extension_for_pytorch", "safetensors", "tokenizers"}
SOURCES = [
    *sorted((ROOT / "engine").rglob("*.py")),
    *sorted((ROOT / "desktop").rglob("*.py")),
]


def loaded_after(imports: list[str]) -> set[str]:
    """The modules that a fresh interpreter holds after `imports`."""
    script = (
        "import importlib, json, sys\n"
        f"for name in {imports!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def modules_of_the_engine() -> list[str]:
    found = [info.name for info in pkgutil.walk_packages(engine.__path__, "engine.")]
    without = ["engine.__main__"]
    if find_spec("lm_eval") is None:
        without.append("engine.lab.harness")
    if not ipex_installed():
        without.append("engine.kernels.ipex.")
    if not core_built():
        without.append("engine.kernels.native.")
    return [name for name in found if not name.startswith(tuple(without))]


def test_the_engine_never_imports_qt_or_the_window() -> None:
    names = modules_of_the_engine()
    assert {"engine.worker", "engine.loader", "engine.cli.main"} <= set(names)
    modules = loaded_after(names)
    assert set(names) <= modules
    assert not packages(modules) & {"PySide6", "shiboken6", "desktop"}


def test_the_light_half_of_the_engine_leaves_torch_alone() -> None:
    modules = loaded_after([f"engine.{name}" for name in sorted(LIGHT)])
    assert not packages(modules) & (HEAVY | {"PySide6"})


def test_the_worker_takes_commands_before_torch_is_there() -> None:
    assert not packages(loaded_after(["engine.worker"])) & HEAVY


@pytest.mark.skipif(not core_built(), reason="the compiled core is not built here")
def test_loading_and_answering_on_the_core_import_no_torch() -> None:
    """tests/integration/test_without_torch.py sees it in a process at work."""
    names = ("loader", "generate", "quality", "kernels.native.kit", "quantise_apart")
    modules = loaded_after([f"engine.{name}" for name in names])
    assert {"numpy", "tokenizers"} <= packages(modules)
    heavy = {"torch", "transformers", "intel_extension_for_pytorch", "huggingface_hub"}
    assert not packages(modules) & heavy


def test_the_window_imports_the_light_half_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PySide6.QtWidgets")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    modules = loaded_after(["desktop.app"])
    assert "PySide6.QtWidgets" in modules
    assert not packages(modules) & HEAVY
    ours = {name.removeprefix("engine.") for name in modules if name.startswith("engine.")}
    assert {name for name in ours if name != "kernels" and not name.startswith("cli")} <= LIGHT


# -- in the sources ------------------------------------------------------------------------------


@functools.cache
def nodes() -> list[tuple[Path, ast.AST]]:
    return [
        (source.relative_to(ROOT), node)
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
    ]


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return set()


def importers(package: str) -> set[str]:
    return {
        str(source)
        for source, node in nodes()
        for name in imported(node)
        if name == package or name.startswith(f"{package}.")
    }


def test_there_are_sources() -> None:
    assert len(SOURCES) > 30
    assert importers("msgspec")


def test_one_file_imports_the_harness() -> None:
    assert importers("lm_eval") == {"engine/lab/harness.py"}


def test_one_package_imports_ipex() -> None:
    folders = {str(Path(name).parent) for name in importers("intel_extension_for_pytorch")}
    assert folders == {"engine/kernels/ipex"}


def test_the_directions_of_imports_hold_within_functions_too() -> None:
    assert not {name for name in importers("PySide6") if name.startswith("engine/")}
    assert not {name for name in importers("desktop") if name.startswith("engine/")}
    for package in HEAVY:
        assert not {name for name in importers(package) if name.startswith("desktop/")}


@pytest.mark.parametrize("module", ["pickle", "cPickle", "dill", "joblib", "shelve", "marshal"])
def test_nothing_unpickles(module: str) -> None:
    assert importers(module) == set()


def called(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def test_nothing_calls_torch_load_or_evaluates_text() -> None:
    forbidden = {"torch.load", "eval", "exec", "os.system", "torch.hub.load"}
    calls = {(str(source), called(node)) for source, node in nodes()}
    assert {call for call in calls if call[1] in forbidden} == set()
    assert importers("torch.load") == set()


def test_code_of_strangers_is_trusted_nowhere() -> None:
    values = [
        (str(source), keyword.value)
        for source, node in nodes()
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "trust_remote_code"
    ]
    assert values, "the tokenizer is loaded with trust_remote_code=False"
    assert all(isinstance(value, ast.Constant) and value.value is False for _, value in values)
    assert not [source for source in SOURCES if "trust_remote_code=True" in source.read_text()]


def test_no_command_goes_through_a_shell() -> None:
    shells = [
        str(source)
        for source, node in nodes()
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "shell"
    ]
    assert shells == []
