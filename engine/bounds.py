"""Bounds on what a model's own files may cost the engine: CPU time and memory.

A last line behind the checks of the readers, for work that no Python code can interrupt: a regular
expression of tokenizer.json, a comparison in a chat template. Where the system has no such bounds
(Windows; memory on macOS), the checks hold alone.
"""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


@contextlib.contextmanager
def cpu_bound(seconds: float) -> Iterator[None]:
    """Let what runs within take so much of the process's CPU time; the system ends it after that.

    `engine.outcome` has the words for the signal.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, *before)


@contextlib.contextmanager
def memory_bound(more: int) -> Iterator[None]:
    """Let the process map no more than `more` bytes besides what it has; more is a MemoryError.

    Its other threads are bound meanwhile too.
    """
    mapped = _mapped()
    if resource is None or mapped is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = mapped + more
    if soft == resource.RLIM_INFINITY or wanted < soft:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _mapped() -> int | None:
    """Return the size of this process's address space in bytes, None where Linux does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize() if resource else None
