"""The models on this computer: what they are, what they take on disk, whether Tern can run them.

Reads names, sizes and config.json, never weights, and never asks the network.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from engine.errors import DamagedFile, LinkLeavesFolder, ModelNotFound, NotAModel, TernError
from engine.messages import Precision
from engine.model_config import ModelConfig, read_config, read_json
from engine.model_files import has_tokenizer, weight_files
from engine.models import LocalModel, demo_model, local_model, resolve
from engine.paths import Paths
from engine.settings import Settings
from engine.store.files import files_below, folder_size, is_readable
from engine.store.hub_cache import (
    Snapshot,
    identity,
    model_roots,
    repo_folders,
    snapshots,
    standard_cache,
)
from engine.store.packed import PackedFolder, packed_folders, useless

_CAUSAL = ("ForCausalLM", "LMHeadModel")


class Origin(StrEnum):
    """Where a model lies, and so whose it is."""

    SHIPPED = "ships with Tern"
    FOLDER = "imported in place"
    COPY = "imported copy"
    STORE = "downloaded"
    SHARED = "Hugging Face cache"


@dataclass(frozen=True)
class StoredModel(LocalModel):
    """A model on this computer, all that is known without opening its weights. Sizes in bytes.

    `size` is that of the weights, `disk` that of all files. `packed`: per precision, what Tern's
    own packed weights of it take besides. `problem` says why it cannot run, "" where it can;
    `is_complete` is False where files are still to be fetched; where all are, `folder` is that of
    the whole repository. `config` is None where Tern cannot
    read it.
    """

    origin: Origin
    revision: str
    disk: int
    packed: Mapping[Precision, int] = field(default_factory=dict)
    problem: str = ""
    is_complete: bool = True
    config: ModelConfig | None = None

    @property
    def can_run(self) -> bool:
        """Whether it is whole, and of a kind that Tern reads."""
        return not self.problem


def list_models(settings: Settings, paths: Paths) -> list[StoredModel]:
    """Return the demo, the imported folders, and the chat models of the model caches."""
    packed = packed_by_model(paths)
    found = [_stored(demo_model(), Origin.SHIPPED, "", packed)]
    for name in settings.folders:
        try:
            model = resolve(name)
        except (ModelNotFound, NotAModel, OSError):  # taken away, or a disk that is not there now
            continue
        copied = model.folder.is_relative_to(imports_folder(settings, paths))
        origin = Origin.COPY if copied else Origin.FOLDER
        found.append(_stored(model, origin, "", packed))
    for snapshot, origin in cached_snapshots(settings):
        if _is_causal_lm(snapshot.folder / "config.json"):
            model = local_model(snapshot.name, snapshot.title, snapshot.folder)
            found.append(_stored(model, origin, snapshot.commit, packed))
    return [*found, *_begun(settings)]


def find(name: str, settings: Settings, paths: Paths) -> StoredModel:
    """Return the model `name`. Raises ModelNotFound or NotAModel."""
    known = {model.name: model for model in list_models(settings, paths)}
    if name in known:
        return known[name]
    model = resolve(name, model_roots(settings))
    same = [m for m in known.values() if m.folder == model.folder]
    return same[0] if same else _stored(model, Origin.FOLDER, "", packed_by_model(paths))


def cached_snapshots(settings: Settings) -> Iterator[tuple[Snapshot, Origin]]:
    """Yield each revision in the model caches; a name that the store has hides the shared one."""
    seen = set()
    for root in model_roots(settings):
        origin = _origin(root)
        for repo, folder in repo_folders(root).items():
            for snapshot in snapshots(repo, folder):
                if snapshot.name not in seen:
                    seen.add(snapshot.name)
                    yield snapshot, origin


def _begun(settings: Settings) -> Iterator[StoredModel]:
    """Yield the downloads of which only some content has arrived: there is no revision yet."""
    for root in model_roots(settings):
        for repo, folder in repo_folders(root).items():
            arrived = folder_size(folder / "blobs")
            if arrived and not snapshots(repo, folder):
                yield StoredModel(
                    name=repo,
                    title=repo.rpartition("/")[2],
                    folder=folder,
                    size=0,
                    origin=_origin(root),
                    revision="",
                    disk=arrived,
                    problem="Its download is not finished.",
                    is_complete=False,
                )


def _origin(root: Path) -> Origin:
    return Origin.SHARED if root == standard_cache() else Origin.STORE


def imports_folder(settings: Settings, paths: Paths) -> Path:
    """Return where copies of imported folders belong."""
    return Path(settings.models).absolute() / "imported" if settings.models else paths.imported


def packed_by_model(paths: Paths) -> Mapping[str, list[PackedFolder]]:
    """Return the packed weights of each model by its `identity`."""
    by_model: dict[str, list[PackedFolder]] = defaultdict(list)
    for packed in packed_folders(paths.packed):
        by_model[packed.source].append(packed)
    return by_model


def reclaimable(settings: Settings, paths: Paths) -> list[PackedFolder]:
    """Return the packed weights that no model can use: of older versions, of deleted models."""
    cached = [identity(snapshot.folder) for snapshot, _ in cached_snapshots(settings)]
    imported = [identity(Path(folder)) for folder in settings.folders]
    return useless(paths.packed, {*cached, *imported})


def _stored(
    model: LocalModel, origin: Origin, revision: str, packed: Mapping[str, list[PackedFolder]]
) -> StoredModel:
    sizes: dict[Precision, int] = defaultdict(int)
    for folder in packed.get(identity(model.folder), []):
        if folder.precision:
            sizes[folder.precision] += folder.size
    problem, config = "", None
    is_complete = all(is_readable(path) for path in files_below(model.folder))
    try:
        config = read_config(model.folder)
        weight_files(model.folder)
        if not has_tokenizer(model.folder):
            raise NotAModel(folder=model.folder, reason="it holds no tokenizer")
    except DamagedFile as error:
        problem = error.said
        is_complete = is_complete and is_readable(Path(str(error.facts["file"])))
    except TernError as error:
        problem = error.said
    return StoredModel(
        name=model.name,
        title=model.title,
        folder=model.folder,
        size=model.size,
        origin=origin,
        revision=revision,
        disk=folder_size(model.folder),
        packed=dict(sizes),
        problem=problem,
        is_complete=is_complete,
        config=config,
    )


def _is_causal_lm(config_file: Path) -> bool:
    """Return whether it names a chat model, or is gone: its content is to be fetched again."""
    if config_file.is_symlink() and not is_readable(config_file):
        return True
    try:
        names = read_json(config_file).get("architectures")
    except LinkLeavesFolder:  # which the list then says
        return True
    except TernError:
        return False
    return isinstance(names, list) and any(str(name).endswith(_CAUSAL) for name in names)
