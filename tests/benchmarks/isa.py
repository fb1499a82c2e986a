"""Which instruction sets both engines may use."""

from typing import Literal, TypeAlias

IsaChoice: TypeAlias = Literal["native", "avx2"]

# Read by Tern's hardware detection and native kernels, torch and oneDNN as they are loaded.
ENVIRONMENT: dict[IsaChoice, dict[str, str]] = {
    "native": {},
    "avx2": {
        "TERN_ISA": "avx2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
}
