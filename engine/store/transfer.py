"""One file from the Hub to a blob: resumed wherever it breaks off, and verified by its hash.

The address names a commit and the hash decides, so there is no If-Range: the CDN's ETag is not
the Hub's, and one that has changed there would only make a resumed download begin again.
"""

import random
import re
import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NoReturn

import requests
import urllib3

from engine.errors import BrokenDownload, DamagedDownload, RateLimited, Stopped
from engine.store.description import RemoteFile
from engine.store.hub import Hub, raise_for_status
from engine.store.line import TICK_S, Line, LineBroken
from engine.store.partial import Partial, partial_of
from engine.store.phase import OnProgress, Phase
from engine.store.plan import Plan
from engine.store.session import explained, is_unreachable, plain

_OFTEN_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
# From the CDN these mean that the address it was given has expired: the Hub gives a new one.
_EXPIRED = frozenset({400, 401, 403, 404, 410})
_PROGRESS = 65_536  # bytes that show that a line works
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_COPIES = 2  # of a file whose hash is wrong


@dataclass(frozen=True)
class Patience:
    """How long to go on. Times in seconds; tries: in a row of which none brought anything."""

    tries: int = 8
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_retry_after: float = 300.0


class _Broken(Exception):
    """An attempt ended before the file did. wait: how long the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        self.reason = reason
        self.wait = wait


@dataclass(frozen=True)
class Job:
    """What the transfers of one download share.

    stop: set from any thread, ends them within a second; authorisation: the header with the token,
    asked for once, as a keyring may ask the person each time; reached: set once the Hub has
    answered: until then a connection that fails is not tried again, as there is no network.
    """

    hub: Hub
    plan: Plan
    authorisation: dict[str, str]
    stop: threading.Event
    patience: Patience
    reached: threading.Event = field(default_factory=threading.Event)


class Transfer:
    """One file of a download on its way to `blob`.

    on_progress is told the phase and the bytes that have arrived, at least every TICK_S.
    """

    def __init__(self, job: Job, file: RemoteFile, blob: Path, on_progress: OnProgress) -> None:
        self._job = job
        self._file = file
        self._blob = blob
        self._on_progress = on_progress
        self._address = job.hub.address(job.plan.repo, job.plan.commit, file.path)
        # requests leaves the token out where the Hub redirects to another host.
        self._headers = {"Accept-Encoding": "identity", **job.authorisation}

    def run(self) -> None:
        """Bring the whole file. Raises Stopped, BrokenDownload, DamagedDownload, DiskFull, Sealed,
        RateLimited or what `hub.failures` names; what has arrived is kept.
        """
        with Partial(partial_of(self._blob), self._file) as partial:
            partial.read_back(lambda size: self._tell(Phase.CHECKING, size))
            for _copy in range(_COPIES):
                self._complete(partial)
                if partial.is_sound:
                    partial.publish(self._blob)
                    return
                partial.restart()
                # A cache on the way may hold the damaged copy.
                self._headers["Cache-Control"] = "no-cache"
        raise DamagedDownload(file=self._file.path)

    def _complete(self, partial: Partial) -> None:
        failures = 0
        while not partial.is_complete:
            before = partial.size
            try:
                self._attempt(partial)
                continue
            except _Broken as broken:
                reason, wait = broken.reason, broken.wait
            failures = 1 if partial.size - before >= _PROGRESS else failures + 1
            if failures >= self._job.patience.tries:
                raise BrokenDownload(file=self._file.path, times=failures, reason=reason)
            self._wait(self._back_off(failures) if wait is None else wait, partial.size)

    def _attempt(self, partial: Partial) -> None:
        """Receive what is missing. Raises _Broken where it did not all come."""
        try:
            wanted = {"Range": f"bytes={partial.size}-"} if partial.size else {}
            with Line(self._job.hub.session(), self._address, self._headers | wanted) as line:
                for event in line.events():
                    if isinstance(event, requests.Response):
                        self._accept(event, partial)
                    elif partial.size + len(event) > self._file.size:
                        partial.restart()
                        raise _Broken("more was sent than the file holds")
                    else:
                        partial.write(event)
                    self._tell(Phase.RECEIVING, partial.size)
        except LineBroken as broken:
            error = broken.__cause__
            assert isinstance(error, Exception)
            if is_unreachable(error) and not self._job.reached.is_set():
                raise explained(error, self._address) from error
            raise _Broken(_reason(error, self._address)) from error
        if not partial.is_complete:
            raise _Broken("the server ended it early")

    def _accept(self, answer: requests.Response, partial: Partial) -> None:
        """Bring `partial` to where the answer's body begins. Raises _Broken or a refusal."""
        self._job.reached.set()
        if answer.status_code == 206:
            found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if not found or int(found[1]) != partial.size or not self._is_size(found[2]):
                partial.restart()
                raise _Broken("the server sent another part than was asked for")
        elif answer.status_code == 200:
            partial.restart()  # it ignores Range
        elif answer.status_code == 416:
            partial.restart()
            raise _Broken("the server holds less of the file than has arrived")
        else:
            self._refused(answer)

    def _is_size(self, text: str) -> bool:
        return text in ("*", str(self._file.size))

    def _refused(self, answer: requests.Response) -> NoReturn:
        status = answer.status_code
        if status in _OFTEN_TEMPORARY:
            wait = _retry_after(answer.headers.get("Retry-After", ""))
            if wait is not None and wait > self._job.patience.longest_retry_after:
                raise RateLimited(wait=f"{wait / 60:.0f} minutes")
            raise _Broken(f"the server answered with HTTP {status}", wait)
        if status in _EXPIRED and answer.history:
            raise _Broken(f"the CDN answered with HTTP {status}")
        raise_for_status(answer, self._job.plan.repo)
        raise _Broken(f"the server answered with HTTP {status}")

    def _back_off(self, failures: int) -> float:
        patience = self._job.patience
        wait = min(patience.longest_wait, patience.first_wait * 2.0 ** (failures - 1))
        return wait * random.uniform(0.5, 1.0)  # so that not all come back at once

    def _wait(self, seconds: float, size: int) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._tell(Phase.RETRYING, size)
            self._job.stop.wait(min(left, TICK_S))

    def _tell(self, phase: Phase, size: int) -> None:
        if self._job.stop.is_set():
            raise Stopped
        self._job.hub.network.check()  # sealed in mid-download
        self._on_progress(phase, size)


def _retry_after(text: str) -> float | None:
    """The seconds that a Retry-After asks for, as a number or a date (RFC 9110, 10.2.3)."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _reason(error: Exception, address: str) -> str:
    if isinstance(error, requests.RequestException):
        return str(explained(error, address).facts.get("reason", plain(error)))
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "nothing came any more"
    return "the connection broke off"
