"""An engine process without a model: speaks the protocol, and does what a word in the prompt says.

SLOW goes on until it is stopped, DEAF ignores even that, CRASH dies after two pieces, BUG and
BADSETTING fail so, SILENT answers nothing, ESCAPE answers with terminal sequences; anything else
is answered with what was said. Kernel "ipex" fails to load; context length 13 takes for ever,
14 dies, 15 does not fit into memory. Its process ids are kept in TERN_HOME/pids.
"""

import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

from engine import messages as m

stopped: set[int] = set()
commands: queue.Queue = queue.Queue()
cache: list[str] = []


def send(event):
    sys.stdout.buffer.write(m.encode(event))
    sys.stdout.buffer.flush()


def read():
    for line in sys.stdin.buffer:
        command = m.decode_command(line)
        if isinstance(command, m.Stop):
            stopped.add(command.request_id)
        else:
            commands.put(command)
    os._exit(0)


def fail(command, kind, sentence="It failed.", way_out="Do otherwise."):
    send(m.Failed(request_id=command.request_id, kind=kind, sentence=sentence, way_out=way_out))


def wait_for_stop(command):
    while command.request_id not in stopped:
        send(m.Progress(request_id=command.request_id, stage="Working", done=1, total=3))
        time.sleep(0.02)
    fail(command, "Stopped")


def load(command):
    if command.kernel == "ipex":
        fail(command, "KernelUnavailable", "IPEX cannot\nserve it.", "Use native.")
    elif command.context_length == 13:
        wait_for_stop(command)
    elif command.context_length == 14:
        os.kill(os.getpid(), signal.SIGKILL)
    elif command.context_length == 15 and not command.regardless:
        fail(command, "NotEnoughMemory", "It needs 9 GB, and 8 GB is free.", "Choose int4.")
    else:
        send(m.Progress(request_id=command.request_id, stage="Reading", done=1, total=2))
        send(loaded(command))
        send(m.Memory(rss_bytes=2**28, peak_rss_bytes=2**29))


def loaded(command):
    return m.Loaded(
        request_id=command.request_id,
        model=command.model,
        title="Fake",
        is_demo=True,
        precision=command.precision,
        kernel=m.Kernel.NATIVE,
        isa="AVX2",
        why="it is fake",
        threads=2,
        context_length=command.context_length or 1024,
        parameters=1000,
        weight_bytes=2000,
        kv_bytes_per_token=16,
        load_s=0.25,
        proof=m.Proof(
            quantised_layers=0,
            float_layers=4,
            weight_dtype="bf16",
            activation_dtype="bf16",
            method="none",
        ),
    )


def generate(command):
    words = (command.prompt or " ".join(t.content for t in command.messages)).split()
    text = command.messages[-1].content if command.messages else command.prompt
    if "BUG" in words:
        return fail(command, "Bug", "A fault (KeyError).", "See the log.")
    if "BADSETTING" in words:
        return fail(command, "BadSetting")
    pieces = ["You ", "said ", f"{text!r} ", f"after {len(command.messages)} turns."]
    if command.ignore_end:
        pieces = ["word "] * command.sampling.max_new_tokens
    if "ESCAPE" in words:
        pieces = ["safe\x1b]0;owned\x07", "\x1b[2J\x9b31m", "\ttab\nline\r\x08\x7f"]
    if "SILENT" in words:
        pieces = []
    if "PERCENT" in words:
        pieces = ["ä" * 1000 + "\n"] * 200
    answer(command, words, text, pieces)


def answer(command, words, text, pieces):
    spoken = ""
    count = 0
    reason = "end"
    while pieces or "SLOW" in text or "DEAF" in text:
        if command.request_id in stopped and "DEAF" not in text:
            reason = "stopped"
            break
        if "CRASH" in text and count == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        piece = pieces.pop(0) if pieces else "on "
        spoken += piece
        count += 1
        send(
            m.Chunk(
                request_id=command.request_id,
                text=piece,
                completion_tokens=count,
                ttft_s=0.1,
                decode_tokens_per_s=50.0,
                context_used=count,
            )
        )
        time.sleep(0.001)
    send(
        m.Done(
            request_id=command.request_id,
            text=spoken,
            finish_reason=reason,
            metrics=metrics(words, count),
        )
    )


def metrics(words, count):
    tokens = len(words) + len(words) // 7  # some words are two tokens
    cached = next((i for i, (a, b) in enumerate(zip(words, cache, strict=False)) if a != b), 0)
    cache[:] = words
    return m.Metrics(
        prompt_tokens=tokens,
        cached_tokens=cached,
        completion_tokens=count,
        ttft_s=0.1,
        prefill_s=0.1,
        prefill_tokens_per_s=tokens / 0.1,
        decode_tokens_per_s=50.0,
        token_ms_p50=20.0,
        token_ms_p95=30.0,
        context_used=tokens + count,
        context_length=1024,
        peak_rss_bytes=2**29,
    )


def score(command):
    if "SLOW" in command.text:
        wait_for_stop(command)
        return
    tokens = min(len(command.text.split()), command.max_tokens or 10**9)
    event = m.Scored(
        request_id=command.request_id,
        perplexity=7.5,
        nats_per_token=2.0149,
        tokens=tokens,
        window=512,
    )
    send(event)


def main():
    with (Path(os.environ["TERN_HOME"]) / "pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    threading.Thread(target=read, daemon=True).start()
    version = m.PROTOCOL_VERSION + ("old" in sys.argv)
    send(m.Ready(protocol_version=version, pid=os.getpid(), versions={"torch": "0"}))
    serve = {m.Load: load, m.Generate: generate, m.Score: score}
    while not isinstance(command := commands.get(), m.Shutdown):
        serve[type(command)](command)


main()
