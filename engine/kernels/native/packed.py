"""Linears over weights that are ready: in the core's own layout, or bf16 as published.

A packed linear is one array of bytes, named by its format: {"int4": uint8 [bytes]}. A head may come
in two halves, {"int4_high": uint8 [bytes], "int4_low": uint8 [bytes]}, of which a token needs the
second only in part.
"""

from collections.abc import Mapping

import numpy as np

from engine.kernels.base import core_layout
from engine.kernels.native import _core
from engine.kernels.native.decoder import PackedLinear
from engine.messages import Precision
from engine.tensor_file import BF16, Array

_FORMATS = {
    "bf16": _core.Format.Bf16,
    "int8": _core.Format.Int8,
    "int4": _core.Format.Int4,
    "int4_high": _core.Format.Int4High,
}


def layout(precision: Precision) -> str:
    """Return the name of the packed layout of `precision`; the same on every CPU."""
    return core_layout(precision, _core.layout_name())


def linear(arrays: Mapping[str, Array], shape: tuple[int, int], bias: Array | None) -> PackedLinear:
    """Return the linear over packed `arrays`; shape: (out_features, in_features).

    Raises KeyError where none of the formats is among them.
    """
    name = next((name for name in _FORMATS if name in arrays), None)
    if name is None:
        raise KeyError("no packed weights")
    return PackedLinear(_FORMATS[name], *shape, arrays[name], _floats(bias))


def published(weight: Array, bias: Array | None) -> PackedLinear:
    """Return the linear over a checkpoint's own weights, not copied where they are bf16."""
    rows, columns = weight.shape
    bits = weight.astype(BF16, copy=False).view(np.uint8).reshape(-1)
    return PackedLinear(_core.Format.Bf16Rows, rows, columns, bits, _floats(bias))


def _floats(bias: Array | None) -> Array | None:
    return None if bias is None else bias.astype(np.float32, copy=False)
