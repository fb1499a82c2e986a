"""A scripted engine process for the window's tests: the real protocol, no model.

What it does follows from the model's name in Load and from the last message in Generate:

    model "slow"        loads in small steps until it is stopped
    model "missing"     fails to load
    model "huge"        fits in int4 alone, and is loaded regardless
    model "mended"      had damaged packed weights
    model "fails:KIND"  fails to load with that kind of failure
    "fails:KIND"        fails to answer with it
    "... crash ..."     ends by SIGKILL after some words
    "... crash now"     ends before the first word
    "... refused"       ends as compiled code does that is refused memory
    "... stopped"       stops itself after some words, by SIGSTOP
    "... long ..."      writes until it is stopped
    "... too long ..."  fails with PromptTooLong
    "... slowly read"   reads the prompt until it is stopped
    "... html ..."      answers with markup
    "... code ..."      answers with a code block
    "... noise ..."     writes lines that are no messages in between
    "... history ..."   answers with the messages it was sent, as JSON
    "... settings ..."  answers with the settings it was sent, as JSON
    "... dropped ..."   says that the two oldest messages had no room

An answer that is to be continued goes on with " and the rest."
"""

import argparse
import json
import os
import signal
import sys
import threading
import time

import msgspec

from engine import messages
from engine.messages import Kernel, Precision, Proof

HTML = (
    '<b>bold</b> <script>alert(1)</script> <img src="file:///etc/hostname">\n\n'
    "![a cat](http://127.0.0.1:9/cat.png) and [a link](https://example.org/) "
    "and [a file](file:///etc/passwd)"
)
CODE = """Here is a loop and `inline code`:

```python
def greet(names: list[str]) -> None:
    for name in names:
        print(f"Hello, {name}! This line is long on purpose, so that it has to be wrapped.")
```

1. First
2. Second with **bold** and *italic*

| precision | memory |
|---|---|
| bf16 | 2 bytes |
| int4 | half a byte |

## A heading

> A quotation.

```
last
```"""
MENDED = "The packed weights of this model were damaged (layer-000), and were made again."
PROOF = Proof(
    quantised_layers=28,
    float_layers=2,
    weight_dtype="int4",
    activation_dtype="bfloat16",
    method="group-wise weights, 128 a group",
    left_in_float=(("lm_head", 1, "it decides the output"),),
)


