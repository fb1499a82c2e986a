"""Tern's logits for one prompt, in a process of its own: `tern_logits FOLDER IDS OUTPUT`.

The protocol of the engine process speaks text; a check of the weights wants logits.
"""

import json
import sys
from pathlib import Path

import numpy as np

from engine.hardware import read_cpu
from engine.loader import LoadRequest, load
from engine.messages import Precision
from engine.paths import Paths


def main(folder: str, ids: str, output: str) -> None:
    """Write the logits that follow the JSON list `ids`, float32 [vocab], to `output` (.npy)."""
    request = LoadRequest(Path(folder), Precision.BF16, "auto", None, Paths.default(), read_cpu())
    loaded = load(request, lambda stage, done, total: None)
    np.save(output, loaded.model.extend(json.loads(ids)))


if __name__ == "__main__":
    main(*sys.argv[1:])
