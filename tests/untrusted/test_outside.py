"""The kernel's own record of a real engine process: nothing outside of a model's folder is opened.

Besides, that is, what Python, its libraries and Tern itself have of their own.
"""

import re
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from engine.hardware import openmp_library
from engine.messages import Crashed, Done, Generate, Loaded
from tests.integration.conftest import GREEDY, ROOT, Engine, StartEngine, start
from tests.untrusted.corpus import make
from tests.untrusted.folders import change, sound

__all__ = ["start"]

_CALLS = "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
_OPENED = re.compile(
    r'open(?:at2?)?\((?:AT_FDCWD, )?"(?P<path>[^"]*)", \{?(?:flags=)?(?P<flags>[A-Z_|]*).* = \d+'
)
_NAMES = (
    "index leads up",
    "index absolute",
    "index absolute weights",
    "index below",
    "config.json outside",
    "generation_config.json outside",
    "tokenizer.json outside",
    "tokenizer_config.json outside",
    "model.safetensors outside",
    "tokens in a vocabulary outside",
    "tokens class of code",
    "configuration code",
)
_SYSTEM = (
    "/usr/",
    "/lib",
    "/etc/",
    "/proc/",
    "/sys/",
    "/dev/null",
    "/dev/urandom",
    "/dev/shm",
    "/sys",
)


def _template_that_includes(folder: Path) -> None:
    source = "{% include '/etc/hostname' %}{% import '../outside.txt' as x %}"
    change(folder, "tokenizer_config.json", chat_template=source)


def _worked(engine: Engine, folder: Path) -> None:
    """Let the engine read all that it reads of a model."""
    event = engine.load(folder)
    assert not isinstance(event, Crashed)
    if isinstance(event, Loaded):
        request_id = engine.client.next_id()
        engine.send(Generate(request_id=request_id, prompt="Hello", sampling=GREEDY))
        engine.until(Done)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_nothing_outside_of_the_folder_is_opened_and_nothing_in_it_written(
    start: StartEngine, tmp_path: Path, tern_home: Path
) -> None:
    calls, models = tmp_path / "calls", tmp_path / "models"
    traced = ["strace", "-f", "-e", f"trace={_CALLS}", "-o", str(calls)]
    engine = start([*traced, sys.executable, "-P", "-m", "engine.worker"])
    _worked(engine, sound(models / "sound" / "model"))
    for number, name in enumerate(_NAMES):
        _worked(engine, make(models / str(number) / "model", name))
    included = sound(models / "included" / "model")
    _template_that_includes(included)
    _worked(engine, included)
    engine.end()
    opened = list(_OPENED.finditer(calls.read_text(errors="replace")))
    inside = [found for found in opened if found["path"].startswith(str(models))]
    assert any(found["path"].endswith("sound/model/config.json") for found in inside), "no trace"
    for found in inside:
        assert Path(found["path"]).is_relative_to(models), found[0]
        assert Path(found["path"]).parts[len(models.parts) + 1] == "model", found[0]
        assert not re.search("O_WRONLY|O_RDWR|O_CREAT", found["flags"]), found[0]
    own = {ROOT, tern_home, *map(Path, sys.path), *map(Path, sysconfig.get_paths().values())}
    own |= {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]}
    own |= {library for library in (openmp_library(),) if library}
    own = {path.resolve() for path in own if path.is_absolute()}
    for found in opened:
        path = Path(found["path"]).resolve()
        is_own = any(path.is_relative_to(one) for one in (*own, models.resolve()))
        assert is_own or str(path).startswith(_SYSTEM), found[0]
