"""How much memory a model will need, before any of it is read. Light half: no torch."""

from engine.errors import NotEnoughMemory
from engine.hardware import available_memory
from engine.messages import Precision
from engine.model_config import ModelConfig

# Bits a weight of a linear takes, scales and zeros included.
_BITS = {Precision.BF16: 16.0, Precision.INT8: 8.1, Precision.INT4: 5.0}
# Bytes, as measured: Python, numpy, a tokenizer and working memory; and what torch adds in the
# second process, which quantises and is gone before the model is loaded.
_ENGINE, _TORCH = 150_000_000, 500_000_000
_FLOAT_LAYER = 12  # bytes a weight of the layer that is being quantised takes: float and copies


def expected_memory(config: ModelConfig, precision: Precision, context: int) -> int:
    """Return about how many bytes a load needs at its peak, `context` tokens included."""
    table = config.vocab_size * config.hidden_size
    linears = config.layers * config.layer_parameters * _BITS[precision] / 8
    tables = table * (2 if config.tied_head else 4)
    quantised_head = 0 if precision is Precision.BF16 else table
    cache = config.kv_elements_per_token * 2 * context
    loaded = int(linears + tables + quantised_head + cache + _ENGINE)
    if precision is Precision.BF16:
        return loaded
    return max(loaded, _ENGINE + _TORCH + tables + _FLOAT_LAYER * config.layer_parameters)


def check_memory(name: str, config: ModelConfig, precision: Precision, context: int) -> None:
    """Raise NotEnoughMemory where model `name` clearly will not fit, with what would."""
    free = available_memory()
    needed = expected_memory(config, precision, context)
    if needed <= free:
        return
    fits = [p for p in Precision if expected_memory(config, p, context) <= free]
    advice = f"Choose {fits[0]}, which fits." if fits else "Choose a smaller model."
    raise NotEnoughMemory(
        model=name,
        precision=precision,
        needed=f"{needed / 1e9:.1f} GB",
        free=f"{free / 1e9:.1f} GB",
        advice=advice,
    )
