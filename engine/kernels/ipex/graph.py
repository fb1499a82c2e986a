"""One step of an optimised model as a frozen TorchScript graph: trace, run, count, nothing else.

IPEX's attention keeps a cache of its own a layer: (a tensor whose length says how many tokens are
held, keys, values, beam indices). The first tokens go through its flash attention, which masks
causally by itself; later ones are written one after another, each seeing what lies before it. So
no mask is needed, and every step passes zeros: with the usual causal mask of two dimensions,
several tokens appended at once come out wrong (csrc/cpu/aten/kernels/
MaskedMultiHeadAttentionKrnl.cpp of IPEX 2.8 gives each of them the mask of the first).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias
from unittest import mock

import torch
from intel_extension_for_pytorch.transformers.models.reference import models as reference_models
from torch import Tensor, nn

Graph: TypeAlias = torch.jit.ScriptModule
Past: TypeAlias = tuple[tuple[Tensor, Tensor, Tensor, Tensor], ...]
StepInputs: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Past]

# IPEX allocates beam indices by this shape's second number, the batch, and writes past the end of
# a smaller first one: `get_dummy_input` of 2.8 has [1, 4], which corrupts the heap.
_BEAM_ROWS = 2048
_EXAMPLE = tuple(range(1, 33))


class Step(nn.Module):
    """ids [1, n], mask [1, 1, n, used + n], positions [1, n], rows [r], past -> logits, past.

    rows are the positions among the n whose logits [1, r, vocab] are wanted.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.body: Any = model.model
        self.head: Any = model.lm_head

    def forward(
        self, ids: Tensor, mask: Tensor, positions: Tensor, rows: Tensor, past: Past
    ) -> tuple[Tensor, Past]:
        """Return the logits of `rows` and the cache with the n tokens in it."""
        hidden, past = self.body(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=past,
            use_cache=True,
            return_dict=False,
        )[:2]
        return self.head(hidden.index_select(1, rows)), past


def step_of(model: nn.Module) -> Step:
    """Return the step of an optimised model, which from now on takes masks as they are given."""
    step = Step(model)
    step.body._prepare_decoder_attention_mask = _as_given
    return step.eval()


def trace(step: nn.Module, layers: int, dtype: torch.dtype) -> Graph:
    """Return the frozen graph of `step`, whose weights are constants of it."""
    example = inputs(_EXAMPLE, range(len(_EXAMPLE)), empty_past(layers, dtype), 0, dtype)
    traced = with_masks_as_given(
        lambda: torch.jit.trace(step, example, strict=False, check_trace=False)
    )
    graph: Graph = torch.jit.freeze(traced.eval())
    return graph


def with_masks_as_given(work: Any) -> Any:
    """Return work(), in which IPEX's models take masks of four dimensions as they are given."""
    with mock.patch.object(reference_models, "_prepare_4d_causal_attention_mask", _as_given):
        return work()


def _as_given(mask: Tensor, *_: object, **__: object) -> Tensor:
    return mask


def inputs(
    ids: Sequence[int], rows: Sequence[int] | range, past: Past, used: int, dtype: torch.dtype
) -> StepInputs:
    """Return what a step takes to append `ids` to the `used` tokens of `past`."""
    count = len(ids)
    return (
        torch.tensor([ids]),
        torch.zeros(1, 1, count, used + count, dtype=dtype),
        torch.arange(used, used + count)[None],
        torch.tensor(list(rows)),
        past,
    )


def empty_past(layers: int, dtype: torch.dtype) -> Past:
    """Return the cache of no tokens."""
    layer = (
        torch.zeros(1, 1, 0, 1, dtype=torch.long),
        torch.zeros(1, 1, 1, 1, dtype=dtype),
        torch.zeros(1, 1, 1, 1, dtype=dtype),
        torch.zeros(_BEAM_ROWS, 1, dtype=torch.long),
    )
    return (layer,) * layers


def first_tokens(past: Past, count: int) -> Past:
    """Return the cache rolled back to its first `count` tokens, at least one."""
    held = torch.zeros(1, 1, count, 1, dtype=torch.long)
    return tuple((held, keys, values, beams) for _, keys, values, beams in past)


def _multiplies(name: str) -> bool:
    return ("linear" in name or "gate_up" in name) and "choose" not in name


def count_linears(graph: Graph) -> Counter[str]:
    """Return how many multiplications the graph has: "woq", "static int8" and "float".

    Fused ones count once: q, k and v are one where IPEX joined them.
    """
    kinds: Counter[str] = Counter()
    for node in graph.inlined_graph.nodes():
        name = node.kind()
        if name == "aten::linear":
            weight = list(node.inputs())[1].node().kind()
            kinds["static int8" if weight == "aten::dequantize" else "float"] += 1
        elif name.startswith("torch_ipex::") and _multiplies(name):
            kinds["woq" if "woq" in name else "float"] += 1
    return kinds
