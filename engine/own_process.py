"""How Tern starts further processes of its own, from a checkout and from a bundle alike."""

import os
import sys
from collections.abc import MutableMapping

_LIBRARIES = "LD_LIBRARY_PATH"


def own_command(module: str, flag: str = "") -> list[str]:
    """Return the command line that runs `module` in another process of this program.

    flag: what desktop/__main__.py knows the module by, for a bundle has no Python that takes a
    module's name; "" for the command line itself, which needs none.
    """
    if is_frozen():
        return [sys.executable, *([flag] if flag else [])]
    # -P: a file named torch.py in the current folder must not be imported.
    return [sys.executable, "-P", "-m", module]


def is_frozen() -> bool:
    """Return whether this is a bundle, made by packaging/tern.spec."""
    return bool(getattr(sys, "frozen", False))


def restore_libraries(environment: MutableMapping[str, str] = os.environ) -> None:
    """Undo what the bundle's start did to where libraries are looked for.

    This process has read it already. The person's browser and editor, which it may start, are to
    load the system's libraries; a further process of the bundle's own finds its way by itself again
    (https://pyinstaller.org/en/stable/common-issues-and-pitfalls.html).
    """
    if not is_frozen():
        return
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    before = environment.pop(f"{_LIBRARIES}_ORIG", "")
    environment.pop(_LIBRARIES, None)
    if before:
        environment[_LIBRARIES] = before
