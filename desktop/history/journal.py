"""Answers while they are made: written twice a second, marked where they end too early."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from desktop.history import tree
from desktop.history.database import Database
from desktop.history.processes import is_alive, this_process
from desktop.history.records import Message, MessageState
from desktop.history.texts import clean
from engine.errors import AnswerStillGrowing
from engine.messages import FinishReason, Kernel, Metrics, Precision

# Seconds between two writes: a little less than between two of the engine's pulses, which bring the
# text here, so that each is written and a kill takes half a second's words.
INTERVAL = 0.4


@dataclass
class _Growth:
    """An answer of this process as it is to be written, and when it was last."""

    text: str
    written_at: float
    is_written: bool = True
    state: MessageState = "growing"
    finish_reason: FinishReason | None = None
    metrics: Metrics | None = None


class Journal:
    """Writes growing answers down. clock: in seconds, never goes back."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._writer = this_process()
        self._growing: dict[int, _Growth] = {}

    def begin_answer(
        self,
        parent: int,
        *,
        model: str,
        precision: Precision | None = None,
        kernel: Kernel | None = None,
    ) -> Message:
        """Add a growing answer below the question `parent`, beside its other answers; select it.

        Raises ChatGone where the question was deleted.
        """
        with self._database.writing() as connection:
            question = tree.find(connection, parent)
            tree.touch(connection, question["chat"])
            made = tree.insert(
                connection,
                question["chat"],
                parent,
                role="assistant",
                content="",
                state="growing",
                model=model,
                precision=precision,
                kernel=kernel,
                writer=self._writer,
            )
            answer = tree.read(connection, made)
        self._growing[made] = _Growth("", self._clock())
        return answer

    def continue_answer(self, message: int) -> Message:
        """Let an answer that ended grow again after the text that it has.

        Raises ChatGone where it was deleted, AnswerStillGrowing where it has not ended.
        """
        with self._database.writing() as connection:
            row = tree.find(connection, message)
            if row["state"] == "growing" and is_alive(row["writer"]):
                raise AnswerStillGrowing()
            tree.touch(connection, row["chat"])
            tree.select(connection, message)
            connection.execute(
                "UPDATE message SET state = 'growing', writer = ? WHERE id = ?",
                (self._writer, message),
            )
            answer = tree.read(connection, message)
        self._growing[message] = _Growth(answer.content, self._clock())
        return answer

    def grow(self, message: int, text: str) -> None:
        """Take note of the answer's whole text so far, and write it down where it is time.

        Costs nothing where it is not yet time. Raises what a write may raise (HistoryBusy,
        HistoryUnwritable, …); the text is kept here and tried again half a second later.
        """
        growth = self._growing[message]
        growth.text = text
        growth.is_written = False
        self._write_if_due(message, growth)

    def flush_due(self) -> None:
        """Write what has waited for its time: to be called twice a second, by the engine's pulse.

        Without it the last words before a long pause would wait for the next ones, and what a
        full disk refused would not be tried again. Raises as `grow` does.
        """
        for message, growth in list(self._growing.items()):
            if not growth.is_written:
                self._write_if_due(message, growth)

    def end_answer(
        self,
        message: int,
        text: str,
        state: MessageState,
        *,
        finish_reason: FinishReason | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """Write the answer's whole text and how it ended: whole, partial or failed.

        An answer that was deleted meanwhile stays deleted. Raises as `grow` does.
        """
        growth = self._growing[message]
        growth.text, growth.state = text, state
        growth.finish_reason, growth.metrics = finish_reason, metrics
        growth.is_written = False
        self._write(message, growth)

    def end_all(self) -> None:
        """End what still grows here as partial: the window closes."""
        for message, growth in list(self._growing.items()):
            growth.state = "partial" if growth.state == "growing" else growth.state
            self._write(message, growth)

    def recover(self) -> None:
        """Mark as partial what a process that is gone left growing."""
        query = "SELECT DISTINCT writer FROM message WHERE state = 'growing'"
        gone = [row["writer"] for row in self._database.rows(query) if not is_alive(row["writer"])]
        if not gone:
            return
        with self._database.writing() as connection:
            # The writer stays noted: were it alive after all, its answer could still end whole.
            connection.executemany(
                "UPDATE message SET state = 'partial' WHERE state = 'growing' AND writer = ?",
                [(writer,) for writer in gone],
            )

    def _write_if_due(self, message: int, growth: _Growth) -> None:
        if self._clock() - growth.written_at >= INTERVAL:
            self._write(message, growth)

    def _write(self, message: int, growth: _Growth) -> None:
        growth.written_at = (
            self._clock()
        )  # before it may fail: a full disk is not asked at once again
        ended = growth.state != "growing"
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE message SET content = ?, state = ?, finish_reason = ?, metrics = ?,"
                " writer = ? WHERE id = ? AND writer = ?",
                (
                    clean(growth.text),
                    growth.state,
                    growth.finish_reason,
                    tree.as_text(growth.metrics) if growth.metrics else None,
                    None if ended else self._writer,
                    message,
                    self._writer,
                ),
            )
        growth.is_written = True
        if ended:
            del self._growing[message]
