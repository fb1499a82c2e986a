"""The verbs of `tern models` for what is on this computer; none of them asks the network."""

import argparse
from pathlib import Path

from engine.cli import console
from engine.cli.session import Explained
from engine.cli.store import ByteProgress, confirm, open_settings
from engine.messages import Precision
from engine.store.importing import import_folder
from engine.store.local import StoredModel, find, list_models, reclaimable
from engine.store.moving import move, plan_move
from engine.store.packed import sweep
from engine.store.removal import delete, plan_delete
from engine.store.verify import Verification, discard, verify


def list_all(args: argparse.Namespace) -> int:
    """Run `tern models list`."""
    settings, paths = open_settings()
    found = list_models(settings.value, paths)
    unused = sum(packed.size for packed in reclaimable(settings.value, paths))
    if args.json:
        models = [as_json(model) for model in found]
        console.print_json({"models": models, "reclaimable_bytes": unused})
        return 0
    width = max(len(model.name) for model in found)
    for model in found:
        size = console.size(model.size or model.disk)
        print(f"{console.one_line(model.name):{width}}  {size:>9}  {_state(model)}")
    if unused:
        console.note(
            f"{console.size(unused)} of packed weights belong to no model; `tern models sweep` "
            "deletes them."
        )
    return 0


def _state(model: StoredModel) -> str:
    packed = (f"{p} {console.size(size)}" for p, size in model.packed.items())
    parts = (str(model.origin), *packed, model.problem or str(model.folder))
    return console.one_line(" · ".join(parts))


def as_json(model: StoredModel) -> dict[str, object]:
    """Return what is known of a model. Sizes in bytes."""
    return {
        "name": model.name,
        "title": model.title,
        "folder": str(model.folder),
        "size": model.size,
        "is_demo": model.is_demo,
        "origin": model.origin,
        "revision": model.revision,
        "disk": model.disk,
        "packed": {precision: model.packed.get(precision, 0) for precision in Precision},
        "architecture": model.config.architecture if model.config else None,
        "parameters": model.config.parameters if model.config else None,
        "can_run": model.can_run,
        "is_complete": model.is_complete,
        "problem": model.problem,
    }


def import_one(args: argparse.Namespace) -> int:
    """Run `tern models import`."""
    settings, paths = open_settings()
    with ByteProgress("Copying") as progress:
        model = import_folder(Path(args.folder), args.copy, settings, paths, progress)
    if args.json:
        console.print_json(as_json(model))
    else:
        print(f"{console.one_line(model.name)} can be used now.")
    return 0


def verify_one(args: argparse.Namespace) -> int:
    """Run `tern models verify`."""
    settings, paths = open_settings()
    model = find(args.model, settings.value, paths)
    with ByteProgress("Reading") as progress:
        result = verify(model, progress)
    discarded = discard(result) if args.discard else ()
    if args.json:
        console.print_json(
            {"model": result.model, "by_hash": result.by_hash, "files": result.files}
            | {"damaged": [file.name for file in result.damaged], "discarded": discarded}
        )
    for file in result.damaged:
        console.note(f"{file.name}: {file.reason}")
    if result.damaged:
        raise _damaged(result, model)
    if not args.json:
        how = "every byte was compared" if result.by_hash else "no hashes of it are known here"
        print(f"{console.one_line(model.name)} is sound: {len(result.files)} files, {how}.")
    return 0


def _damaged(result: Verification, model: StoredModel) -> Explained:
    names = ", ".join(file.name for file in result.damaged)
    sentence = f"Damaged or missing in {model.name}: {names}."
    if not model.revision:
        return Explained(sentence, "Copy the folder again from where it came.")
    if any(file.path.exists() for file in result.damaged):
        return Explained(
            sentence,
            f"`tern models verify {model.name} --discard` deletes what is damaged; then "
            f"`tern models download {model.name}` fetches it again.",
        )
    return Explained(sentence, f"`tern models download {model.name}` fetches it again.")


def delete_one(args: argparse.Namespace) -> int:
    """Run `tern models delete`."""
    settings, paths = open_settings()
    plan = plan_delete(find(args.model, settings.value, paths), paths)
    for remark in plan.remarks:
        console.note(remark)
    freed = console.size(plan.freed_bytes)
    confirm(f"Delete {console.one_line(plan.model.name)} and free {freed}?", args.yes)
    delete(plan, settings)
    if args.json:
        console.print_json(
            {
                "model": plan.model.name,
                "freed_bytes": plan.freed_bytes,
                "model_bytes": plan.model_bytes,
                "packed_bytes": plan.packed_bytes,
                "shared_bytes": plan.shared_bytes,
                "remarks": plan.remarks,
            }
        )
    else:
        print(f"{freed} are free again.")
    return 0


def move_all(args: argparse.Namespace) -> int:
    """Run `tern models move`."""
    settings, paths = open_settings()
    plan = plan_move(Path(args.folder), settings.value, paths)
    for remark in plan.remarks:
        console.note(remark)
    confirm(f"Move {console.size(plan.size)} to {plan.root}?", args.yes)
    with ByteProgress("Moving") as progress:
        move(plan, settings, progress)
    if args.json:
        console.print_json({"root": plan.root, "moved_bytes": plan.size, "remarks": plan.remarks})
    else:
        print(f"The models are in {plan.root} now.")
    return 0


def sweep_packed(args: argparse.Namespace) -> int:
    """Run `tern models sweep`."""
    settings, paths = open_settings()
    unused = reclaimable(settings.value, paths)
    for packed in unused:
        console.note(f"{packed.folder}, {console.size(packed.size)}")
    if unused:
        confirm(f"Delete {console.size(sum(packed.size for packed in unused))}?", args.yes)
    freed = sweep(unused)
    if args.json:
        console.print_json({"freed_bytes": freed, "folders": [p.folder for p in unused]})
    else:
        print(f"{console.size(freed)} are free again." if unused else "There is nothing to delete.")
    return 0
