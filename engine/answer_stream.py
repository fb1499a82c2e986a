"""The steps of an answer -> the events that a front-end sees of it."""

import time
from collections.abc import Callable

import msgspec

from engine import generate as g
from engine import messages
from engine.messages import Event

# Text is sent at most this often: a window cannot show more, and what it costs is taken from the
# cores that compute the next tokens.
_CHUNK_S = 1 / 30


class AnswerStream:
    """Sends what request `request_id` brings. dropped: messages that its prompt leaves out."""

    def __init__(self, request_id: int, dropped: int, send: Callable[[Event], None]) -> None:
        self._id = request_id
        self._dropped = dropped
        self._send = send
        self._unsent, self._sent_at = "", 0.0

    def report(self, step: g.Step) -> None:
        """Send `step`, or gather its text until some time has passed."""
        match step:
            case g.PrefillProgress(done, total):
                stage = "Reading the prompt"
                self._send(
                    messages.Progress(request_id=self._id, stage=stage, done=done, total=total)
                )
            case g.PrefillEnd(prompt_tokens, cached, speed):
                self._send(
                    messages.Prefilled(
                        request_id=self._id,
                        prompt_tokens=prompt_tokens,
                        cached_tokens=cached,
                        prefill_tokens_per_s=speed,
                        dropped_messages=self._dropped,
                    )
                )
            case g.Text():
                self._last = step
                self._unsent += step.text
                if time.perf_counter() - self._sent_at >= _CHUNK_S:
                    self._send_text()
            case g.End():
                self._end(step)

    def _send_text(self) -> None:
        """Send the text that has gathered, with the figures of its last token."""
        self._send(
            messages.Chunk(
                request_id=self._id,
                text=self._unsent,
                completion_tokens=self._last.completion_tokens,
                ttft_s=self._last.ttft_s,
                decode_tokens_per_s=self._last.decode_tokens_per_s,
                context_used=self._last.context_used,
            )
        )
        self._unsent, self._sent_at = "", time.perf_counter()

    def _end(self, end: g.End) -> None:
        if self._unsent:
            self._send_text()
        self._send(
            messages.Done(
                request_id=self._id,
                text=end.text,
                finish_reason=end.finish_reason,
                metrics=msgspec.structs.replace(end.metrics, dropped_messages=self._dropped),
                tokens=end.tokens,
            )
        )
