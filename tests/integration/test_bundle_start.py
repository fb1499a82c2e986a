"""The bundle: how its processes start, what goes into it, and how a Linux desktop lists it.

Building it takes minutes: `make package smoke` does that.
"""

import configparser
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from desktop.__main__ import _parse
from desktop.attachments.pdf_text import read_apart
from engine.cli.apart import ask_apart
from engine.client import worker_command
from engine.kernels.base import ipex_installed
from engine.messages import Ready
from engine.own_process import own_command, restore_libraries
from tests.history.test_attachments import pdf
from tests.integration.conftest import ROOT, StartEngine
from tests.integration.test_import_rules import SOURCES, imported, nodes

LINUX = ROOT / "packaging" / "linux"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
AS_BUNDLE = "import sys; sys.frozen = True; from desktop.__main__ import main; sys.exit(main())"


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this process be that of a bundle; return the bundle's program, which takes flags."""
    program = tmp_path / "tern"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -c "{AS_BUNDLE}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(program))
    return program


# -- processes -----------------------------------------------------------------------------------


def test_from_a_checkout_python_runs_the_module() -> None:
    command = own_command("engine.worker", "--engine-worker")
    assert command == [sys.executable, "-P", "-m", "engine.worker"]


def test_the_bundle_is_its_own_engine(frozen: Path, start: StartEngine) -> None:
    assert worker_command() == [str(frozen), "--engine-worker"]
    engine = start()
    assert isinstance(engine.until(Ready)[-1], Ready)


def test_the_bundle_reads_a_pdf_in_a_process_of_its_own(frozen: Path, tmp_path: Path) -> None:
    file = tmp_path / "seven.pdf"
    file.write_bytes(pdf("Seven terns"))
    assert read_apart(file, file.name).text == "Seven terns"


def test_the_bundle_asks_its_own_command_line(frozen: Path) -> None:
    assert ask_apart(["models", "list", "--json"], dict) is not None


