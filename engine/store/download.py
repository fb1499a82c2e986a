"""A model of the Hub at one commit -> its folder in the Hugging Face cache, all or nothing."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from engine.errors import Stopped, UnwritableFolder
from engine.store.description import RemoteFile
from engine.store.hub import Hub, authorisation
from engine.store.line import TICK_S
from engine.store.partial import disk_full, free_bytes
from engine.store.phase import OnProgress, Phase
from engine.store.placing import Place
from engine.store.plan import Plan
from engine.store.token import read_token
from engine.store.transfer import Job, Patience, Transfer


def check_disk(plan: Plan, root: Path) -> None:
    """Raise DiskFull where what is missing of the download does not fit under `root`."""
    missing = plan.size - Place(root, plan.repo).arrived(plan)
    if missing > free_bytes(root):
        raise disk_full(root, missing)


def download(
    hub: Hub,
    plan: Plan,
    root: Path,
    on_progress: OnProgress = lambda _phase, _done: None,
    stop: threading.Event | None = None,
    patience: Patience | None = None,
) -> Path:
    """Fetch what is missing and return the model's folder; root: of a Hugging Face cache.

    on_progress is told the phase and the bytes that are there, of `plan.size`; stop ends it within
    a second. Whatever ends it, the next call continues: also after kill -9.

    Raises Stopped, DiskFull, Sealed and what `Transfer.run` raises.
    """
    place = Place(root, plan.repo)
    header = authorisation(read_token())
    job = Job(hub, plan, header, stop or threading.Event(), patience or Patience())
    with hub.network.purpose(f"Downloading {plan.repo}"):
        check_disk(plan, root)
        done = 0
        for file in plan.files:
            _fetch(job, place, file, _counted_from(done, on_progress))
            done += file.size
            on_progress(Phase.RECEIVING, done)
    return place.publish(plan)


def _counted_from(start: int, on_progress: OnProgress) -> OnProgress:
    return lambda phase, size: on_progress(phase, start + size)


def _fetch(job: Job, place: Place, file: RemoteFile, on_progress: OnProgress) -> None:
    """Bring one file, unless it is there already."""
    with _locked(place.lock(file), job.stop, lambda: on_progress(Phase.LOCKED, 0)):
        if not place.has(file, job.plan.commit):
            Transfer(job, file, place.blob(file), on_progress).run()


@contextlib.contextmanager
def _locked(path: Path, stop: threading.Event, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at `path`, waiting for other programs as long as they need."""
    lock: BaseFileLock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while not lock.is_locked:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                on_wait()
                if stop.wait(TICK_S):
                    raise Stopped from None
            except NotImplementedError:  # a file system without locks
                lock = SoftFileLock(path)
    except OSError as error:
        raise UnwritableFolder(folder=path.parent, reason=error.strerror or error) from error
    try:
        yield
    finally:
        lock.release()