class FakeWorker:
    """Answers commands in one thread while another one reads them."""

    def __init__(self, ready_after: float) -> None:
        self._ready_after = ready_after
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        self._lock = threading.Lock()
        self._stopped: set[int] = set()
        self._commands: list[messages.AnyCommand] = []
        self._arrived = threading.Condition()
        self._tokens = 0

    def send(self, event: messages.Event) -> None:
        with self._lock:
            self._out.write(messages.encode(event))

    def run(self) -> None:
        time.sleep(self._ready_after)
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._pulse, daemon=True).start()
        self.send(
            messages.Ready(protocol_version=messages.PROTOCOL_VERSION, pid=os.getpid(), versions={})
        )
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._commands)
                command = self._commands.pop(0)
            match command:
                case messages.Load():
                    self._load(command)
                case messages.Generate():
                    self._generate(command)
                case messages.Count():
                    self._count(command)
                case messages.Shutdown():
                    os._exit(0)

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            command = messages.decode_command(line)
            if isinstance(command, messages.Stop):
                self._stopped.add(command.request_id)
                continue
            with self._arrived:
                self._commands.append(command)
                self._arrived.notify()
        os._exit(0)

    def _pulse(self) -> None:
        while True:
            self.send(messages.Memory(rss_bytes=812_000_000, peak_rss_bytes=1_230_000_000))
            time.sleep(0.5)

    def _fail(self, request_id: int, kind: str, sentence: str, way_out: str) -> None:
        self.send(
            messages.Failed(request_id=request_id, kind=kind, sentence=sentence, way_out=way_out)
        )

    def _load(self, command: messages.Load) -> None:
        slow = command.model == "slow"
        if command.model == "missing":
            self._fail(
                command.request_id,
                "ModelNotFound",
                "There is no model named missing on this computer.",
                "Choose another one.",
            )
            return
        if command.model == "huge" and command.precision != "int4" and not command.regardless:
            self.send(
                messages.Failed(
                    request_id=command.request_id,
                    kind="NotEnoughMemory",
                    sentence="Loading huge in bf16 needs about 900.0 GB, and 8.0 GB is free.",
                    way_out="Choose int4, which fits.",
                    fitting=Precision.INT4,
                )
            )
            return
        if command.model.startswith("fails:"):
            kind = command.model.partition(":")[2]
            self._fail(command.request_id, kind, f"It is a case of {kind}.", "Go another way.")
            return
        steps = 2000 if slow else 3
        for step in range(steps):
            if command.request_id in self._stopped:
                self._fail(command.request_id, "Stopped", "Stopped.", "")
                return
            self.send(
                messages.Progress(
                    request_id=command.request_id, stage="Quantising", done=step, total=steps
                )
            )
            time.sleep(0.01 if slow else 0)
        self.send(_loaded(command))

    def _generate(self, command: messages.Generate) -> None:
        asked = command.messages[-1].content
        self._tokens = 0
        if asked.startswith("fails:"):
            kind = asked.partition(":")[2]
            self._fail(command.request_id, kind, f"It is a case of {kind}.", "Go another way.")
            return
        if "too long" in asked:
            self._fail(
                command.request_id,
                "PromptTooLong",
                "The conversation has 5,000 tokens, and this model's context holds 2,048.",
                "Shorten the message or start a new chat; nothing was lost.",
            )
            return
        if "refused" in asked:
            sys.stderr.write("terminate called: std::bad_alloc\n")
            sys.stderr.flush()
            os.abort()
        if "crash now" in asked:
            os.kill(os.getpid(), signal.SIGKILL)
        self.send(
            messages.Progress(
                request_id=command.request_id, stage="Reading the prompt", done=5, total=9
            )
        )
        if "slowly read" in asked:
            self._wait_for_stop(command.request_id)
            self._fail(command.request_id, "Stopped", "Stopped.", "")
            return
        self.send(
            messages.Prefilled(
                request_id=command.request_id,
                prompt_tokens=9,
                cached_tokens=0,
                prefill_tokens_per_s=345.6,
            )
        )
        self._answer(command.request_id, asked, command)

    def _wait_for_stop(self, request_id: int) -> None:
        while request_id not in self._stopped:
            time.sleep(0.01)

    def _count(self, command: messages.Count) -> None:
        """A token for each word."""
        self.send(
            messages.Counted(
                request_id=command.request_id,
                prompt_tokens=sum(len(m.content.split()) for m in command.messages),
                text_tokens=tuple(len(text.split()) for text in command.texts),
            )
        )

    def _answer(self, request_id: int, asked: str, command: messages.Generate) -> None:
        if command.continues:
            said = self._write(request_id, iter([" and", " the rest."]), 0.0)
        elif "long" in asked:
            said = self._write(request_id, (f"word{i} " for i in range(100_000)), 0.003)
        elif "crash" in asked:
            self._write(request_id, iter(["These ", "words ", "stay"]), 0.0)
            os.kill(os.getpid(), signal.SIGKILL)
        elif "stopped" in asked:
            said = self._write(request_id, iter(["Before "]), 0.0)
            os.kill(os.getpid(), signal.SIGSTOP)
            said += self._write(request_id, iter(["and after."]), 0.0)
        elif "html" in asked:
            said = self._write(request_id, iter([HTML]), 0.0)
        elif "code" in asked:
            said = self._write(request_id, iter([CODE]), 0.0)
        elif "history" in asked:
            sent = [[m.role, m.content] for m in command.messages]
            said = self._write(request_id, iter([json.dumps(sent)]), 0.0)
        elif "settings" in asked:
            sent = msgspec.to_builtins(command.sampling) | {"overflow": command.overflow}
            said = self._write(request_id, iter([json.dumps(sent)]), 0.0)
        else:
            if "noise" in asked:
                with self._lock:
                    self._out.write(b'Warning: not a message\n\xff\xfe{"type":"Chunk"}\n\n[1]\n')
            said = self._write(request_id, iter(["You said: ", asked, "."]), 0.0)
        stopped = request_id in self._stopped
        self.send(
            messages.Done(
                request_id=request_id,
                text=said,
                finish_reason="stopped" if stopped else "end",
                metrics=_metrics(self._tokens, dropped=2 if "dropped" in asked else 0),
            )
        )

    def _write(self, request_id: int, parts: "object", pause: float) -> str:
        said = ""
        for part in parts:
            if request_id in self._stopped:
                break
            said += part
            self._tokens += 1
            self.send(
                messages.Chunk(
                    request_id=request_id,
                    text=part,
                    completion_tokens=self._tokens,
                    ttft_s=0.085,
                    decode_tokens_per_s=23.4,
                    context_used=9 + self._tokens,
                )
            )
            time.sleep(pause)
        return said


def _loaded(command: messages.Load) -> messages.Loaded:
    is_demo = command.model == "demo"
    return messages.Loaded(
        request_id=command.request_id,
        model=command.model,
        title="Tern demo (a toy)" if is_demo else command.model,
        is_demo=is_demo,
        precision=Precision(command.precision),
        kernel=Kernel.IPEX if command.kernel == "ipex" else Kernel.NATIVE,
        isa="AVX512_VNNI",
        why="native was asked for",
        threads=command.threads or 8,
        context_length=command.context_length or 2048,
        max_context=32768,
        generation_defaults=messages.SamplingSettings(temperature=0.6, top_p=0.95),
        parameters=1_000_000,
        weight_bytes=2_000_000,
        kv_bytes_per_token=1024,
        load_s=0.03,
        proof=PROOF,
        remarks=(MENDED,) if command.model == "mended" else (),
    )


def _metrics(tokens: int, dropped: int = 0) -> messages.Metrics:
    return messages.Metrics(
        prompt_tokens=9,
        cached_tokens=0,
        completion_tokens=tokens,
        ttft_s=0.085,
        prefill_s=0.03,
        prefill_tokens_per_s=345.6,
        decode_tokens_per_s=23.4,
        token_ms_p50=40.0,
        token_ms_p95=44.0,
        context_used=9 + tokens,
        context_length=2048,
        peak_rss_bytes=1_230_000_000,
        dropped_messages=dropped,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready-after", type=float, default=0.0)
    FakeWorker(parser.parse_args().ready_after).run()
