"""Rounded weights -> the core's own layout: what is kept on disk, and what packed.py reads."""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.kernels.native import _core
from engine.quantize.groupwise import GroupwiseInt4
from engine.quantize.layers import Rounded
from engine.quantize.smoothquant import ChannelwiseInt8


def pack(weights: Rounded) -> Mapping[str, Tensor]:
    """Return `weights` packed: {format: uint8 [bytes]}."""
    if isinstance(weights, GroupwiseInt4):
        scales = weights.scales.view(torch.uint16)
        return {"int4": _bytes(_core.pack_int4(weights.codes.numpy(), scales.numpy()))}
    if isinstance(weights, ChannelwiseInt8):
        return {"int8": _bytes(_core.pack_int8(weights.codes.numpy(), weights.scales.numpy()))}
    bits = weights.bfloat16().contiguous().view(torch.uint16)
    return {"bf16": _bytes(_core.pack_bf16(bits.numpy()))}


def pack_head(weights: Rounded) -> Mapping[str, Tensor]:
    """Return an int4 model's head packed, in two halves where it is int4 itself."""
    if not isinstance(weights, GroupwiseInt4):
        return pack(weights)
    codes, scales = weights.codes.numpy(), weights.scales.view(torch.uint16).numpy()
    return {
        "int4_high": _bytes(_core.pack_int4_high(codes, scales)),
        "int4_low": _bytes(_core.pack_low_half(codes, scales)),
    }


def _bytes(packed: object) -> Tensor:
    tensor: Tensor = torch.as_tensor(packed).view(torch.uint8).flatten()
    return tensor
