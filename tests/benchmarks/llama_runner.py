"""llama.cpp in a process of its own: `llama_runner.py REQUEST`, the answer is the last line.

REQUEST is a JSON object: `task` names a function of this file, the rest are its arguments. Run as
a script that imports nothing of Tern, so that its memory is llama.cpp's alone. Of llama.cpp it
uses the C API, with the defaults of a user: mapped files, repacked weights, flash attention "auto".
"""

import ctypes
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import numpy.typing as npt

_BATCH = 512  # tokens a call of llama_decode takes
_WARM_UP_TOKENS = 8


class LlamaModel:
    """A model and its context.

    Raises RuntimeError where llama.cpp cannot load the file or compute a batch.
    """

    def __init__(self, path: str, context: int, threads: int) -> None:
        self._model = llama_cpp.llama_model_load_from_file(
            path.encode(), llama_cpp.llama_model_default_params()
        )
        if not self._model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = context
        params.n_batch = _BATCH
        params.n_threads = params.n_threads_batch = threads
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        if not self._context:
            raise RuntimeError("llama.cpp cannot make a context")
        vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._vocab_size = llama_cpp.llama_vocab_n_tokens(vocabulary)

    def clear(self) -> None:
        """Empty the KV cache."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), False)

    def extend(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Append `ids` to the context; return the last one's logits [vocab], valid until the next.

        Waits for them: llama_get_logits_ith synchronises.
        """
        for start in range(0, len(ids), _BATCH):
            block = ids[start : start + _BATCH]
            tokens = (llama_cpp.llama_token * len(block))(*block)
            code = llama_cpp.llama_decode(
                self._context, llama_cpp.llama_batch_get_one(tokens, len(block))
            )
            if code:
                raise RuntimeError(f"llama_decode returned {code}")
        logits = llama_cpp.llama_get_logits_ith(self._context, -1)
        return np.ctypeslib.as_array(logits, (self._vocab_size,))

    def reply(self, prompt: Sequence[int], new_tokens: int) -> dict[str, float]:
        """Answer `prompt` greedily, from an empty cache, with exactly `new_tokens` tokens."""
        self.clear()
        begin = time.perf_counter()
        logits = self.extend(prompt)
        prefilled = time.perf_counter()
        times = list(self._greedy(logits, new_tokens))
        return {
            "prefill_tokens_per_s": len(prompt) / (prefilled - begin),
            "ttft_s": times[0] - begin,
            "decode_tokens_per_s": (new_tokens - 1) / max(times[-1] - times[0], 1e-9),
        }

    def _greedy(self, logits: npt.NDArray[np.float32], new_tokens: int) -> Iterator[float]:
        """Yield the time at which each token is drawn."""
        for count in range(1, new_tokens + 1):
            token = int(logits.argmax())
            yield time.perf_counter()
            if count < new_tokens:
                logits = self.extend([token])


def measure(
    *,
    path: str,
    context: int,
    threads: int,
    warm_up: list[int],
    prompt_128: list[int],
    prompt_512: list[int],
    prompt_4096: list[int] | None,
    new_tokens: int,
) -> dict[str, float]:
    """Return a `Measurement` as a dictionary."""
    begin = time.perf_counter()
    model = LlamaModel(path, context, threads)
    load_s = time.perf_counter() - begin
    model.reply(warm_up, _WARM_UP_TOKENS)
    short, long = model.reply(prompt_128, new_tokens), model.reply(prompt_512, 1)
    figures = {
        "load_s": load_s,
        "prefill_128_tokens_per_s": short["prefill_tokens_per_s"],
        "prefill_512_tokens_per_s": long["prefill_tokens_per_s"],
        "ttft_s": short["ttft_s"],
        "decode_tokens_per_s": short["decode_tokens_per_s"],
        "peak_rss_bytes": _peak_rss(),
    }
    if prompt_4096:
        reply = model.reply(prompt_4096, new_tokens)
        figures["decode_4096_tokens_per_s"] = reply["decode_tokens_per_s"]
    return figures


def logits(*, path: str, threads: int, prompt: list[int], output: str) -> None:
    """Write the logits that follow `prompt`, float32 [vocab], to `output` (.npy)."""
    np.save(output, LlamaModel(path, 512, threads).extend(prompt))


def quantise(*, source: str, target: str, file_type: str) -> None:
    """Write `source` in `file_type` ("Q8_0", "Q4_0") to `target`, as llama-quantize does."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{file_type}")
    params.nthread = 0
    code = llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params))
    if code:
        raise RuntimeError(f"llama_model_quantize returned {code}")


def describe() -> dict[str, str]:
    """Return the version and what the build was compiled for."""
    info = llama_cpp.llama_print_system_info().decode()
    return {"version": llama_cpp.__version__, "system_info": info}


def _peak_rss() -> int:
    """Return VmHWM of this process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


_TASKS: dict[str, Callable[..., object]] = {
    task.__name__: task for task in (measure, logits, quantise, describe)
}


def main() -> None:
    """Do the task named on the command line."""
    request: dict[str, Any] = json.loads(sys.argv[1])
    task = _TASKS[request.pop("task")]
    llama_cpp.llama_backend_init()
    print(json.dumps(task(**request)))


if __name__ == "__main__":
    main()
