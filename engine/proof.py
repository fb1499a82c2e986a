"""What a decoder really holds, counted from its linears and not from what was asked for."""

from collections import Counter

from engine.assembly import NativeModel
from engine.errors import NothingQuantised
from engine.messages import Kernel, Precision, Proof

_METHODS = {
    Precision.BF16: "bf16 weights as published",
    Precision.INT8: "SmoothQuant: weights per channel, activations per token",
    Precision.INT4: "groups of 32, corrected on a calibration text (GPTQ)",
}
_ROUGH_HEAD = "; head in int4, its 128 likeliest logits from the published weights"
# What activations are rounded to on the way into a multiplication.
_ACTIVATIONS = {
    (Precision.INT8, Kernel.NATIVE): "int8",
    (Precision.INT8, Kernel.TORCH): "int8",
    (Precision.INT4, Kernel.NATIVE): "int8",
}
_EMBEDDING = ("embedding", 1, "a table look-up, no multiplication")
_UNFIT = "an odd shape, or a weight far above the others of its row"


def prove(decoder: NativeModel, precision: Precision, kernel: Kernel) -> Proof:
    """Return the count. Raises NothingQuantised where nothing is of `precision`."""
    kinds = Counter(
        linear.weight_dtype for layer in decoder.layers for linear in layer.linears.values()
    )
    kinds[decoder.head.weight_dtype] += 1
    floats = kinds["bf16"]
    if not kinds[precision]:
        raise NothingQuantised(layers=floats, precision=precision)
    is_rough = kernel is Kernel.NATIVE and decoder.head.weight_dtype == "int4"
    left: tuple[tuple[str, int, str], ...] = ()
    if precision is not Precision.BF16:
        norms = sum(len(layer.norms) for layer in decoder.layers) + 1
        left = (_EMBEDDING, ("norm", norms, "a handful of weights each"))
        left += (("linear", floats, _UNFIT),) if floats else ()
    return Proof(
        quantised_layers=kinds.total() - floats,
        float_layers=floats,
        weight_dtype=str(precision),
        activation_dtype=_ACTIVATIONS.get((precision, kernel), "bf16"),
        method=_METHODS[precision] + _ROUGH_HEAD * is_rough,
        left_in_float=left,
    )
