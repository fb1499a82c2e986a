"""Control groups: what memory a process may take, and whether it was killed for want of it.

Linux, versions 2 and 1 (https://docs.kernel.org/admin-guide/cgroup-v2.html#memory); elsewhere
nothing is known. Light half.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
_NO_LIMIT = 1 << 60  # bytes; version 1 has a number of this order where there is no limit


@dataclass(frozen=True)
class _Files:
    """What the files of one version are called."""

    limit: str
    used: str
    kills: str
    cached: tuple[str, ...]  # of memory.stat: what is given back when memory is wanted


_V2 = _Files("memory.max", "memory.current", "memory.events", ("inactive_file", "active_file"))
_V1 = _Files(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.oom_control",
    ("total_inactive_file", "total_active_file"),
)


def group_room(pid: int | None = None, root: Path = _ROOT) -> int | None:
    """Return how many bytes the groups of process `pid` leave free; None: no limit is known.

    pid None: this process. What the system caches of files counts as free.
    """
    rooms = (_room(folder, files) for folder, files in _groups(pid, root))
    return min((room for room in rooms if room is not None), default=None)


def kill_counter(pid: int, root: Path = _ROOT) -> Path:
    """Return the file that counts which of `pid`'s group were killed for want of memory.

    It outlives the process. Outside of all groups it is that of the whole system.
    """
    for folder, files in _groups(pid, root):
        if "oom_kill" in _table(folder / files.kills):
            return folder / files.kills
    return root / "proc/vmstat"


def kills_in(counter: Path) -> int | None:
    """Return what `counter` says, None where the system does not count."""
    return _table(counter).get("oom_kill")


def _groups(pid: int | None, root: Path) -> Iterator[tuple[Path, _Files]]:
    """Yield the folders of the groups that a process is in, the innermost first."""
    name = "self" if pid is None else str(pid)
    for line in _read(root / "proc" / name / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        mounts = (root / "sys/fs/cgroup/memory", _V1), (root / "sys/fs/cgroup", _V2)
        is_memory = controllers == "" or "memory" in controllers.split(",")
        mount, files = mounts[controllers == ""]
        if is_memory:
            # In a container the path may be one of the host's, and the mount the group itself.
            folders = (mount / path[1:], *(mount / path[1:]).parents)
            inside = (folder for folder in folders if folder.is_relative_to(mount))
            yield from ((folder, files) for folder in inside if (folder / files.kills).is_file())


def _room(folder: Path, files: _Files) -> int | None:
    limit, used = _read(folder / files.limit).strip(), _read(folder / files.used).strip()
    if not (limit.isdigit() and used.isdigit()) or int(limit) > _NO_LIMIT:
        return None
    statistics = _table(folder / "memory.stat")
    cached = sum(statistics.get(name, 0) for name in files.cached)
    return max(0, int(limit) - max(0, int(used) - cached))


def _table(path: Path) -> dict[str, int]:
    """Return a file of lines "name number"."""
    pairs = (line.split() for line in _read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
