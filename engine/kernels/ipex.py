"""Linears on Intel Extension for PyTorch: the only file that imports it.

Tern's decoder stays the same; its multiplications run on IPEX's prepacked bf16 (oneDNN, AMX) and
weight-only int4 and int8 kernels. Import this module in the engine process only, and after the
environment of `engine.hardware.child_environment` is set: the import takes seconds.
"""

import intel_extension_for_pytorch as ipex
import torch
from intel_extension_for_pytorch.nn.modules import WeightOnlyQuantizedLinear
from intel_extension_for_pytorch.quantization import (
    WoqLowpMode,
    WoqWeightDtype,
    WoqWeightQScheme,
    get_weight_only_quant_qconfig_mapping,
)
from torch import Tensor, nn

from engine.messages import Precision
from engine.quantize.groupwise import GROUP_SIZE

_DTYPES = {WoqWeightDtype.INT8: "int8", WoqWeightDtype.INT4: "int4"}


class IpexLinear:
    """y = x W^T + b through a module that IPEX made. x: bfloat16 [tokens, in]."""

    def __init__(self, module: nn.Module, nbytes: int) -> None:
        self._module = module
        self._nbytes = nbytes

    @property
    def weight_dtype(self) -> str:
        """What the module holds, read from the module itself."""
        if isinstance(self._module, WeightOnlyQuantizedLinear):
            return _DTYPES[self._module.dtype]
        return "bf16"

    @property
    def nbytes(self) -> int:
        """Bytes of weights read at each call."""
        return self._nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """Return y [tokens, out]."""
        y: Tensor = self._module(x)
        return y


def linear(precision: Precision, weight: Tensor, bias: Tensor | None) -> IpexLinear:
    """Return the linear of a layer in `precision` (bf16 or int4) from float weights [out, in]."""
    if precision is Precision.INT4 and weight.shape[1] % GROUP_SIZE == 0:
        return _weight_only(weight, bias, WoqWeightDtype.INT4, GROUP_SIZE)
    return _bf16(weight, bias)


def head(precision: Precision, weight: Tensor) -> IpexLinear:
    """Return the output head: bf16 in bf16, and int8 in int4, as it decides the token."""
    if precision is Precision.INT4:
        return _weight_only(weight, None, WoqWeightDtype.INT8, -1)
    return _bf16(weight, None)


def _bf16(weight: Tensor, bias: Tensor | None) -> IpexLinear:
    # Folding traces the model with torch.fx, which a single linear does not need.
    optimised = ipex.optimize(
        nn.Sequential(_module(weight, bias)).eval(),
        dtype=torch.bfloat16,
        inplace=True,
        conv_bn_folding=False,
        linear_bn_folding=False,
    )
    return IpexLinear(optimised[0], weight.numel() * 2)


def _weight_only(weight: Tensor, bias: Tensor | None, dtype: int, group_size: int) -> IpexLinear:
    """Round to nearest; 4 bits asymmetric by group, 8 bits symmetric by output channel."""
    four_bits = dtype == WoqWeightDtype.INT4
    mapping = get_weight_only_quant_qconfig_mapping(
        weight_dtype=dtype,
        lowp_mode=WoqLowpMode.BF16,
        group_size=group_size,
        weight_qscheme=WoqWeightQScheme.ASYMMETRIC if four_bits else WoqWeightQScheme.SYMMETRIC,
    )
    module = _module(weight, bias)
    module.qconfig = mapping.global_qconfig
    quantised = WeightOnlyQuantizedLinear.from_float(module)
    # A bf16 scale and an 8-bit zero point a group, or a float32 scale a channel.
    bits = 4 + 24 / group_size if four_bits else 8 + 32 / weight.shape[1]
    return IpexLinear(quantised, int(weight.numel() * bits / 8))


def _module(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    out_features, in_features = weight.shape
    module = nn.Linear(
        in_features, out_features, bias=bias is not None, device="meta", dtype=torch.bfloat16
    )
    # A copy: IPEX packs in place, and the weight is mapped to the model's file.
    module.weight = nn.Parameter(weight.to(torch.bfloat16, copy=True), requires_grad=False)
    if bias is not None:
        module.bias = nn.Parameter(bias.to(torch.bfloat16, copy=True), requires_grad=False)
    return module.eval()
