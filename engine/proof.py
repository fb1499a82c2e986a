"""What a decoder really holds, counted from its linears and not from what was asked for."""

from collections import Counter

from engine.errors import NothingQuantised
from engine.messages import Precision, Proof
from engine.model import Decoder

_METHODS = {
    Precision.BF16: "bf16 weights as published",
    Precision.INT8: "SmoothQuant: weights per channel, activations per token",
    Precision.INT4: "weight-only, groups of 32, ranges weighted by calibration",
}
_EMBEDDING = ("embedding", 1, "a table look-up, no multiplication")
_ODD_SHAPE = "its shape is no multiple of what the kernel takes at a time"


def prove(decoder: Decoder, precision: Precision) -> Proof:
    """Return the count. Raises NothingQuantised where nothing is of `precision`."""
    kinds = Counter(
        linear.weight_dtype for layer in decoder.layers for linear in layer.linears.values()
    )
    kinds[decoder.head.weight_dtype] += 1
    floats = kinds["bf16"]
    if not kinds[precision]:
        raise NothingQuantised(layers=floats, precision=precision)
    left: tuple[tuple[str, int, str], ...] = ()
    if precision is not Precision.BF16:
        norms = sum(len(layer.norms) for layer in decoder.layers) + 1
        left = (_EMBEDDING, ("norm", norms, "a handful of weights each"))
        left += (("linear", floats, _ODD_SHAPE),) if floats else ()
    return Proof(
        quantised_layers=kinds.total() - floats,
        float_layers=floats,
        weight_dtype=str(precision),
        activation_dtype="int8" if precision is Precision.INT8 else "bf16",
        method=_METHODS[precision],
        left_in_float=left,
    )
