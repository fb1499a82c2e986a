"""Quantised graphs on disk: a second load reads neither the checkpoint nor its float weights.

A folder holds graph.pt (TorchScript), facts.json and, for SmoothQuant, IPEX's own summary of the
scales. TorchScript files are only ever read from Tern's own cache, never from a model's folder.
"""

from pathlib import Path

import msgspec
import torch

from engine.errors import NothingQuantised
from engine.kernels.ipex.graph import Graph, count_linears
from engine.kernels.ipex.model import Facts

_GRAPH, _FACTS = "graph.pt", "facts.json"


def save(graph: Graph, facts: Facts, folder: Path) -> None:
    """Write both into `folder`. Raises OSError or RuntimeError where the disk refuses."""
    torch.jit.save(graph, folder / _GRAPH)
    (folder / _FACTS).write_bytes(msgspec.json.encode(facts))


def read(folder: Path) -> tuple[Graph, Facts]:
    """Return what `save` wrote.

    Raises NothingQuantised where the graph's multiplications are not those that were saved.
    """
    facts = msgspec.json.decode((folder / _FACTS).read_bytes(), type=Facts)
    graph = torch.jit.load(folder / _GRAPH).eval()
    found = dict(count_linears(graph))
    if found != facts.linears:
        raise NothingQuantised(layers=found.get("float", 0), precision=facts.proof.weight_dtype)
    return graph, facts
