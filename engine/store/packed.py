"""The packed weights on disk: whose they are, in which precision, and whether they are of any use.

Each folder of them holds a manifest beside the weights, with a checksum of each file. What makes
and reads the weights is `engine/packing.py` and `engine/kernels/ipex/`; here they are only checked,
counted and deleted.
"""

import errno
import json
import re
import shutil
import zlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from engine.kernels.base import TORCH_LAYOUTS, core_built, core_layout
from engine.messages import Kernel, Precision
from engine.store.files import folder_size
from engine.store.hub_cache import identity

# Another number is another folder: what older versions wrote is never read.
NATIVE_FORMAT = 5
IPEX_FORMAT = 3
_MANIFEST = "manifest.json"
_BUFFER = 1 << 20  # bytes
_READERS = 4  # files at once
_NAME = re.compile(r".*-[0-9a-f]{12}-(?P<layout>.+)")  # `engine.whole_folder.cache_folder`'s


@dataclass(frozen=True)
class PackedFolder:
    """One model in one layout. `source` is its model's `identity`, "" where nobody knows it.

    `size` in bytes. `is_current`: this version of Tern would read it.
    """

    folder: Path
    source: str
    precision: Precision | None
    kernel: Kernel
    size: int
    is_current: bool


def write_manifest(folder: Path, model: Path, number: int) -> None:
    """Say in `folder`, whose files are all there, that they are of the model in the folder `model`.

    number: the format.
    """
    files = sorted(path for path in folder.iterdir() if path.name != _MANIFEST)
    manifest = {
        "format": number,
        "source": identity(model),
        "checksums": {path.name: checksum(path) for path in files},
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def has_manifest(folder: Path) -> bool:
    """Return whether `write_manifest` has been there."""
    return (folder / _MANIFEST).is_file()


def damage(folder: Path, model: Path) -> str:
    """Return what is wrong with the packed weights of `model` in `folder`, "" where nothing is.

    Reads every byte: a bit that has flipped would be answered from for ever. Raises MemoryError.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        expected, source = dict(manifest["checksums"]), manifest["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return "manifest.json cannot be read"
    if not expected or source != identity(model):
        return "manifest.json is not as it was written"
    with ThreadPoolExecutor(_READERS) as readers:
        found = dict(
            zip(expected, readers.map(_checked, (folder / n for n in expected)), strict=True)
        )
    wrong = (_difference(name, found[name], expected[name]) for name in expected)
    return next(filter(None, wrong), "")


def checksum(path: Path) -> str:
    """Return the CRC-32 of a file and its size. Raises OSError.

    It finds accidents, which is what happens to a cache, and is three times as fast as a SHA-256.
    """
    crc, size = 0, 0
    buffer = memoryview(bytearray(_BUFFER))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            crc, size = zlib.crc32(buffer[:count], crc), size + count
    return f"{crc:08x}:{size}"


def _checked(path: Path) -> str:
    try:
        return checksum(path)
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from error
        return error.strerror or str(error)


def _difference(name: str, found: str, expected: object) -> str:
    if found == expected:
        return ""
    return f"{name} is not as it was written" if ":" in found else f"{name}: {found}"


def packed_folders(root: Path) -> list[PackedFolder]:
    """Return all packed weights below `root`, those of a process that is packing now left out."""
    return [_read(folder, folder_size(folder)) for folder in _folders(root)]


def is_there(root: Path, model: Path, precision: Precision, kernel: Kernel) -> bool:
    """Return whether a load of `model` finds its weights packed, by the usual recipe or another."""
    source = identity(model)
    return precision is Precision.BF16 or any(
        (packed.source, packed.precision, packed.kernel) == (source, precision, kernel)
        for packed in (_read(folder, size=0) for folder in _folders(root))
        if packed.is_current
    )


def disk_bytes(root: Path, model: Path, precision: Precision, kernel: Kernel) -> int:
    """Return the size of the files that a loaded `model` has its weights from.

    Packed ones stand beside the published ones, which stay; of several recipes the newest counts.
    """
    source = identity(model)
    packed = [
        packed.folder
        for packed in (_read(folder, size=0) for folder in _folders(root))
        if (packed.source, packed.precision, packed.kernel) == (source, precision, kernel)
        and packed.is_current
    ]
    if packed:
        return folder_size(max(packed, key=lambda folder: folder.stat().st_mtime))
    return sum(file.stat().st_size for file in model.glob("*.safetensors"))


def useless(root: Path, known: Collection[str]) -> list[PackedFolder]:
    """Return the packed weights below `root` of older versions, and those without a model.

    known: the `identity` of each model in a cache. A folder that is still there counts too.
    """
    return [
        packed
        for packed in packed_folders(root)
        if not packed.is_current
        or not (packed.source in known or (Path(packed.source) / "config.json").is_file())
    ]


def sweep(folders: Collection[PackedFolder]) -> int:
    """Delete `folders`; return the bytes that are free again."""
    for packed in folders:
        shutil.rmtree(packed.folder, ignore_errors=True)
    return sum(packed.size for packed in folders if not packed.folder.exists())


def _folders(root: Path) -> list[Path]:
    try:
        folders = [path for path in sorted(root.iterdir()) if path.is_dir()]
    except OSError:
        return []
    return [folder for folder in folders if not folder.name.startswith(".")]


def _read(folder: Path, size: int) -> PackedFolder:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        source, number = str(manifest["source"]), manifest["format"]
    except (OSError, ValueError, KeyError, TypeError):
        source, number = "", None
    match = _NAME.fullmatch(folder.name)
    layout = match["layout"] if match else ""
    words = layout.split("-")
    precision = next((p for p in Precision if p in words), None)
    kernel = next((kernel for kernel in Kernel if kernel in words), Kernel.NATIVE)
    is_current = _is_current(layout, precision, kernel, number)
    return PackedFolder(folder, source, precision, kernel, size, is_current)


def _is_current(layout: str, precision: Precision | None, kernel: Kernel, number: object) -> bool:
    if precision is None:
        return False
    if kernel is Kernel.IPEX:
        return number == IPEX_FORMAT
    if number != NATIVE_FORMAT:
        return False
    if kernel is Kernel.TORCH:
        return re.fullmatch(TORCH_LAYOUTS[precision].format(isa="[a-z0-9]+"), layout) is not None
    return core_built() and layout == core_layout(precision, _panels())


def _panels() -> str:
    from engine.kernels.native import _core

    return _core.layout_name()
