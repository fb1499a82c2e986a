"""What a model would have said at each token of an answer, kept on disk for another to be held to.

The log-probabilities of the whole vocabulary are kept in float16, a file an answer: two bytes a
token of the vocabulary, 77 MB for 256 tokens of a vocabulary of 151,936. They are written and read
one token at a time, so memory holds one token's of each. float16 has 11 bits: a log-probability is
off by 1/2048 of itself at most. They are made to sum to one again when they are read, so that KL
stays above 0 and the error in it is of second order, below 1e-5 nats for a model against itself.
The likeliest tokens and the negative log-likelihood are kept exactly.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from engine.errors import BadSetting, DamagedFile, UnwritableFolder
from engine.language_model import Logits
from engine.store.files import check_space

TOP = 5
_SPARE = 1 << 28  # bytes of the disk that are left to others
_EXTREME = 1e4  # what infinite logits count as, and those that are no number

LogProbabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outlook:
    """One place of an answer, seen by one model.

    logs: float64 [vocab], log-probabilities in nats; top: the ids of the five likeliest, in order;
    nats: the negative log-probability of the token that stands there.
    """

    logs: LogProbabilities
    top: tuple[int, ...]
    nats: float

    @classmethod
    def of(cls, logits: Logits, token: int) -> "Outlook":
        """Return what `logits` [vocab] say of the place where `token` stands."""
        logs = _normalised(
            np.nan_to_num(
                logits.astype(np.float64), nan=-_EXTREME, posinf=_EXTREME, neginf=-_EXTREME
            )
        )
        likeliest = np.argpartition(-logs, min(TOP, len(logs) - 1))[:TOP]
        order = np.lexsort((likeliest, -logs[likeliest]))  # of equals the first, as argmax has it
        return cls(logs, tuple(int(i) for i in likeliest[order]), float(-logs[token]))

    def divergence_from(self, reference: "Outlook") -> float:
        """Return KL(reference || this) in nats (Kullback and Leibler 1951)."""
        weights = np.exp(reference.logs)
        return max(0.0, float((weights * (reference.logs - self.logs)).sum()))

    def probability(self, token: int) -> float:
        """Return that of `token`."""
        return float(np.exp(self.logs[token]))


def kept_file(folder: Path, name: str) -> Path:
    """Return the file `name` of `folder`. Raises BadSetting where it would lie outside."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise BadSetting(name="A file of the lab", value=name, allowed=f"a name within {folder}")
    return path


class Keeper:
    """Writes outlooks to a file, which is deleted again unless all of them arrived."""

    def __init__(self, path: Path, count: int) -> None:
        self._path, self._left = path, count
        self._file: BinaryIO | None = None

    def __enter__(self) -> "Keeper":
        return self

    def add(self, outlook: Outlook) -> None:
        """Write one more.

        Raises NotEnoughDisk before the first, where they will not fit, and UnwritableFolder.
        """
        row = np.zeros((), _row(len(outlook.logs)))
        row["nats"], row["top"], row["logs"] = outlook.nats, _padded(outlook.top), outlook.logs
        if self._file is None:
            needed = row.nbytes * self._left + _SPARE
            check_space(self._path.parent, needed, "Comparing this answer")
        try:
            self._file = self._file or self._path.open("xb")
            self._file.write(row.tobytes())
        except OSError as error:
            reason = error.strerror or error
            raise UnwritableFolder(folder=self._path.parent, reason=reason) from error
        self._left -= 1

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()
        if self._left:
            self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def read_kept(path: Path, count: int, vocabulary: int) -> Iterator[Iterator[Outlook]]:
    """Give the `count` outlooks in a file, one after the other.

    Raises DamagedFile where it does not hold as many, of a model with that vocabulary.
    """
    kind = _row(vocabulary)
    try:
        with path.open("rb") as file:
            if path.stat().st_size != count * kind.itemsize:
                raise DamagedFile(file=path, reason="it is of another answer or another model")
            yield (_outlook(np.frombuffer(file.read(kind.itemsize), kind)[0]) for _ in range(count))
    except OSError as error:
        raise DamagedFile(file=path, reason=error.strerror or error) from error


def _outlook(row: Any) -> Outlook:
    logs = _normalised(row["logs"].astype(np.float64))
    top = tuple(int(token) for token in row["top"] if token >= 0)
    return Outlook(logs, top, float(row["nats"]))


def _row(vocabulary: int) -> np.dtype[Any]:
    return np.dtype([("nats", "<f4"), ("top", "<i4", (TOP,)), ("logs", "<f2", (vocabulary,))])


def _padded(top: tuple[int, ...]) -> list[int]:
    return [*top, *[-1] * (TOP - len(top))]


def _normalised(logs: LogProbabilities) -> LogProbabilities:
    shifted = logs - logs.max()
    normalised: LogProbabilities = shifted - np.log(np.exp(shifted).sum())
    return normalised
