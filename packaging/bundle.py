"""What goes into the bundle, and what stays out. `packaging/tern.spec` reads it; builds nothing.

PyInstaller follows the imports by itself. Named here are the files that no import leads to, and
what the imports lead to although Tern never uses it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

ROOT = Path(__file__).resolve().parent.parent

# What the engine reads, and the window: all that ships but the pictures and the translators' files.
ASSETS = (
    "assets/calibration.txt",
    "assets/catalogue.json",
    "assets/demo-model",
    "assets/icons",
    "assets/report",
    "assets/styles",
)
CATALOGUES = "assets/locale/*/LC_MESSAGES/tern.mo"
# Fonts and tables of packages for which PyInstaller has no hook.
PACKAGES_WITH_DATA = ("latex2mathml", "ziafont", "ziamath")
# Those that ask for their own version or another's while Tern runs, or that `tern doctor` names.
PACKAGES_WITH_VERSION = (
    "intel-extension-for-pytorch",
    "intel-openmp",
    "keyring",
    "pyside6-essentials",
    "torch",
    "transformers",
)

# Of transformers' 300 families, those that Tern runs by IPEX, and those whose code IPEX names in
# tables of its own, whatever model it is given.
_RUN = "auto llama mistral qwen2 qwen3"
_NAMED = (
    "albert bert bloom clip codegen gpt_bigcode gpt_neox gptj jamba llava mixtral mllama mpt opt t5"
)
_FAMILIES = frozenset(f"{_RUN} {_NAMED}".split())
# Of the others the tokenizers stay, which any model may name, and what these ask for.
_NEEDED_OF_FAMILIES = ("__init__", "configuration_", "tokenization_")

# Compilers for GPUs, downloads by another way than Tern's own, tools of a developer, tests.
MODULES_UNUSED = (
    "babel",
    "diskcache",
    "gguf",
    "hf_xet",
    "hypothesis",
    "IPython",
    "matplotlib",
    "mypy",
    "nvidia",
    "numpy.f2py",
    "pip",
    "PyInstaller",
    "_pytest",
    "pytest",
    "scipy",
    "tensorboard",
    "tkinter",
    "torch.utils.benchmark",
    "torch.utils.tensorboard",
    "transformers.testing_utils",
    "triton",
)

# torch itself imports these two of its test helpers; the rest of them are tests.
_NEEDED_OF_TESTING = {"logging_tensor", "fake_pg"}

# Nobody runs Tern on a screen without a desktop (eglfs, linuxfb, vnc), and it draws every control
# itself; a virtual keyboard would bring QtQuick.
QT_PLUGINS_UNUSED = (
    "egldeviceintegrations/*",
    "generic/*",
    "imageformats/*qpdf.*",
    "networkinformation/*",
    "platforminputcontexts/*virtualkeyboard*",
    "platforms/*eglfs*",
    "platforms/*linuxfb*",
    "platforms/*minimal*",
    "platforms/*vkkhrdisplay*",
    "platforms/*vnc*",
    "platformthemes/*gtk3*",
)

# As they lie in the bundle: tools of developers, and what torch's build for CUDA opens for a GPU
# alone. The rest of CUDA must stay where that build is installed: libtorch_python.so takes types
# from libtorch_cuda.so, and that is bound to NVIDIA's libraries as soon as it is loaded. The last
# two are records of what is not there, which huggingface_hub would take for the thing itself.
FILES_UNUSED = (
    "intel_extension_for_pytorch/bin/*",
    "torch/bin/protoc*",
    "torch/include/*",
    "torch/share/*",
    "torch/lib/libcaffe2_nvrtc.*",
    "torch/lib/libtorch_cuda_linalg.*",
    "nvidia/cuda_nvrtc/lib/*",
    "nvidia/cusolver/lib/*",
    "libcusolver.*",
    "libnvrtc*",
    "hf_xet-*.dist-info/*",
    "pytest*.dist-info/*",
)


def data_files() -> list[tuple[str, str]]:
    """Return (file or folder, folder of the bundle) of what no import leads to.

    pyproject.toml tells the bundle its version, as it does in a checkout.
    """
    named = [ROOT / name for name in (*ASSETS, "pyproject.toml")]
    return [(str(path), _place(path)) for path in (*named, *ROOT.glob(CATALOGUES))]


def _place(path: Path) -> str:
    inside = path.relative_to(ROOT)
    return str(inside if path.is_dir() else inside.parent)


def unused_families(models: Path) -> Iterator[str]:
    """Yield the modules below the folder `transformers/models` that Tern has no use for."""
    for family in sorted(path for path in models.iterdir() if path.is_dir()):
        if family.name in _FAMILIES:
            continue
        for file in sorted(family.rglob("*.py")):
            if not file.stem.startswith(_NEEDED_OF_FAMILIES):
                yield _module(file, models.parent)


def unused_tests(testing: Path) -> Iterator[str]:
    """Yield the modules below the folder `torch/testing/_internal` that torch does not need."""
    for file in sorted(testing.rglob("*.py")):
        if file.stem != "__init__" and file.stem not in _NEEDED_OF_TESTING:
            yield _module(file, testing.parent.parent)


def _module(file: Path, package: Path) -> str:
    """Return the name by which `file` of `package` is imported."""
    return ".".join(file.relative_to(package.parent).with_suffix("").parts)


def used(entries: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return the files (place in the bundle, source, kind) but those that Tern never opens."""
    return [entry for entry in entries if not is_among(entry[0], FILES_UNUSED)]


def is_among(file: str, patterns: Iterable[str]) -> bool:
    """Return whether the end of a file's path matches, or that of a folder which it is in."""
    path = PurePath(file)
    return any(place.match(pattern) for place in (path, *path.parents) for pattern in patterns)
