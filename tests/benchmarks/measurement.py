"""What is asked of either engine, and what it reports: computed in the same way by both."""

import msgspec


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one engine process, in tokens/s, seconds and bytes.

    load_s: from a process whose imports are done until it can take a prompt, weights packed and
    in the page cache. Prefill: prompt tokens over the time until their logits are there, from an
    empty KV cache. ttft_s: from the request of 128 tokens to its first token. Decode: (n - 1) over
    the time from the first token to the last, after 128 and after 4,096 tokens of context.
    peak_rss_bytes: VmHWM of the process that holds the model, before the long context.
    """

    load_s: float
    prefill_128_tokens_per_s: float
    prefill_512_tokens_per_s: float
    ttft_s: float
    decode_tokens_per_s: float
    peak_rss_bytes: float
    decode_4096_tokens_per_s: float | None = None


FIGURES = (
    "decode_tokens_per_s",
    "prefill_128_tokens_per_s",
    "prefill_512_tokens_per_s",
    "ttft_s",
    "peak_rss_bytes",
    "load_s",
    "decode_4096_tokens_per_s",
)
