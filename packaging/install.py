"""Make a virtual environment with Tern and its tools: `python3 packaging/install.py .venv`.

PyTorch's own index has a CPU-only wheel of 0.2 GB; the default index has one with CUDA that takes
6.8 GB on disk. The small one is preferred where its index answers within seconds. Needs nothing
but the standard library.
"""

import subprocess
import sys
import venv
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_PATIENCE_S = 8
_PROBE = f"import urllib.request as r; r.urlopen('{_CPU_INDEX}/torch/', timeout={_PATIENCE_S - 2})"


def main() -> int:
    """Install into the folder that is the first argument. Returns pip's exit code."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"Tern needs Python 3.11, 3.12 or 3.13, and this is {version}.", file=sys.stderr)
        print("Name another one: make run PYTHON=python3.12", file=sys.stderr)
        return 3
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").absolute()
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    if _cpu_index_answers():
        code = _pip(python, torch_pin(), "--index-url", _CPU_INDEX)
        if code != 0:
            print("The CPU-only wheel could not be had; taking the default index.", flush=True)
    return _pip(python, "--editable", f"{_ROOT}[test]")


def torch_pin() -> str:
    """Return the requirement of torch in pyproject.toml, where all pins stand."""
    import tomllib  # not in Pythons that main() turns away with a sentence

    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins: list[str] = project["dependencies"]
    return next(pin for pin in pins if pin.startswith("torch=="))


def _cpu_index_answers() -> bool:
    """Ask in a process of its own: a name look-up that hangs knows no time-out of its own."""
    print("Looking for PyTorch's CPU-only wheel ...", flush=True)
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], timeout=_PATIENCE_S, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return probe.returncode == 0


def _pip(python: Path, *arguments: str) -> int:
    return subprocess.run([python, "-m", "pip", "install", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
