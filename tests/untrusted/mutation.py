"""A seeded mutator of model folders: flips, cuts, repeats and swaps what is in their files."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.untrusted.folders import sound

_FILES = (
    "config.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer_config.json",
    "model.safetensors",
)
_ODD: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1,
    3,
    2**31,
    2**63,
    10**30,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "a",
    "\x00",
    "\ud800",
    "../../x",
    "x" * 10_000,
    [],
    [[]],
    {},
    {"type": "Replace", "pattern": {"Regex": ""}, "content": "aa"},
)


def mutate(folder: Path, seed: int) -> Path:
    """Make a sound folder and spoil it in up to three ways, the same ones for the same seed."""
    chance = random.Random(seed)
    sound(folder)
    for _ in range(chance.choice((1, 1, 2, 3))):
        file = folder / chance.choice(_FILES)
        ways = (_of_bytes, _of_json, _of_json) if file.suffix == ".json" else (_of_bytes,)
        chance.choice(ways)(file, chance)
    return folder


def _of_bytes(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    if not content:
        return
    # Of weights the header is what matters, of the rest anything.
    end = min(len(content), 2000)
    place, length = chance.randrange(end), chance.choice((1, 1, 2, 8, 100))
    ways: tuple[Callable[[], object], ...] = (
        lambda: content.__setitem__(place, content[place] ^ (1 << chance.randrange(8))),
        lambda: content.__setitem__(slice(place, place + length), b""),
        lambda: content.__setitem__(slice(place, place), content[place : place + length]),
        lambda: content.__setitem__(slice(place, place + length), chance.randbytes(length)),
        lambda: content.__delitem__(slice(chance.randrange(len(content)), None)),
        lambda: content.extend(chance.randbytes(length)),
    )
    chance.choice(ways)()
    file.write_bytes(content)


def _of_json(file: Path, chance: random.Random) -> None:
    """Change, leave out or swap values anywhere in a JSON file."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:  # an earlier mutation's
        return _of_bytes(file, chance)
    places = list(_places(value))
    if not places:
        return None
    for _ in range(chance.choice((1, 1, 2, 5))):
        holder, key = chance.choice(places)
        other, other_key = chance.choice(places)
        way = chance.randrange(4)
        try:
            if way == 0:
                holder[key], other[other_key] = other[other_key], holder[key]
            elif way == 1:
                del holder[key]
            elif way == 2:
                holder[key] = json.loads(json.dumps(other[other_key]))
            else:
                holder[key] = chance.choice(_ODD)
        except (KeyError, IndexError):  # gone already
            continue
    try:
        file.write_text(json.dumps(value), encoding="utf-8")
    except (ValueError, RecursionError):  # a value that got into itself
        return None
    return None


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return where values are, (holder, key); of a long list or table only the beginning."""
    places, rest = [], [value]
    while rest:
        holder = rest.pop()
        keys = list(holder)[:50] if isinstance(holder, dict) else range(min(50, len(holder)))
        for key in keys:
            places.append((holder, key))
            if isinstance(holder[key], dict | list):
                rest.append(holder[key])
    return places
