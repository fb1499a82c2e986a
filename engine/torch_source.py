"""A checkpoint's parts as torch tensors over the same memory: for quantising and torch's operators.

Read-only, whatever torch may believe: to write to one ends the process.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.model_config import ModelConfig
from engine.source import Source
from engine.tensor_file import BF16, Array


def as_tensor(array: Array) -> Tensor:
    """Return `array` as a tensor, not copied."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        if array.dtype == BF16:
            return torch.from_numpy(array.view("uint16")).view(torch.bfloat16)
        return torch.from_numpy(array)


def as_tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """Return each of `arrays` as a tensor, not copied."""
    return {name: as_tensor(array) for name, array in arrays.items()}


@dataclass(frozen=True)
class TorchSource:
    """What `source` has, as tensors."""

    source: Source

    @property
    def config(self) -> ModelConfig:
        """The model's configuration."""
        return self.source.config

    def linear(self, layer: int, name: str) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias of a linear."""
        weight, bias = self.source.linear(layer, name)
        return as_tensor(weight), None if bias is None else as_tensor(bias)

    def norms(self, layer: int) -> dict[str, Tensor]:
        """Return the weights of a layer's norms by name."""
        return as_tensors(self.source.norms(layer))

    def embedding(self) -> Tensor:
        """Return the table of token embeddings [vocab, hidden_size]."""
        return as_tensor(self.source.embedding())

    def final_norm(self) -> Tensor:
        """Return the weight of the last norm [hidden_size]."""
        return as_tensor(self.source.final_norm())

    def head(self) -> Tensor:
        """Return the weight of the output head [vocab, hidden_size]."""
        return as_tensor(self.source.head())
