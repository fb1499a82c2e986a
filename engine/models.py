"""What the name of a model means: the demo, a folder, or a repository in the model caches.

Light half. What there is to choose from is `engine/store/local.py`'s to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelNotFound, NotAModel
from engine.paths import Paths, assets_folder
from engine.settings import SettingsFile
from engine.store.files import is_readable
from engine.store.hub_cache import find_snapshot, model_roots

DEMO = "demo"
DEMO_NOTICE = (
    "A toy model that shows the program: it knows greetings, small sums and short stories. "
    "Choose a real one from the list of models."
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
    return local_model(DEMO, "Tern demo (a toy)", assets_folder() / "demo-model")


def resolve(name: str, roots: Sequence[Path] | None = None) -> LocalModel:
    """Return the model that `name` means: "demo", a folder, or a hub id with an optional @revision.

    roots: the model caches to look into; None takes those of the settings. Raises ModelNotFound
    where nothing of that name is on this computer, NotAModel for a file or for a folder without
    config.json.
    """
    if name == DEMO:
        return demo_model()
    folder = _expanded(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise NotAModel(folder=folder, reason="it holds no config.json")
        return local_model(str(folder.absolute()), folder.absolute().name, folder.absolute())
    if folder.is_file():
        raise NotAModel(folder=folder, reason="it is a file, not a folder")
    if roots is None:
        roots = model_roots(SettingsFile.of(Paths.default()).value)
    snapshot = find_snapshot(name, roots)
    if snapshot is None or not (snapshot.folder / "config.json").is_file():
        raise ModelNotFound(model=name)
    return local_model(name, snapshot.title, snapshot.folder)


def _expanded(name: str) -> Path:
    """The path `name`; raises ModelNotFound where it cannot be one."""
    try:
        folder = Path(name).expanduser()
        folder.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a null byte
        raise ModelNotFound(model=name if len(name) < 80 else f"{name[:80]}…") from error
    return folder


def local_model(name: str, title: str, folder: Path) -> LocalModel:
    """Return the model in `folder`, its weights measured."""
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors") if is_readable(file))
    return LocalModel(name, title, folder, size)
