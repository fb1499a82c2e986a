"""Linears on torch's own operators, for where the compiled core is not: one class a format.

A linear is made from packed tensors, named as in the packed-weight files, so what was quantised
once is mapped and used as it lies. The layout of int4 depends on the instruction set that torch
dispatches to; `layout` names it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from engine.hardware import Cpu
from engine.kernels.base import TORCH_LAYOUTS
from engine.messages import Precision
from engine.quantize.groupwise import GROUP_SIZE, GroupwiseInt4
from engine.quantize.layers import Rounded
from engine.quantize.smoothquant import ChannelwiseInt8

Packed = dict[str, Tensor]
# What torch's int4 kernel takes at a time: of K as the packing wants to know it, and of rows.
_INNER_TILES = 1
_INT4_ROWS = 16


class Bf16Linear:
    """bf16 weights and activations, accumulated in float32 by oneDNN."""

    weight_dtype: str = "bf16"

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = weight.to(torch.bfloat16)
        self._bias = None if bias is None else bias.to(torch.bfloat16)

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self._weight.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b. x: [tokens, in]."""
        return functional.linear(x, self._weight, self._bias)


class Int8Linear:
    """W8A8: int8 weights per output channel, activations rounded to int8 per token (FBGEMM).

    Each token has a scale of its own, so its result does not depend on what is read with it.
    Without VNNI, FBGEMM adds products into saturating 16 bits; 7-bit activations keep clear of it.
    """

    weight_dtype: str = "int8"

    def __init__(self, packed: Mapping[str, Tensor], bias: Tensor | None, seven_bits: bool) -> None:
        codes, scales = packed["codes"], packed["scales"]
        zeros = torch.zeros(len(scales), dtype=torch.int64)
        weight = torch._make_per_channel_quantized_tensor(codes, scales.double(), zeros, 0)
        torch.backends.quantized.engine = "fbgemm"
        self._packed = torch.ops.quantized.linear_prepack(weight, None)
        self._bias = None if bias is None else bias.to(torch.float32, copy=True)
        self._levels, self._zero = (63, 64) if seven_bits else (127, 128)
        self._nbytes = codes.nbytes + scales.nbytes

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self._nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b. x: float32 [tokens, in]."""
        peaks = x.abs().amax(-1, keepdim=True).clamp(min=1e-12)
        if len(x) == 1:
            y = self._multiply(x, float(peaks))
        else:
            # The operator takes one scale for all tokens, so they are made alike first.
            y = self._multiply(x / peaks, 1.0) * peaks
        return y if self._bias is None else y + self._bias

    def _multiply(self, x: Tensor, peak: float) -> Tensor:
        y: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x, peak / self._levels, self._zero, self._packed
        )
        return y

    @staticmethod
    def pack(quantised: ChannelwiseInt8) -> Packed:
        """Return the tensors that the constructor takes."""
        return {"codes": quantised.codes, "scales": quantised.scales}


class Int4Linear:
    """Weight-only int4 in groups, bf16 activations (torch's `_weight_int4pack_mm_for_cpu`)."""

    weight_dtype: str = "int4"

    def __init__(self, packed: Mapping[str, Tensor], bias: Tensor | None) -> None:
        self._codes, self._scales = packed["codes"], packed["scales"]
        self._bias = None if bias is None else bias.to(torch.bfloat16)

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self._codes.nbytes + self._scales.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T + b. x: bfloat16 [tokens, in]."""
        y: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
            x, self._codes, GROUP_SIZE, self._scales
        )
        return y if self._bias is None else y + self._bias

    @staticmethod
    def pack(quantised: GroupwiseInt4) -> Packed:
        """Return the tensors that the constructor takes, in this CPU's layout."""
        codes = torch.ops.aten._convert_weight_to_int4pack_for_cpu(
            quantised.codes.int(), _INNER_TILES
        )
        scales = torch.stack((quantised.scales, quantised.zeros), dim=-1).transpose(0, 1)
        return {"codes": codes, "scales": scales.contiguous()}


class Int8WeightOnlyLinear:
    """int8 weights per output channel, bf16 activations: the head of an int4 model."""

    weight_dtype: str = "int8"

    def __init__(self, packed: Mapping[str, Tensor]) -> None:
        self._codes, self._scales = packed["codes"], packed["scales"].to(torch.bfloat16)

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self._codes.nbytes + self._scales.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """Return x W^T. x: bfloat16 [tokens, in]."""
        y: Tensor = torch.ops.aten._weight_int8pack_mm(x, self._codes, self._scales)
        return y


def pack(weights: Rounded) -> Packed:
    """Return rounded weights as the linears take them; bf16 where int4's kernel cannot."""
    if isinstance(weights, ChannelwiseInt8):
        return Int8Linear.pack(weights)
    if isinstance(weights, Tensor):
        return {"weight": weights.bfloat16()}
    if len(weights.codes) % _INT4_ROWS:
        return {"weight": weights.dequantise().bfloat16()}
    # The kernel wants bf16; a scale's rounding is lost in that of the weights.
    return Int4Linear.pack(weights.with_scales(torch.bfloat16))


def layout(precision: Precision) -> str:
    """Return the name of the packed layout of `precision` on this CPU."""
    isa = torch.backends.cpu.get_cpu_capability().lower()
    return TORCH_LAYOUTS[precision].format(isa=isa)


def activation_dtype(precision: Precision) -> torch.dtype:
    """Return the dtype in which activations flow between the linears of `precision`."""
    return torch.float32 if precision is Precision.INT8 else torch.bfloat16


def linear(
    precision: Precision, packed: Mapping[str, Tensor], bias: Tensor | None, cpu: Cpu
) -> Int8Linear | Int4Linear:
    """Return the linear of a quantised `precision` over packed tensors."""
    if precision is Precision.INT8:
        return Int8Linear(packed, bias, seven_bits=not cpu.has_vnni)
    return Int4Linear(packed, bias)


def head(
    precision: Precision, packed: Mapping[str, Tensor], cpu: Cpu
) -> Int8Linear | Int8WeightOnlyLinear:
    """Return the output head of a quantised `precision`, int8 in either: it decides the token."""
    if precision is Precision.INT8:
        return Int8Linear(packed, None, seven_bits=not cpu.has_vnni)
    return Int8WeightOnlyLinear(packed)
