"""`tern models show`: one model, here or on the Hub, and what each precision of it takes here."""

import argparse
import contextlib

from engine.cli import console
from engine.cli.models_local import as_json
from engine.cli.store import describe, open_settings
from engine.errors import ModelNotFound
from engine.hardware import read_cpu
from engine.paths import Paths
from engine.preflight import Outlook, Preflight
from engine.store.description import Description
from engine.store.local import StoredModel, find


def show(args: argparse.Namespace) -> int:
    """Run `tern models show`: of a model on this computer nothing is asked of the Hub."""
    settings, paths = open_settings()
    with contextlib.suppress(ModelNotFound):
        return _show_local(find(args.model, settings.value, paths), paths, args.json)
    return _show_remote(describe(args.model, paths), paths, args.json)


def _show_local(model: StoredModel, paths: Paths, as_object: bool) -> int:
    folder = model.folder
    outlooks = Preflight(paths, read_cpu()).outlooks(model.config, folder) if model.config else ()
    if as_object:
        console.print_json(as_json(model) | {"outlooks": outlooks})
        return 0
    print(console.one_line(f"{model.name}: {model.origin}, {folder}"))
    print(f"weights {console.size(model.size)}, all files {console.size(model.disk)}")
    if model.problem:
        print(console.one_line(model.problem))
    print_outlooks(outlooks)
    return 0


def _show_remote(described: Description, paths: Paths, as_object: bool) -> int:
    outlooks = outlooks_of(described, paths)
    refusal = described.refusal
    if as_object:
        console.print_json(
            {
                "repo": described.repo,
                "revision": described.reference.revision,
                "commit": described.commit,
                "licence": described.licence,
                "gated": described.gated,
                "architecture": described.architecture,
                "parameters": described.parameters,
                "downloads": described.downloads,
                "likes": described.likes,
                "download_bytes": described.download_bytes,
                "files": described.needed,
                "refusal": f"{refusal.said} {refusal.advice}" if refusal else "",
                "outlooks": outlooks,
            }
        )
        return 0
    facts = (
        f"licence {described.licence or 'not named'}",
        f"{described.parameters / 1e6:,.0f} M parameters" if described.parameters else "",
        described.architecture,
        f"{described.downloads:,} downloads",
        "gated" if described.gated else "",
    )
    print(console.one_line(f"{described.reference}: {' · '.join(filter(None, facts))}"))
    print(f"download {console.size(described.download_bytes)}, {len(described.needed)} files")
    print_outlooks(outlooks)
    if refusal:
        print(console.one_line(f"Tern would not download it: {refusal.said} {refusal.advice}"))
    return 0


def print_outlooks(outlooks: tuple[Outlook, ...]) -> None:
    for look in outlooks:
        if look.problem:
            print(console.one_line(f"{look.precision}: {look.problem}"))
            continue
        first = f", {console.size(look.packing)} to quantise it once" if look.packing else ""
        print(
            f"{look.precision}: {look.fit}: {console.size(look.running)} with {look.context:,} "
            f"tokens{first}; {console.size(look.free)} is free"
        )


def outlooks_of(described: Description, paths: Paths) -> tuple[Outlook, ...]:
    """Return what each precision of a model on the Hub needs here; nothing where it cannot run."""
    if described.shape is None:
        return ()
    sizes = {file.path: file.size for file in described.files}
    preflight = Preflight(paths, read_cpu())
    return preflight.outlooks(described.shape, tokenizer_size=sizes.get("tokenizer.json"))
