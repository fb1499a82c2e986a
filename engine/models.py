"""The models on this computer: the demo, folders, and what is in the Hugging Face cache.

Light half: reads names, sizes and config.json, never weights. huggingface_hub is imported where it
is needed: it takes longer than the window's first paint may.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelNotFound, NotAModel
from engine.paths import assets_folder

DEMO = "demo"
DEMO_NOTICE = (
    "This is a toy model that shows the program: it knows greetings, small sums, a few facts "
    "about Tern and short stories. Choose a real model from the model list."
)


@dataclass(frozen=True)
class LocalModel:
    """A model on this computer. `name` is what --model takes; `size` is in bytes."""

    name: str
    title: str
    folder: Path
    size: int

    @property
    def is_demo(self) -> bool:
        """Whether this is the toy that ships with Tern."""
        return self.name == DEMO


def demo_model() -> LocalModel:
    """Return the model that ships with Tern."""
    return _local(DEMO, "Tern demo (a toy)", assets_folder() / "demo-model")


def resolve(name: str) -> LocalModel:
    """Return the model that `name` means: "demo", a folder, or a hub id with an optional @revision.

    Raises ModelNotFound where nothing of that name is on this computer, NotAModel for a file or
    for a folder without config.json.
    """
    if name == DEMO:
        return demo_model()
    folder = _expanded(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise NotAModel(folder=folder, reason="it holds no config.json")
        return _local(str(folder.absolute()), folder.absolute().name, folder.absolute())
    if folder.is_file():
        raise NotAModel(folder=folder, reason="it is a file, not a folder")
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.file_download import try_to_load_from_cache

    repo, _, revision = name.partition("@")
    try:
        config = try_to_load_from_cache(repo, "config.json", revision=revision or None)
    except HFValidationError:
        config = None
    if not isinstance(config, str):
        raise ModelNotFound(model=name)
    return _local(name, repo.rpartition("/")[2], Path(config).parent)


def _expanded(name: str) -> Path:
    """The path `name`; raises ModelNotFound where it cannot be one."""
    try:
        folder = Path(name).expanduser()
        folder.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a null byte
        raise ModelNotFound(model=name if len(name) < 80 else f"{name[:80]}…") from error
    return folder


def local_models(folders: tuple[str, ...] = ()) -> list[LocalModel]:
    """Return the demo, the readable ones of `folders`, and the Hugging Face cache's chat models."""
    found = [demo_model()]
    for folder in folders:
        try:
            found.append(resolve(folder))
        except (ModelNotFound, NotAModel):
            continue
    return found + _cached_models()


def _cached_models() -> list[LocalModel]:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return []
    names = sorted(repo.repo_id for repo in cache.repos if repo.repo_type == "model")
    models = []
    for name in names:
        try:
            model = resolve(name)
        except (ModelNotFound, NotAModel):
            continue
        if _is_causal_lm(model.folder) and any(model.folder.glob("*.safetensors")):
            models.append(model)
    return models


def _is_causal_lm(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return any(str(name).endswith("ForCausalLM") for name in config["architectures"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _local(name: str, title: str, folder: Path) -> LocalModel:
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return LocalModel(name, title, folder, size)
