"""The engine process: commands on stdin -> events on stdout.

The main thread loads and generates (oneDNN's caches are per thread, so it is always the same
one); a reader thread takes commands, so that Stop arrives in mid-answer; a third sends the
memory figures twice a second. When stdin ends, the front-end is gone, and so is this process.
"""

import contextlib
import faulthandler
import functools
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TypeAlias

import msgspec

from engine import messages
from engine.errors import FailedApart, NoModelLoaded, Stopped, TernError, showable
from engine.hardware import Cpu, read_cpu
from engine.logs import TextlessFormatter
from engine.messages import (
    AnyCommand,
    Count,
    Event,
    Failed,
    Force,
    Generate,
    Load,
    Precision,
    Quantise,
    Score,
    Shutdown,
    Stop,
)
from engine.network import refuse_all
from engine.network_filter import deny_internet

if TYPE_CHECKING:
    from engine.assembly import OnProgress
    from engine.context import Fitted
    from engine.loader import LoadedModel, LoadRequest

_Request: TypeAlias = Load | Quantise | Generate | Count | Score | Force

_PULSE_S = 0.5
_log = logging.getLogger("engine.worker")


class Worker:
    """Executes commands one after another; holds the loaded model and the stop flags."""

    def __init__(self, commands: BinaryIO, events: BinaryIO) -> None:
        self._commands = commands
        self._events = events
        self._send_lock = threading.Lock()
        self._queue: queue.Queue[AnyCommand] = queue.Queue()
        self._stopped: set[int] = set()
        self._work: Mapping[type[AnyCommand], Callable[[Any], None]] = {
            Load: self._load,
            Quantise: self._quantise,
            Generate: self._generate,
            Count: self._count,
            Score: self._score,
            Force: self._force,
        }
        # Now, as torch's OpenMP binds this thread to one core, and the rest would seem to be gone.
        self._cpu = read_cpu()
        self._loaded: LoadedModel | None = None
        self._load_command: Load | None = None

    def run(self) -> None:
        """Serve until Shutdown or the end of stdin."""
        self._send(
            messages.Ready(
                protocol_version=messages.PROTOCOL_VERSION,
                pid=os.getpid(),
                versions=_versions(),
            )
        )
        # Started before torch may bind this thread to a core: they would inherit the binding.
        for target in (self._read, self._pulse):
            threading.Thread(target=target, daemon=True, name=target.__name__).start()
        while not isinstance(command := self._queue.get(), Shutdown):
            self._execute(command)

    def _read(self) -> None:
        for line in self._commands:
            try:
                command = messages.decode_command(line)
            except msgspec.DecodeError:  # whose words, like the line, may be the person's
                _log.error("a line of %d bytes is not a command", len(line))
                continue
            if isinstance(command, Stop):
                self._stopped.add(command.request_id)
            else:
                self._queue.put(command)
        _end()  # the front-end closed the pipe or died: nobody is left to answer

    def _pulse(self) -> None:
        from engine.telemetry import memory

        while True:
            now, peak = memory()
            self._send(messages.Memory(rss_bytes=now, peak_rss_bytes=peak))
            time.sleep(_PULSE_S)

    def _send(self, event: Event) -> None:
        # A closed pipe means the front-end is gone; the reader thread notices too and ends us.
        with self._send_lock, contextlib.suppress(OSError):
            self._events.write(messages.encode(event))
            self._events.flush()

    def _execute(self, command: AnyCommand) -> None:
        assert isinstance(command, _Request)
        try:
            self._work[type(command)](command)
        except Stopped:
            self._fail(command, "Stopped", "Stopped as you asked.", "")
        except TernError as error:
            # What reads a prompt may say some of it; what loads a model says what is in the way.
            facts = error.facts if isinstance(command, Load | Quantise) else {}
            _log.warning("%s failed: %s %s", type(command).__name__, error.kind, facts)
            self._fail(command, error.kind, error.said, error.advice, error.facts.get("fitting"))
        except FailedApart as error:  # the other process has logged it
            self._fail(command, error.kind, error.said, error.advice)
        except MemoryError:
            self._no_memory(command)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # a compiled library's panic is no Exception
            if "can't allocate memory" in str(error):  # torch's DefaultCPUAllocator
                self._no_memory(command)
                return
            _log.exception("while executing %s", type(command).__name__)
            sentence = f"The engine met a fault of its own ({type(error).__name__}: {error})."
            self._fail(command, "Bug", sentence, "Its log has the details; try again.")

    def _fail(
        self, command: _Request, kind: str, sentence: str, way_out: str, fitting: object = None
    ) -> None:
        self._send(
            Failed(
                request_id=command.request_id,
                kind=kind,
                sentence=showable(sentence),
                way_out=way_out,
                fitting=fitting if isinstance(fitting, Precision) else None,
            )
        )

    def _no_memory(self, command: _Request) -> None:
        """Say that memory was refused, with figures where there is still memory to find them."""
        sentence, fitting = "Memory ran out.", None
        advice = "Choose a lower precision, a smaller model or a shorter context."
        with contextlib.suppress(Exception):
            from engine.paths import Paths
            from engine.shortage import room_of, shortage

            load = command if isinstance(command, Load) else self._load_command
            short = load and shortage(load, room_of(os.getpid()), Paths.default())
            if short:
                sentence, advice = f"Memory ran out: {short.figures}.", short.advice
                fitting = short.lower
        self._fail(command, "NotEnoughMemory", sentence, advice, fitting)

    def _check_stop(self, request_id: int) -> None:
        if request_id in self._stopped:
            raise Stopped

    def _load(self, command: Load) -> None:
        start = time.perf_counter()
        from engine.loader import load
        from engine.models import resolve
        from engine.quantise_apart import PackingWatch
        from engine.sampling import recommended
        from engine.store.packed import disk_bytes

        self._loaded = None  # its memory is needed before the next model comes
        self._load_command = command
        local = resolve(command.model)
        cpu = self._cpu.with_threads(command.threads or self._remembered(command, local.folder))
        request = self._request(command, local.folder, cpu, command.context_length)
        with PackingWatch(request.paths) as packing:
            loaded = load(request, self._teller(command.request_id), packing.quantise)
        self._loaded = loaded
        self._send(
            messages.Loaded(
                request_id=command.request_id,
                model=command.model,
                title=local.title,
                is_demo=local.is_demo,
                precision=loaded.precision,
                kernel=loaded.choice.kernel,
                isa=loaded.isa,
                why=loaded.choice.why,
                threads=cpu.threads,
                context_length=loaded.model.context_length,
                parameters=loaded.config.parameters,
                weight_bytes=loaded.weight_bytes,
                kv_bytes_per_token=loaded.kv_bytes_per_token,
                load_s=time.perf_counter() - start,
                proof=loaded.proof,
                max_context=loaded.config.max_context,
                generation_defaults=recommended(loaded.generation_defaults),
                packing_peak_bytes=packing.peak_bytes,
                disk_bytes=disk_bytes(
                    request.paths.packed, local.folder, loaded.precision, loaded.choice.kernel
                ),
                remarks=loaded.remarks,
            )
        )

    def _remembered(self, command: Load, folder: Path) -> int | None:
        """Return how many threads were measured to be best for this model, as far as there are."""
        from engine.paths import Paths
        from engine.settings import SettingsFile, threads_key
        from engine.store.hub_cache import identity

        key = threads_key(identity(folder), command.precision, command.kernel)
        threads = SettingsFile.of(Paths.default()).value.threads.get(key)
        return threads if threads in range(1, self._cpu.logical + 1) else None

    def _quantise(self, command: Quantise) -> None:
        from engine.loader import quantise_here
        from engine.telemetry import memory

        request = self._request(command, Path(command.folder), self._cpu)
        quantise_here(request, self._teller(command.request_id))
        self._send(messages.Quantised(request_id=command.request_id, peak_rss_bytes=memory()[1]))

    def _request(
        self,
        command: Load | Quantise,
        folder: Path,
        cpu: Cpu,
        context_length: int | None = None,
    ) -> "LoadRequest":
        from engine.loader import LoadRequest
        from engine.paths import Paths

        return LoadRequest(
            folder,
            command.precision,
            command.kernel,
            context_length,
            Paths.default(),
            cpu,
            command.quantisation,
            isinstance(command, Load) and command.regardless,
            isinstance(command, Load) and command.float32,
        )

    def _teller(self, request_id: int) -> "OnProgress":
        """Return what tells the progress of a request, and raises Stopped once it is to stop."""

        def on_progress(stage: str, done: int, total: int) -> None:
            self._check_stop(request_id)
            self._progress(request_id, stage, done, total)

        return on_progress

    def _progress(self, request_id: int, stage: str, done: int, total: int) -> None:
        self._send(messages.Progress(request_id=request_id, stage=stage, done=done, total=total))

    def _model(self) -> "LoadedModel":
        if self._loaded is None:
            raise NoModelLoaded()
        return self._loaded

    def _generate(self, command: Generate) -> None:
        from engine.answer_stream import AnswerStream
        from engine.generate import generate

        loaded = self._model()
        prompt = self._prompt(command, loaded)
        stream = AnswerStream(command.request_id, prompt.dropped, self._send)
        for step in generate(
            loaded.model,
            loaded.tokenizer,
            prompt.ids,
            command.sampling,
            lambda: command.request_id in self._stopped,
            loaded.generation_defaults,
            command.ignore_end,
            command.continues,
        ):
            stream.report(step)

    def _prompt(self, command: Generate, loaded: "LoadedModel") -> "Fitted":
        from engine.context import Fitted, fit

        if not command.messages:
            return Fitted(loaded.tokenizer.encode(command.prompt))
        return fit(
            command.messages,
            functools.partial(loaded.tokenizer.encode_chat, continues=command.continues),
            loaded.model.context_length,
            command.overflow,
            command.sampling.max_new_tokens,
        )

    def _count(self, command: Count) -> None:
        tokenizer = self._model().tokenizer
        prompt = tokenizer.encode_chat(command.messages) if command.messages else []
        self._send(
            messages.Counted(
                request_id=command.request_id,
                prompt_tokens=len(prompt),
                text_tokens=tuple(len(tokenizer.encode(text)) for text in command.texts),
            )
        )

    def _score(self, command: Score) -> None:
        from engine.quality import perplexity

        loaded = self._model()
        ids = loaded.tokenizer.encode(command.text)[: command.max_tokens]

        on_progress = functools.partial(self._teller(command.request_id), "Scoring")
        result = perplexity(loaded.model, ids, command.context_length, on_progress)
        self._send(
            messages.Scored(
                request_id=command.request_id,
                perplexity=result.perplexity,
                nats_per_token=result.nats_per_token,
                tokens=result.tokens,
                window=result.window,
            )
        )

    def _force(self, command: Force) -> None:
        from engine.forcing import Lesson, force
        from engine.kept_logits import kept_file
        from engine.paths import Paths

        loaded, folder = self._model(), Paths.default().lab
        tokenizer = loaded.tokenizer
        lesson = Lesson(
            tokenizer.encode_chat(command.messages)
            if command.messages
            else tokenizer.encode(command.prompt),
            command.answer,
            kept_file(folder, command.keep) if command.keep else None,
            kept_file(folder, command.reference) if command.reference else None,
        )
        on_token = functools.partial(self._teller(command.request_id), "Comparing")
        tokens = force(loaded.model, tokenizer, lesson, on_token)
        self._send(messages.Forced(request_id=command.request_id, tokens=tokens))


def _versions() -> dict[str, str]:
    names = ("tern-chat", "torch", "transformers", "intel-extension-for-pytorch")
    found = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _end() -> NoReturn:
    """End the process at once: the interpreter's own way out trips over a thread that reads."""
    logging.shutdown()
    os._exit(0)


def main() -> NoReturn:
    """Serve on stdin and stdout, then end the process.

    The protocol takes a copy of fd 1, and fd 1 becomes stderr, so that a library's print lands
    in the log and cannot corrupt the stream. What runs here has no business on the network.
    """
    refuse_all()
    # Where a signal ends the process, the log says what it was doing.
    faulthandler.enable()
    handler = logging.StreamHandler()
    handler.setFormatter(TextlessFormatter())
    logging.basicConfig(handlers=[handler])
    deny_internet()
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    Worker(sys.stdin.buffer, events).run()
    _end()


if __name__ == "__main__":
    main()