def test_one_place_knows_how_a_process_of_ones_own_starts() -> None:
    """A bundle has no Python to be given `-m`."""
    starters = [source for source in SOURCES if "sys.executable" in source.read_text()]
    assert starters == [ROOT / "engine" / "own_process.py"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"LD_LIBRARY_PATH": "/bundle"}, {}),
        (
            {"LD_LIBRARY_PATH": "/bundle:/theirs", "LD_LIBRARY_PATH_ORIG": "/theirs"},
            {"LD_LIBRARY_PATH": "/theirs"},
        ),
    ],
)
def test_programs_of_the_system_get_the_systems_libraries(
    frozen: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    environment = before | {"HOME": "/"}
    restore_libraries(environment)
    assert environment.pop("PYINSTALLER_RESET_ENVIRONMENT") == "1"
    assert environment == {"HOME": "/"} | after


def test_from_a_checkout_the_persons_libraries_stay() -> None:
    environment = {"LD_LIBRARY_PATH": "/theirs"}
    restore_libraries(environment)
    assert environment == {"LD_LIBRARY_PATH": "/theirs"}


# -- contents ------------------------------------------------------------------------------------


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bundle() -> ModuleType:
    """What packaging/tern.spec reads."""
    return load(ROOT / "packaging" / "bundle.py")


def test_all_that_ships_is_in(bundle: ModuleType) -> None:
    files = [(Path(source), place) for source, place in bundle.data_files()]
    assert all(source.exists() for source, _ in files)
    assert all(place == "." or (ROOT / place).is_dir() for _, place in files)
    assets = {source.relative_to(ROOT).parts[1] for source, place in files if place != "."}
    assert assets == {path.name for path in (ROOT / "assets").iterdir()} - {"screenshots"}
    catalogues = {source.parent for source, _ in files if source.suffix == ".mo"}
    assert catalogues == set((ROOT / "assets" / "locale").glob("*/LC_MESSAGES"))


def test_nothing_that_tern_imports_is_left_out(bundle: ModuleType) -> None:
    names = {name for _, node in nodes() for name in imported(node)}
    assert "torch.nn" in names
    unused = set(bundle.MODULES_UNUSED)
    assert {name for name in names if name in unused or name.partition(".")[0] in unused} == set()


def test_the_families_that_run_by_ipex_are_in(bundle: ModuleType) -> None:
    spec = find_spec("transformers")
    assert spec and spec.origin
    out = set(bundle.unused_families(Path(spec.origin).parent / "models"))
    assert "transformers.models.falcon.modeling_falcon" in out
    assert "transformers.models.falcon.configuration_falcon" not in out
    assert "transformers.models.cohere.tokenization_cohere_fast" not in out
    for family in ("auto", "llama", "mistral", "qwen2", "qwen3"):
        assert not [name for name in out if name.startswith(f"transformers.models.{family}.")]


@pytest.mark.skipif(not ipex_installed(), reason="IPEX is not installed here")
def test_the_families_that_ipex_names_are_in(bundle: ModuleType) -> None:
    ipex, transformers = find_spec("intel_extension_for_pytorch"), find_spec("transformers")
    assert ipex and ipex.origin and transformers and transformers.origin
    out = set(bundle.unused_families(Path(transformers.origin).parent / "models"))
    sources = Path(ipex.origin).parent.rglob("*.py")
    pattern = re.compile(r"transformers\.models\.\w+\.modeling_\w+")
    named = {name for source in sources for name in pattern.findall(source.read_text("utf-8"))}
    assert named
    assert named & out == set()


@pytest.mark.parametrize(
    ("file", "is_in"),
    [
        ("torch/lib/libtorch_cpu.so", True),
        ("torch/bin/torch_shm_manager", True),
        ("torch/bin/protoc-3.13.0.0", False),
        ("torch/include/torch/csrc/api.inl", False),
        ("nvidia/cublas/lib/libcublas.so.12", True),
        ("nvidia/cusolver/lib/libcusolver.so.11", False),
        ("assets/demo-model/model.safetensors", True),
    ],
)
def test_what_tern_never_opens_stays_out(bundle: ModuleType, file: str, is_in: bool) -> None:
    assert bundle.used([(file, "source", "BINARY")]) == [(file, "source", "BINARY")] * is_in


# -- the desktop's lists -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desktop_file() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(LINUX / "tern.desktop", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def entry(desktop_file: configparser.ConfigParser) -> configparser.SectionProxy:
    return desktop_file["Desktop Entry"]


@pytest.fixture(scope="module")
def component() -> ElementTree.Element:
    [file] = LINUX.glob("*.metainfo.xml")
    return ElementTree.parse(file).getroot()


def test_the_desktop_entry_starts_the_command(entry: configparser.SectionProxy) -> None:
    assert entry["Type"] == "Application"
    assert entry["Exec"] in PROJECT["scripts"]
    assert entry["Terminal"] == "false"
    assert entry["Categories"].endswith(";")


def test_the_desktop_offers_a_second_window(
    desktop_file: configparser.ConfigParser, entry: configparser.SectionProxy
) -> None:
    """Without an action of that name a desktop would start `tern` again, which makes none."""
    assert entry["Actions"] == "new-window;"
    command, option = desktop_file["Desktop Action new-window"]["Exec"].split()
    assert command == entry["Exec"]
    assert _parse([option]).new_window


@pytest.mark.skipif(not shutil.which("desktop-file-validate"), reason="needs desktop-file-utils")
def test_the_desktop_entry_is_valid() -> None:
    ran = subprocess.run(
        ["desktop-file-validate", str(LINUX / "tern.desktop")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_the_window_belongs_to_the_desktop_entry(entry: configparser.SectionProxy) -> None:
    """A dock finds the icon of a window by this name."""
    app = (ROOT / "desktop" / "app.py").read_text()
    assert f'setDesktopFileName("{entry["StartupWMClass"]}")' in app
    assert entry["StartupWMClass"] == "tern"


def test_the_software_centre_shows_what_the_project_says(
    component: ElementTree.Element, entry: configparser.SectionProxy
) -> None:
    assert component.get("type") == "desktop-application"
    assert component.findtext("launchable") == "tern.desktop"
    assert component.findtext("project_license") == PROJECT["license"]
    assert component.findtext("name") == entry["Name"]
    assert component.findtext("icon") == entry["Icon"]
    assert component.findtext("provides/binary") == entry["Exec"]
    release = component.find("releases/release")
    assert release is not None and release.get("version") == PROJECT["version"]


@pytest.mark.skipif(not shutil.which("appstreamcli"), reason="needs appstreamcli")
def test_appstream_finds_no_fault() -> None:
    [file] = LINUX.glob("*.metainfo.xml")
    ran = subprocess.run(
        ["appstreamcli", "validate", "--no-net", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def test_the_icon_comes_in_every_size(tmp_path: Path, entry: configparser.SectionProxy) -> None:
    script = ROOT / "packaging" / "icons.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=60)
    name = entry["Icon"]
    for size in (16, 22, 24, 32, 48, 64, 128, 256, 512):
        image = (tmp_path / f"hicolor/{size}x{size}/apps/{name}.png").read_bytes()
        assert image.startswith(b"\x89PNG")
        assert int.from_bytes(image[16:20]) == int.from_bytes(image[20:24]) == size
    assert (tmp_path / f"hicolor/scalable/apps/{name}.svg").is_file()
    assert (tmp_path / "tern.ico").read_bytes().startswith(b"\0\0\1\0")
    assert (tmp_path / "tern.icns").read_bytes().startswith(b"icns")
