"""Rounded weights in the core's own layout: what it multiplies by, and what is kept on disk.

A packed linear is one tensor of bytes, named by its format: {"int4": uint8 [bytes]}.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.kernels.native import _core
from engine.kernels.native.decoder import PackedLinear
from engine.messages import Precision
from engine.quantize.groupwise import GroupwiseInt4
from engine.quantize.layers import Rounded
from engine.quantize.smoothquant import ChannelwiseInt8

_HEADS = "rough-head"  # an int4 model's head is int4, too; it was int8 once
_FORMATS = {"bf16": _core.Format.Bf16, "int8": _core.Format.Int8, "int4": _core.Format.Int4}


def layout(precision: Precision) -> str:
    """Return the name of the packed layout of `precision`; the same on every CPU."""
    return f"{precision}-{_core.layout_name()}-{_HEADS}"


def pack(weights: Rounded) -> Mapping[str, Tensor]:
    """Return `weights` packed: {format: uint8 [bytes]}."""
    if isinstance(weights, GroupwiseInt4):
        scales = weights.scales.view(torch.uint16)
        return {"int4": _bytes(_core.pack_int4(weights.codes.numpy(), scales.numpy()))}
    if isinstance(weights, ChannelwiseInt8):
        return {"int8": _bytes(_core.pack_int8(weights.codes.numpy(), weights.scales.numpy()))}
    bits = weights.bfloat16().contiguous().view(torch.uint16)
    return {"bf16": _bytes(_core.pack_bf16(bits.numpy()))}


def linear(
    tensors: Mapping[str, Tensor], shape: tuple[int, int], bias: Tensor | None
) -> PackedLinear:
    """Return the linear over packed `tensors`; shape: (out_features, in_features).

    Raises KeyError where none of the formats is among them.
    """
    name = next((name for name in _FORMATS if name in tensors), None)
    if name is None:
        raise KeyError("no packed weights")
    return PackedLinear(
        _FORMATS[name], *shape, tensors[name], None if bias is None else bias.float().contiguous()
    )


def published(weight: Tensor, bias: Tensor | None) -> PackedLinear:
    """Return the linear over bf16 weights as a checkpoint holds them, not copied."""
    rows, columns = weight.shape
    bits = weight.bfloat16().contiguous().view(torch.uint8).flatten()
    return PackedLinear(
        _core.Format.Bf16Rows, rows, columns, bits, None if bias is None else bias.float()
    )


def _bytes(packed: object) -> Tensor:
    tensor: Tensor = torch.as_tensor(packed).view(torch.uint8).flatten()
    return tensor
