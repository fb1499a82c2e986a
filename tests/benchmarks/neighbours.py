"""How much of the machine other programs took while something was measured."""

import time

import psutil

BUSY_SHARE = 0.10  # of the machine's CPU time: beyond it a measurement is not valid
_OWN = ("user", "system", "children_user", "children_system")
# user and nice already hold guest time; steal is another tenant's work.
_ALL = ("user", "nice", "system", "irq", "softirq", "steal")


class Neighbours:
    """Watches, from its making on, what runs besides this process and its children."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._others_then = self._others()

    def share(self) -> float:
        """Return the others' share of the machine's CPU time so far, 0 to 1.

        Right only once all children have ended: their time is counted as they do.
        """
        capacity = (time.monotonic() - self._start) * (psutil.cpu_count() or 1)
        return max(0.0, self._others() - self._others_then) / capacity

    def _others(self) -> float:
        """Return CPU seconds since the start of the machine that are not ours."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        everything = sum(getattr(machine, name, 0.0) for name in _ALL)
        return float(everything - sum(getattr(own, name, 0.0) for name in _OWN))
