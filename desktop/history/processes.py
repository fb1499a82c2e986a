"""Which process writes an answer: its number and when it started, for numbers are given again."""

import psutil

_SLACK = 2.0  # seconds: the start is counted from a boot time that the clock's setting shifts


def this_process() -> str:
    """Return the identity of this process."""
    process = psutil.Process()
    return f"{process.pid}:{process.create_time():.2f}"


def is_alive(identity: str) -> bool:
    """Return whether the process of that identity still runs."""
    pid, _, started = identity.partition(":")
    try:
        process = psutil.Process(int(pid))
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - float(started)) < _SLACK
    except psutil.AccessDenied:
        return True  # it runs, and nobody else's answer is to be touched
    except (psutil.Error, ValueError):
        return False
