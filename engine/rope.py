"""The angles of rotary position embedding (Su et al. 2021)."""

import math

import numpy as np

from engine.model_config import Llama3Scaling, ModelConfig
from engine.tensor_file import Array


def rope_tables(config: ModelConfig, context_length: int) -> tuple[Array, Array]:
    """Return cos and sin of each position's angles, float32 [context_length, head_dim / 2].

    Both halves of a head turn by the same angles. Each step is rounded to float32, as models were
    trained with: at a late position, a last bit of the frequency is much of an angle.
    """
    exponents = np.arange(0, config.head_dim, 2, dtype=np.float32) / np.float32(config.head_dim)
    # numpy's own power in float32 errs in the last bit.
    powers = (config.rope_theta ** exponents.astype(np.float64)).astype(np.float32)
    frequencies = 1 / powers
    if config.llama3_scaling:
        frequencies = _llama3_frequencies(frequencies, config.llama3_scaling)
    frequencies = frequencies / np.float32(config.rope_factor)
    angles = np.outer(np.arange(context_length, dtype=np.float32), frequencies)
    return np.cos(angles), np.sin(angles)


def _llama3_frequencies(frequencies: Array, scaling: Llama3Scaling) -> Array:
    """Slow rotations are slowed by `factor`, fast ones kept, those between blended (Llama 3.1)."""
    wavelengths = 2 * math.pi / frequencies
    blend = (scaling.original_context / wavelengths - scaling.low_freq_factor) / (
        scaling.high_freq_factor - scaling.low_freq_factor
    )
    blend = np.clip(blend, 0, 1)
    return (1 - blend) * frequencies / scaling.factor + blend * frequencies
